"""The verbs that talk to the phone system, beyond the table in tests/functional/api: what goes wrong and is told."""

from __future__ import annotations

import os
import pty
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from noojee_ingest.catalogue.budget import open_budget
from noojee_ingest.simulator import Rule, RunningSimulator

if TYPE_CHECKING:
    from .conftest import Said

KEY = "5b0f2c1e-7a11-11ec-9d3c-00163e1a2b3c"
ROOT = Path(__file__).parents[3]
CONFIG = """
data = "data"

[sites.here]
zone = "Australia/Melbourne"
url = "{url}"
by_hour_interval_seconds = 0.001

[sites.here.handsets]
yealink = 'X-Ours: \\;now'
"""
LEAD = ["--template", "12", "--campaign", "31", "--allocation", "311"]

Program = Callable[..., "Said"]


@pytest.fixture
def phone(
    start_simulator: Callable[..., RunningSimulator], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> RunningSimulator:
    running = start_simulator(ring_seconds=0.1, lead_call_seconds=0.0)
    monkeypatch.chdir(tmp_path)
    Path("config.toml").write_text(CONFIG.format(url=running.url))
    monkeypatch.setenv("NOOJEE_INGEST_CONFIG", "config.toml")
    monkeypatch.setenv("NOOJEE_INGEST_SITES__HERE__API_KEY", KEY)
    return running


def rule(phone: RunningSimulator, endpoint: str, **more: Any) -> None:
    phone.add_rule(Rule.model_validate({"endpoint": endpoint, **more}))


def answers(phone: RunningSimulator, endpoint: str, body: str, **more: Any) -> None:
    rule(phone, endpoint, answer={"text": body, **more})


class TestGet:
    @pytest.fixture
    def call(self, phone: RunningSimulator) -> list[Any]:
        """The legs of a call that has several."""
        legs = phone.truth().legs
        unique = next(leg.unique_id for leg in legs if leg.leg == "3")
        return [leg for leg in legs if leg.unique_id == unique]

    def test_all_legs_come_as_files_and_a_second_time_nothing_is_written(
        self, program: Program, call: list[Any]
    ) -> None:
        said = program("recording", "get", "--unique-id", call[0].unique_id, "--all-legs", "-o", "calls", "--json")
        assert said.code == 0
        files = [Path(file["path"]) for file in said.document["files"]]
        assert [file["leg"] for file in said.document["files"]] == [leg.leg for leg in call]
        assert sorted(files) == sorted(Path("calls").iterdir())
        before = {file: file.stat().st_mtime_ns for file in files}
        again = program("recording", "get", "--unique-id", call[0].unique_id, "--all-legs", "-o", "calls", "--json")
        assert again.code == 0
        assert all(file["was_there"] for file in again.document["files"])
        assert {file: file.stat().st_mtime_ns for file in Path("calls").iterdir()} == before

    @pytest.mark.parametrize("way", ["--unique-id", "--call-record-id"])
    def test_both_ids_give_the_same_bytes(self, program: Program, call: list[Any], way: str) -> None:
        name = call[0].unique_id if way == "--unique-id" else call[0].call_record_id
        said = program("recording", "get", way, name, "--all-legs", "--json")
        told = program("recording", "get", "--unique-id", call[0].unique_id, "--leg", "2", "--json", "-o", "x").document
        assert said.document["files"][1]["sha256"] == told["files"][0]["sha256"]
        assert len(said.document["files"]) == len(call)

    def test_another_file_of_that_name_stays_as_it_is(self, program: Program, call: list[Any]) -> None:
        name = program("recording", "get", "--unique-id", call[0].unique_id, "--leg", "1", "--json").document
        path = Path(name["files"][0]["path"])
        path.write_text("mine")
        said = program("recording", "get", "--unique-id", call[0].unique_id, "--leg", "1")
        assert said.code == 1
        assert f"writing {path}: it is there with other bytes than its name says: it was changed or cut" in said.err
        assert "Move it away" in said.err
        assert path.read_text() == "mine"
        assert [entry.name for entry in Path().iterdir() if entry.name.endswith(".part")] == []

    @pytest.mark.parametrize("way", ["--unique-id", "--call-record-id"])
    def test_what_was_written_is_told_though_another_leg_fails(
        self, program: Program, call: list[Any], way: str
    ) -> None:
        name = call[0].unique_id if way == "--unique-id" else call[0].call_record_id
        first = program("recording", "get", way, name, "--all-legs", "--json").document["files"]
        for file in first:
            Path(file["path"]).unlink()
        Path(first[2]["path"]).write_text("mine")
        said = program("recording", "get", way, name, "--all-legs", "--json")
        assert said.code == 3
        assert said.document["files"] == [first[0], first[1], *first[3:]]
        (missed,) = said.document["not_got"]
        assert missed["leg"] == "3"
        assert "it was changed or cut" in missed["why"]

    @pytest.mark.parametrize("way", ["--unique-id", "--call-record-id"])
    def test_one_leg_too_large_does_not_cost_the_others(
        self, program: Program, call: list[Any], way: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        name = call[0].unique_id if way == "--unique-id" else call[0].call_record_id
        sizes = [
            file["size"] for file in program("recording", "get", way, name, "--all-legs", "--json").document["files"]
        ]
        monkeypatch.setenv("NOOJEE_INGEST_ARCHIVE__MAX_RECORDING_BYTES", str(max(sizes) - 1))
        said = program("recording", "get", way, name, "--all-legs", "--json", "-o", "x")
        assert said.code == 3
        assert len(said.document["files"]) == sum(size < max(sizes) for size in sizes) > 0
        assert "Raise archive.max_recording_bytes" in said.document["not_got"][0]["why"]

    def test_what_was_written_is_told_though_an_error_ends_it(
        self, program: Program, phone: RunningSimulator, call: list[Any]
    ) -> None:
        where = {"leg": "2"}
        rule(phone, "retrieveByUniqueId", match=where, answer={"status": 401, "text": '{"Code": -1}'})
        said = program("recording", "get", "--unique-id", call[0].unique_id, "--all-legs", "--json", "-o", "x")
        assert said.code == 1
        assert [file["path"] for file in said.document["files"]] == [str(path) for path in Path("x").iterdir()]
        assert "does not accept the key" in said.err

    def test_an_output_that_is_no_folder_is_told_before_anything_is_fetched(
        self, program: Program, phone: RunningSimulator, call: list[Any]
    ) -> None:
        Path("calls").write_text("mine")
        said = program("recording", "get", "--unique-id", call[0].unique_id, "--all-legs", "-o", "calls")
        assert said.code == 1
        assert "writing calls: it is no folder. Choose another folder with --output" in said.err
        assert phone.counters().requests["retrieveByUniqueId"] == 0

    def test_a_link_of_that_name_is_not_followed(self, program: Program, call: list[Any], tmp_path: Path) -> None:
        told = program("recording", "get", "--unique-id", call[0].unique_id, "--leg", "1", "--json").document
        path = Path(told["files"][0]["path"])
        path.rename("elsewhere")
        path.symlink_to("elsewhere")
        assert program("recording", "get", "--unique-id", call[0].unique_id, "--leg", "1").code == 1

    def test_several_legs_want_a_word_more(self, program: Program, call: list[Any]) -> None:
        said = program("recording", "get", "--unique-id", call[0].unique_id)
        assert said.code == 2
        assert "say --leg N or --all-legs" in " ".join(said.err.replace("│", " ").split())

    def test_a_leg_that_is_not_there_is_told_and_the_others_come(
        self, program: Program, phone: RunningSimulator, call: list[Any]
    ) -> None:
        where = {"leg": "2"}
        rule(phone, "retrieveByUniqueId", match=where, answer={"status": 404, "text": "<html>none</html>"})
        said = program("recording", "get", "--unique-id", call[0].unique_id, "--all-legs", "--json")
        assert said.code == 3
        assert [miss["leg"] for miss in said.document["not_got"]] == ["2"]
        assert len(said.document["files"]) == len(call) - 1
        assert "Not got: leg 2" in said.err
        assert "<html>" not in said.err

    @pytest.mark.parametrize("body", ['{"Code": -3, "Message": "still recording"}', "<html>log in</html>", ""])
    def test_what_is_no_audio_is_not_written(
        self, program: Program, phone: RunningSimulator, call: list[Any], body: str
    ) -> None:
        answers(phone, "retrieveByUniqueId", body)
        said = program("recording", "get", "--unique-id", call[0].unique_id, "--leg", "1", "-o", "calls")
        assert said.code == 1
        assert "what came is no audio" in said.err
        assert list(Path("calls").iterdir()) == []

    def test_a_hostile_tag_and_leg_make_no_path(
        self, program: Program, phone: RunningSimulator, call: list[Any]
    ) -> None:
        tag = "../../etc/x\n\x1b[31m& = '/ 🙂"
        entry = f'[{{"CallRecordId": "{call[0].call_record_id}", "UniqueId": "1.2", "Leg": "../1"}}]'
        answers(phone, "retrieveMetaData", entry)
        refused = program("recording", "get", "--tag", tag, "--leg", "../1", "-o", "calls")
        assert refused.code == 1  # the simulator knows no leg of that name
        assert "\x1b" not in refused.err
        assert list(Path("calls").iterdir()) == []
        rule(phone, "retrieve", answer={"audio_bytes": 2000})
        said = program("recording", "get", "--tag", tag, "--leg", "../1", "-o", "calls")
        assert said.code == 0
        (path,) = Path("calls").iterdir()
        assert re.fullmatch(r"etc_x_31m-leg1-[0-9a-f]{16}\.wav", path.name)
        assert sorted(entry.name for entry in Path().iterdir()) == ["calls", "config.toml", "data"]

    @pytest.mark.parametrize("way", ["--unique-id", "--tag"])
    def test_what_nobody_knows_is_told(self, program: Program, phone: RunningSimulator, way: str) -> None:
        said = program("recording", "get", way, "nobody-knows", "--all-legs")
        assert said.code == 1
        assert f"knows no recording of {way[2:].replace('-', ' ')} 'nobody-knows'" in said.err

    def test_an_unknown_leg_is_told_with_those_there_are(self, program: Program, call: list[Any]) -> None:
        said = program("recording", "get", "--unique-id", call[0].unique_id, "--leg", "9")
        assert said.code == 1
        assert "It has the legs '1', '2', '3'" in said.err

    def test_one_too_large_is_refused(self, program: Program, call: list[Any], monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("NOOJEE_INGEST_ARCHIVE__MAX_RECORDING_BYTES", "1000")
        said = program("recording", "get", "--unique-id", call[0].unique_id, "--leg", "1", "-o", "calls")
        assert said.code == 1
        assert "Raise archive.max_recording_bytes" in said.err
        assert list(Path("calls").iterdir()) == []


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


class Called:
    """``call ...`` in a process of its own."""

    def __init__(self, *arguments: str, **how: Any) -> None:
        code = "from noojee_ingest.cli import main; main()"
        environ = {name: text for name, text in os.environ.items() if not name.startswith("PYTHONWARN")}
        self.process = subprocess.Popen(
            [sys.executable, "-c", code, "call", *arguments],
            env={**environ, "PYTHONPATH": str(ROOT), "TERM": "xterm", "COLUMNS": "120"},
            text=True,
            **how,
        )

    def __enter__(self) -> subprocess.Popen[str]:
        return self.process

    def __exit__(self, *_: object) -> None:
        self.process.kill()
        self.process.wait()
        for pipe in (self.process.stdout, self.process.stderr):
            if pipe is not None:
                pipe.close()


class TestWatch:
    @pytest.mark.parametrize(("ending", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
    def test_it_ends_as_asked_to_though_a_question_is_open(
        self, phone: RunningSimulator, ending: signal.Signals, code: int
    ) -> None:
        with Called("watch", "206", stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
            unique_id = phone.call_in("206", "0355500123")
            assert process.stdout is not None
            assert process.stdout.readline().startswith("206: Ringing, with 0355500123, inbound, " + unique_id)
            process.send_signal(ending)
            assert process.wait(20) == code
            assert process.stderr is not None
            assert process.stderr.read() == ""

    def test_a_gap_is_told_and_the_state_read_again(self, phone: RunningSimulator) -> None:
        unique_id = phone.call_in("206", "0355500123")
        with Called("watch", "206", "--json", stdout=subprocess.PIPE) as process:
            assert process.stdout is not None
            assert '"kind": "state"' in process.stdout.readline()
            phone.set_sequence(0)
            phone.move_call(unique_id, "Connected")
            said = [process.stdout.readline() for _ in range(2)]
            assert any('"kind": "gap"' in line for line in said)

    def test_in_a_terminal_it_is_a_table(self, phone: RunningSimulator) -> None:
        ours, theirs = pty.openpty()
        seen = b""
        try:
            with Called("watch", "206", "207", stdout=theirs, stderr=subprocess.DEVNULL) as process:
                os.close(theirs)
                phone.call_in("206", "0355500123")
                while b"Ringing" not in seen:
                    seen += os.read(ours, 4096)
                process.send_signal(signal.SIGINT)
                assert process.wait(20) == 130
        finally:
            os.close(ours)
        assert b"extension" in seen
        assert b"nothing to tell" in seen

    def test_a_refused_key_ends_it_with_1(self, phone: RunningSimulator) -> None:
        phone.set_key("another")
        with Called("watch", "206", stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
            assert process.wait(30) == 1


class TestCtrlC:
    @pytest.mark.parametrize(
        ("verb", "endpoint", "told"),
        [
            (["state", "205"], "checkState", ""),
            (["dial", "0355500123", "205"], "dial", "before you dial again"),
        ],
        ids=["what only reads", "what changes something"],
    )
    def test_it_ends_what_hangs_with_130_and_tells_what_may_have_been_done(
        self, phone: RunningSimulator, verb: list[str], endpoint: str, told: str
    ) -> None:
        rule(phone, endpoint, answer={"hang": True})
        with Called(*verb, stderr=subprocess.PIPE) as process:
            while not phone.counters().requests[endpoint]:
                time.sleep(0.05)
            process.send_signal(signal.SIGINT)
            assert process.wait(20) == 130
            assert process.stderr is not None
            said = process.stderr.read()
            assert told in said
            assert "Traceback" not in said
        assert phone.counters().requests[endpoint] == 1


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
