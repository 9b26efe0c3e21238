"""docs/doctor.md against what the doctor says, and the verb as people call it."""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from noojee_ingest.cli.program import app
from noojee_ingest.pipeline.doctor import room, variants
from noojee_ingest.pipeline.doctor.audio import MOST_IN_A_ROW
from noojee_ingest.pipeline.doctor.buckets import LOCK_SECONDS
from noojee_ingest.pipeline.doctor.report import PUT_TOML
from tests.functional.conftest import KEY
from tests.functional.docs.test_cli import documented as documented_members
from tests.functional.docs.test_cli import members
from tests.functional.doctor.conftest import Surgery

PAGE = (Path(__file__).parents[3] / "docs" / "doctor.md").read_text()
Make = Callable[..., Surgery]


def documented() -> set[str]:
    table = PAGE[PAGE.index("## The checks") :].partition("\n## ")[0]
    return {
        name for row in re.findall(r"^\| (`.+?) \| ", table, re.MULTILINE) for name in re.findall(r"`([^`]+)`", row)
    }


def test_every_check_is_documented_and_there_is_no_other(make_surgery: Make) -> None:
    surgery = make_surgery()
    seen = {check.name for check in surgery.examine(store=True).checks}
    seen |= {check.name for check in surgery.examine(SITES__HERE__API_KEY="").checks}
    surgery.configure('[sites.here.contract.by_our]\npath = "/x"\n')
    (surgery.folder / "data").rename(surgery.folder / "moved")
    (surgery.folder / "data").write_text("no folder")
    seen |= {check.name for check in surgery.examine().checks}
    of_page = documented()
    of_buckets = {name for name in of_page if name.endswith("the archive's bucket")}
    assert len(of_buckets) == 2
    for name in seen:
        assert any(re.fullmatch(re.escape(told).replace("…", ".+"), name) for told in of_page), name
    for told in of_page - of_buckets:
        assert any(re.fullmatch(re.escape(told).replace("…", ".+"), name) for name in seen), told


def test_the_figures_of_the_page_are_those_of_the_program() -> None:
    assert f"At most {variants.MOST_REQUESTS} requests" in PAGE
    assert f"locked for {LOCK_SECONDS:.0f}\n  seconds" in PAGE
    assert f"a guess of {room.GUESSED_LEGS:,} legs of a minute" in PAGE
    assert (MOST_IN_A_ROW, room.NIGHTS_SEEN) == (3, 7)  # in words
    assert PUT_TOML in PAGE


def test_the_example_of_an_older_system_is_what_the_doctor_makes_of_it(make_surgery: Make) -> None:
    before, after = (
        tomllib.loads(text)["sites"]["melbourne"] for text in re.findall(r"```toml\n(.*?)```", PAGE, re.DOTALL)
    )
    printed = tomllib.loads(make_surgery(dialect="hash-only").examine().toml)["sites"]["here"]
    assert after == before | printed


def say(surgery: Surgery, *arguments: str) -> Result:
    environ = {f"NOOJEE_INGEST_{name}": text for name, text in {"SITES__HERE__API_KEY": KEY, **surgery.environ}.items()}
    return CliRunner().invoke(app, ["doctor", "--config", str(surgery.config), *arguments], env=environ)


def test_the_verb_prints_every_check_and_the_toml(make_surgery: Make) -> None:
    surgery = make_surgery(dialect="hash-only")
    said = say(surgery, "--store")
    found = surgery.examine(store=True)
    assert said.exit_code == found.exit_code == 1
    lines = said.stdout.splitlines()
    for check in found.checks:
        assert any(re.match(rf"{check.result} +{re.escape(check.name)}: ", line) for line in lines), check.name
    assert found.toml in said.stdout
    assert "until the TOML is in the configuration" in said.stdout
    assert "may wait" in said.stderr
    assert KEY not in said.output


def test_its_toml_can_be_cut_out_and_read(make_surgery: Make) -> None:
    said = say(make_surgery(dialect="other-audio")).stdout
    toml = re.search(r"^(\[sites\..*?)\n\n^This will", said, re.DOTALL | re.MULTILINE)
    assert toml
    read = tomllib.loads(toml[1])
    assert read["sites"]["here"]["contract"]["audio_by_call_record_id"]["call_record_id"] == "CallRecordId"


def test_the_json_is_one_document(make_surgery: Make) -> None:
    surgery = make_surgery(dialect="no-by-hour")
    said = say(surgery, "--json")
    told = json.loads(said.stdout)
    assert said.exit_code == told["exit_code"] == 1
    assert tomllib.loads(told["toml"]) == {"sites": {"here": {"by_hour": False}}}
    assert {"name", "result", "told", "hint", "needed"} == set(told["checks"][0])
    assert {"what", "request", "told", "is_right"} == set(told["variants"][0])
    assert told["will"]
    assert told["will_not"]
    assert told["unproven"] == []
    page = documented_members("doctor")
    assert {name for name, _ in members(told, page)} == set(page) - {"unproven[]"}
    assert page["unproven[]"] == "text"


def test_what_is_not_proven_has_a_list_of_its_own(surgery: Surgery) -> None:
    surgery.rule("retrieveMetaDataByHour", status=429, text="{}", headers={"retry-after": "3600"})
    said = say(surgery)
    assert said.exit_code == 3
    assert "Not proven:\n  Every recording is found, also of inbound and internal calls.\n" in said.stdout
    assert "This will not:" not in said.stdout
    told = json.loads(say(surgery, "--json").stdout)
    assert "unproven[]" in {name for name, _ in members(told, documented_members("doctor"))}


def test_what_the_phone_system_says_cannot_steer_the_terminal(surgery: Surgery) -> None:
    hostile = json.dumps({"code": -5, "message": "\x1b]0;owned\x07[red]no[/]"})
    surgery.rule("retrieveMetaDataByUniqueId", text=hostile)
    said = say(surgery)
    assert said.exit_code == 1
    assert "\x1b" not in said.output
    assert "[red]no[/]" in said.output


@pytest.mark.parametrize("arguments", [("--site", "there"), ("--what",)])
def test_wrong_usage_is_told(surgery: Surgery, arguments: tuple[str, ...]) -> None:
    said = say(surgery, *arguments)
    assert said.exit_code == 2 or said.exception is not None
    assert surgery.simulator.counters().requests == {}
