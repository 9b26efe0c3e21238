"""The nightly flow from the command line: how it ends, what Prefect knows of it, and that the key is nowhere."""

from __future__ import annotations

import json
from collections.abc import Callable
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from tests.functional.conftest import KEY

if TYPE_CHECKING:
    from .conftest import Place

OTHER_KEY = "c0ffee00-7a11-11ec-9d3c-00163e1a2b3c"
AUDIO = "retrieveByCallRecordId"
ECHOES = [
    {"status": 500, "text": f"<html>apiKey={KEY}</html>"},
    {"status": 400, "text": f'{{"code":-1,"message":"no such thing for {KEY}"}}'},
    {"text": f'{{"Code":-1,"Message":"{KEY} may not hear this"}}'},
    {"text": f"<html>GET /?apiKey={KEY} has no audio</html>"},
    {"status": 302, "headers": {"Location": f"http://127.0.0.1:9/?apiKey={KEY}"}},
    {"status": 429, "headers": {"Retry-After": "7200"}, "text": KEY},
    {"cut_after": 100},
    {"hang": True},
]
"""Every kind of trouble that one leg may meet, with a phone system that repeats the key where it can."""


def holding(run: Any, key: str) -> list[str]:
    """Where the key is to be found after a run."""
    places = [str(path) for path, data in run.place.written() if key.encode() in data]
    places += [name for name, text in (("stdout", run.out), ("stderr", run.err)) if key in text]
    return places + [command for command in run.commands if key in command]


@pytest.fixture(scope="module")
def gaps(place: Callable[..., Place]) -> SimpleNamespace:
    """A night with every trouble, all loggers at DEBUG, looked at by the tests below."""
    here = place(calls_a_day=40, never_legs=2, not_audio_legs=3, cut_wav_legs=1, unexplained_calls=2)
    legs = [leg for leg in here.simulator.truth().ended(here.yesterday) if leg.trouble == "none"]
    for leg, answer in zip(legs, ECHOES, strict=False):
        here.rule(AUDIO, {"callRecordId": leg.call_record_id, "leg": leg.leg}, **answer)
    here.rule("retrieveMetaDataByUniqueId", times=5, status=500, text=f"apiKey={KEY}")
    run = here.run("nightly", "--json", loud=True, SITES__HERE__READ_TIMEOUT_SECONDS="1")
    run.until(lambda: run.living() and here.audio_files() > 20)
    seen = run.living()
    code = run.end()
    return SimpleNamespace(place=here, run=run, code=code, seen=seen, document=run.document, truth=legs)


def test_a_night_with_gaps_ends_with_3_and_the_state_gaps(gaps: SimpleNamespace) -> None:
    assert gaps.code == gaps.document["exit_code"] == 3
    ((_, name, of_type, message),) = gaps.place.flow_runs("nightly")
    assert (name, of_type) == ("Gaps", "COMPLETED")
    assert message == gaps.document["summary"]
    assert message.startswith("finished with gaps: ")


def test_no_process_is_left(gaps: SimpleNamespace) -> None:
    assert len(gaps.seen) >= 2  # the run and Prefect's server
    assert gaps.run.living() == []
    assert not list(gaps.place.prefect.glob("server-*.json"))


def test_every_batch_is_one_task_run_and_all_completed(gaps: SimpleNamespace) -> None:
    ((flow_run, *_),) = gaps.place.flow_runs("nightly")
    ((legs,),) = gaps.place.rows("select count(*) from leg")  # of the day, and those that ended since midnight
    assert gaps.place.task_runs(flow_run) == -(-legs // 100)
    states = gaps.place.prefect_rows(f"select distinct state_name from task_run where flow_run_id = '{flow_run}'")
    assert states == [("Completed",)]


def test_progress_and_table_artifacts_have_the_numbers_of_the_report(gaps: SimpleNamespace) -> None:
    ((flow_run, *_),) = gaps.place.flow_runs("nightly")
    found = gaps.place.prefect_rows(
        f"select key, type, data, description from artifact where flow_run_id = '{flow_run}'"
    )
    artifacts = {key: (of_type, data, told) for key, of_type, data, told in found}
    assert artifacts["nightly-here"][0] == "progress"
    assert float(artifacts["nightly-here"][1]) == 100
    for day in gaps.document["days"]:
        of_type, data, told = artifacts[f"completeness-here-{day['day']}"]
        table = json.loads(json.loads(data))
        assert of_type == "table"
        assert table == [{name: str(value) for name, value in row.items()} for row in day["rows"]]
        assert told == gaps.document["summary"]
    total = gaps.document["days"][0]["rows"][-1]
    archived = gaps.place.rows(f"select count(*) from leg where state = 'archived' and day = '{gaps.place.yesterday}'")
    assert archived == [(total["archived"],)]


def test_each_trouble_was_met_and_told_in_words_of_ours(gaps: SimpleNamespace) -> None:
    causes = {cause for (cause,) in gaps.place.rows("select distinct cause from leg")}
    assert {
        "phone system fault (500)",
        "refused (400)",
        "unreadable answer",
        "phone system busy",
        "cut on the way",
        "timed out",
    } <= causes
    assert any(problem.startswith("meta data of call ") for problem in gaps.document["problems"])


def test_the_key_is_nowhere(gaps: SimpleNamespace) -> None:
    assert "urllib3" in gaps.run.err  # its lines of each request were really written
    assert "apiKey=***" in gaps.run.err
    assert len([path for path, _ in gaps.place.written() if "evidence" in str(path)]) > 3
    logged = gaps.place.prefect_rows("select count(*) from log where message like '%apiKey=%'")
    assert logged != [(0,)]  # and they reached Prefect's database
    assert any("uvicorn" in command for command in gaps.run.commands)
    assert holding(gaps.run, KEY) == []


@pytest.mark.parametrize("day", ["9999-12-31", "0001-01-01"])
def test_a_day_that_cannot_be_is_usage_and_no_run(place: Callable[..., Place], day: str) -> None:
    here = place()
    run = here.run("nightly", "--day", day)
    assert run.end() == 2
    assert run.err.splitlines()[-1].startswith(f"noojee-ingest: archiving {day} of site here: this day is ")
    assert "Traceback" not in run.err.splitlines()[-1]
    assert run.out == ""
    ((_, name, _, message),) = here.flow_runs("nightly")
    assert (name, f"archiving {day}" in message) == ("Failed", True)


@pytest.mark.parametrize(
    ("variables", "said"),
    [
        ({"SITES__HERE__API_KEY": OTHER_KEY}, "the phone system does not accept the key"),
        ({"SITES__HERE__URL": "http://127.0.0.1:9"}, "127.0.0.1:9 refused the connection"),
    ],
    ids=["wrong key", "refused port"],
)
def test_a_run_that_fails_ends_with_1_says_why_and_leaves_nothing(
    place: Callable[..., Place], variables: dict[str, str], said: str
) -> None:
    here = place()
    run = here.run("nightly", loud=True, **variables)
    run.until(lambda: len(run.living()) >= 2)
    assert run.end() == 1
    told = run.err.splitlines()[-1]
    assert told.startswith("noojee-ingest: Could not list campaign templates")
    assert said in told
    assert run.out == ""
    ((_, name, of_type, message),) = here.flow_runs("nightly")
    assert (name, of_type) == ("Failed", "FAILED")
    assert said in message
    assert run.living() == []
    assert here.audio_files() == 0
    for key in (KEY, OTHER_KEY):
        assert holding(run, key) == []
