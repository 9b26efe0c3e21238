"""The verbs that talk to the phone system, beyond the table in tests/functional/api: what goes wrong and is told."""

from __future__ import annotations

import subprocess
import threading
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from noojee_ingest.catalogue.budget import open_budget
from noojee_ingest.simulator import RunningSimulator
from tests.functional.cli.phone_calls import Called, answers, rule
from tests.functional.conftest import KEY

if TYPE_CHECKING:
    from .conftest import Said

LEAD = ["--template", "12", "--campaign", "31", "--allocation", "311"]

Program = Callable[..., "Said"]


class TestWhatIsTold:
    def test_a_warning_reaches_the_caller_once_and_is_no_failure(
        self, program: Program, phone: RunningSimulator
    ) -> None:
        answers(phone, "hangup", '{"Code": 7, "Message": "late \\u001b[31m"}')
        said = program("call", "hangup", "205")
        assert said.code == 0
        assert said.err.count("The phone system warns: code 7") == 1
        assert "\x1b" not in said.err + said.out
        assert "warning" in program("call", "hangup", "205", "--json").document

    def test_what_cannot_be_read_in_a_list_ends_with_3(self, program: Program, phone: RunningSimulator) -> None:
        answers(phone, "getCampaignList", '{"code": 0, "entities": [{"id": 31, "name": "A"}, 7, {"name": "no id"}]}')
        said = program("campaign", "list", "--template", "12", "--json")
        assert said.code == 3
        assert [entry["name"] for entry in said.document["entries"]] == ["A"]
        assert [one["raw"] for one in said.document["refused"]] == ["7", '{"name": "no id"}']
        assert said.err.count("Not readable") == 2

    def test_a_lost_answer_is_uncertain_and_nothing_is_sent_twice(
        self, program: Program, phone: RunningSimulator
    ) -> None:
        rule(phone, "dial", answer={"cut_after": 0})
        said = program("call", "dial", "0355500123", "205")
        assert said.code == 1
        assert "before you dial again" in said.err
        assert phone.counters().requests["dial"] == 1

    @pytest.mark.parametrize(
        ("code", "told"),
        [
            (102, "Give at least one field whose display type is Phone Number"),
            (104, "This person does not want to be called"),
            (105, "Update the one that exists, or allow duplicates"),
            (109, "Nothing was written. Ask again in a few minutes"),
        ],
    )
    def test_a_refused_call_record_is_told_in_words(
        self, program: Program, phone: RunningSimulator, code: int, told: str
    ) -> None:
        answers(phone, "insertLeadFast", f'{{"code": {code}, "message": "X"}}', status=400)
        said = program("callrecord", "save", *LEAD, "--field", "FirstPhone=0355500123")
        assert said.code == 1
        assert told in said.err
        assert phone.counters().requests["insertLeadFast"] == 1

    def test_no_key_is_ever_told(self, program: Program, phone: RunningSimulator) -> None:
        phone.set_key("another")
        said = program("site", "health")
        assert said.code == 1
        assert KEY not in said.out + said.err

    def test_a_site_without_a_key_ends_with_2(
        self, program: Program, phone: RunningSimulator, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.delenv("NOOJEE_INGEST_SITES__HERE__API_KEY")
        said = program("site", "health")
        assert said.code == 2
        assert "NOOJEE_INGEST_SITES__HERE__API_KEY" in said.err

    def test_the_string_of_a_handset_is_the_sites_own(self, program: Program, phone: RunningSimulator) -> None:
        rule(phone, "dial", match={"autoAnswer": "X-Ours: \\;now"}, answer={"text": '{"Code": 9, "Message": "ours"}'})
        assert "ours" in program("call", "dial", "0355500123", "205", "--handset", "yealink").err

    def test_a_call_record_holds_what_was_typed(self, program: Program, phone: RunningSimulator) -> None:
        fields = ["--field", "FirstPhone=0355507777", "--field", "Name=a=b & '\"🙂"]
        assert program("callrecord", "save", *LEAD, *fields, "--external-id", "Z-1", "--priority", "5").code == 0
        (lead,) = [lead for lead in phone.leads() if "Z-1" in str(lead)]
        assert lead["fields"]["Name"] == "a=b & '\"🙂"
        assert lead["priority"] == 5
        said = program("callrecord", "update", *LEAD, "--external-id", "Z-1", "--field", "FirstPhone=<No Change>",
                       "--disposition", "Callback", "--callback", "2026-03-12T14:30")  # fmt: skip
        assert said.code == 0, said.err
        (lead,) = [lead for lead in phone.leads() if "Z-1" in str(lead)]
        assert "Callback" in str(lead)
        assert "14:30" in str(lead)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["call", "dial", "1", "205", "--tag", "x"], "say --record too"),
        (["call", "dial", "1", "205", "--handset", "snom", "--auto-answer", "x"], "not both"),
        (["call", "dial", "1", "205", "--handset", "snomm"], "The nearest is 'snom'"),
        (["call", "answer", "1.2", "205"], "the handset must be told to answer"),
        (["recording", "get", "--call-record-id", "1"], "cannot list the legs of a call record id"),
        (["recording", "get", "--unique-id", "1.2", "--leg", ""], "--leg is empty"),
        (["recording", "get", "--call-record-id", "1", "--leg", ""], "--leg is empty"),
        (["callrecord", "list", "--template", ""], "template"),
        (["recording", "get"], "say one of --tag, --call-record-id, --unique-id"),
        (["recording", "get", "--tag", "x", "--unique-id", "1"], "say one of"),
        (["recording", "list", "--hour", "9"], "is no hour; write it as 2026-03-10T09"),
        (["callrecord", "save", *LEAD, "--field", "Name"], "is not of the form Name=value"),
        (["callrecord", "save", *LEAD, "--field", "A=1", "--field", "A=2"], "is there twice"),
        (["callrecord", "save", *LEAD, "--callback", "2026-03-12T14:30+11:00"], "has an offset"),
        (["callrecord", "save", *LEAD, "--callback", "2026-03-12"], "has no time"),
        (["callrecord", "save", *LEAD, "--priority", "101"], "--priority"),
        (["callrecord", "save", *LEAD, "--field", "A=1", "--disposition", "Sale"], "takes no disposition"),
        (["callrecord", "update", *LEAD], "Missing option"),
        (["campaign", "list"], "Missing option"),
        (["call", "watch", "205", "--timeout", "0"], "--timeout"),
        (["site", "health", "--site", "there"], "there is no site 'there'"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_a_wrong_call_ends_with_2_and_asks_nothing(
    program: Program, phone: RunningSimulator, arguments: list[str], said: str
) -> None:
    heard = program(*arguments)
    assert heard.code == 2
    assert said in " ".join("".join(" " if letter in "│╭╮╰╯─" else letter for letter in heard.err).split())
    assert not phone.counters().requests


class TestBudget:
    def test_who_waits_for_a_request_is_told_why(
        self, program: Program, phone: RunningSimulator, capsys: pytest.CaptureFixture[str]
    ) -> None:
        with closing(open_budget("sqlite:///data/catalogue.db")) as budget:
            budget.lease("here", "another", 8, 8, 600.0)
            done = threading.Timer(1.5, lambda: budget.give_back("another"))
            done.start()
            said = program("site", "health")
            done.join()
        assert said.code == 0
        assert said.err.count("Waiting: all 8 requests that here allows at once are in use.") == 1

    @pytest.mark.parametrize(
        "verb",
        [
            ["call", "dial", "0355500123", "205"],
            ["call", "state", "206"],
            ["call", "hangup", "206"],
            ["call", "answer", "1.2", "206", "--handset", "snom"],
            ["recording", "start", "206"],
            ["recording", "stop", "206"],
            ["recording", "tag", "206", "T"],
        ],
        ids=" ".join,
    )
    def test_a_call_is_controlled_though_the_catalogue_is_down(
        self, program: Program, phone: RunningSimulator, verb: list[str]
    ) -> None:
        Path("data").write_text("a file where the folder should be")
        if verb[1] != "state":
            answers(phone, verb[1], '{"Code": 0}')
        said = program(*verb)
        assert said.code == 0, said.err
        assert said.err.count("Going on without the site budget") == 1
        assert sum(phone.counters().requests.values()) == 1

    @pytest.mark.parametrize("verb", [["recording", "list", "--hour", "2026-03-10T09"], ["site", "health"]])
    def test_all_others_are_refused_while_it_is_down(
        self, program: Program, phone: RunningSimulator, verb: list[str]
    ) -> None:
        Path("data").write_text("a file where the folder should be")
        assert program(*verb).code == 1
        assert not phone.counters().requests

    def test_nothing_is_leased_when_it_is_over_nor_while_somebody_watches(
        self, program: Program, phone: RunningSimulator
    ) -> None:
        assert program("site", "health").code == 0
        with closing(open_budget("sqlite:///data/catalogue.db")) as budget:
            assert budget.holders("here") == []
            with Called("watch", "206", stdout=subprocess.PIPE) as process:
                phone.call_in("206", "1")
                assert process.stdout is not None
                process.stdout.readline()
                assert budget.holders("here") == []
