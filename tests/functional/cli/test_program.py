"""The program as a whole: its verbs, what it says when it is called wrongly, and a catalogue made anew."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from noojee_ingest import __version__
from noojee_ingest.cli.options import load_settings

if TYPE_CHECKING:
    from .conftest import Said

Program = Callable[..., "Said"]
VERBS = ["nightly", "poll", "status", "show", "get", "search", "simulate"]


def flat(text: str) -> str:
    """A text without the frames and line breaks that a terminal puts around it."""
    return " ".join("".join(" " if letter in "│╭╮╰╯─" else letter for letter in text).split())


@pytest.mark.parametrize(
    "verb", [[], *([verb] for verb in VERBS), ["catalogue"], ["catalogue", "rebuild"]], ids=" ".join
)
def test_every_help_text_tells_the_exit_codes(program: Program, verb: list[str]) -> None:
    said = program(*verb, "--help")
    assert said.code == 0
    assert (
        "Exit codes: 0 complete (or only pending within the lateness allowance), 1 failed, 2 usage, "
        "3 finished with gaps, 4 damage found, 130 or 143 interrupted." in flat(said.out)
    )


def test_help_lists_every_verb(program: Program) -> None:
    words = flat(program("--help").out).split()
    assert [verb for verb in [*VERBS, "catalogue"] if verb not in words] == []


def test_the_version_is_told(program: Program) -> None:
    said = program("--version")
    assert (said.code, said.out) == (0, f"noojee-ingest {__version__}\n")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["serch"], "No such command 'serch'"),
        (["search", "--sinc", "2026-03-10"], "No such option: --sinc"),
        (["search", "--since", "yesterday"], "'yesterday' is not a time; write it as 2026-03-10 or 2026-03-10T14:30"),
        (["search", "--until", "2026-02-30"], "'2026-02-30' is not a time"),
        (["search", "--state", "lost"], "'lost' is not one of"),
        (["search", "--limit", "0"], "Invalid value for '--limit'"),
        (["search", "--after", "page2"], "'page2' is not what a page before gave as its `next`"),
        (["search", "--after", "soon x"], "'soon x' is not what a page before gave as its `next`"),
        (["search", "--site", "there"], "there is no site 'there' in the configuration"),
        (["status", "--days", "0"], "Invalid value for '--days'"),
        (["status", "--site", "there"], "there is no site 'there' in the configuration"),
        (["nightly", "--day", "10/3/2026"], "'10/3/2026' is not a day; write it as 2026-03-10"),
        (["nightly", "--site", "there"], "there is no site 'there' in the configuration"),
        (["poll", "--site", "there"], "there is no site 'there' in the configuration"),
        (["show"], "Missing argument"),
        (["get"], "Missing argument"),
        (["catalogue", "rebild"], "No such command 'rebild'"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
@pytest.mark.usefixtures("folder")
def test_a_wrong_call_ends_with_2_and_says_what_is_wrong(program: Program, arguments: list[str], said: str) -> None:
    heard = program(*arguments)
    assert heard.code == 2
    assert heard.out == ""
    assert said in flat(heard.err)
    assert "Traceback" not in heard.err


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize(
    ("change", "said"),
    [
        (("[nightly]", "[nightley]"), "nightley"),
        (("lateness_hours", "lateness_hour"), "lateness_hours"),
        (("Australia/Melbourne", "Australia/Melborne"), "Australia/Melbourne"),
    ],
)
def test_a_wrong_setting_ends_with_2_in_one_line_that_names_the_nearest(
    program: Program, change: tuple[str, str], said: str
) -> None:
    config = Path("config.toml")
    config.write_text(config.read_text().replace(*change))
    heard = program("status")
    assert heard.code == 2
    assert len(heard.err.splitlines()) == 1
    assert said in heard.err


def test_a_configuration_that_is_not_there_is_named(program: Program, tmp_path: Path) -> None:
    heard = program("status", "--config", str(tmp_path / "none.toml"))
    assert heard.code == 2
    assert "none.toml" in heard.err


class TestRebuild:
    def test_a_rebuilt_catalogue_answers_as_the_lost_one_did(self, program: Program, folder: Path) -> None:
        questions = (
            ["search", "--json", "--limit", "1000"],
            ["search", "--json", "--state", "missing"],
            ["show", "--json", program("search", "--json").document["legs"][3]["call_record_id"]],
        )
        before = [program(*question).out for question in questions]
        days = program("status", "--json").document["sites"][0]["days"]
        for path in (folder / "data").glob("catalogue.db*"):
            path.unlink()
        said = program("catalogue", "rebuild", "--json")
        assert said.code == 0
        segments = len(list((folder / "data/store/archive/journal").rglob("*.jsonl.gz")))
        assert said.document == {"segments": segments, "catalogue": "sqlite:///data/catalogue.db"}
        assert [program(*question).out for question in questions] == before
        assert program("status", "--json").document["sites"][0]["days"] == days

    @pytest.mark.parametrize(
        "verb", [["search"], ["status"], ["show", "x"], ["get", "x", "--reason", "why"]], ids=" ".join
    )
    def test_a_lost_catalogue_is_told_and_not_taken_for_an_empty_archive(
        self, program: Program, folder: Path, verb: list[str]
    ) -> None:
        for path in (folder / "data").glob("catalogue.db*"):
            path.unlink()
        said = program(*verb)
        assert said.code == 1
        assert "it knows nothing of the journal in the store" in said.err
        assert "noojee-ingest catalogue rebuild" in said.err
        assert said.out == ""

    def test_a_damaged_segment_ends_it_with_4_and_keeps_the_old_catalogue(self, program: Program, folder: Path) -> None:
        before = program("search", "--json").out
        segment = sorted((folder / "data/store/archive/journal").rglob("*.jsonl.gz"))[3]
        segment.chmod(0o640)
        segment.write_bytes(b"not gzip")
        said = program("catalogue", "rebuild")
        assert said.code == 4
        assert segment.name in said.err
        assert "Restore this object from a copy of the store." in said.err
        assert program("search", "--json").out == before


class TestSimulate:
    def test_it_listens_answers_and_ends_when_asked_to(self) -> None:
        command = Path(sys.executable).with_name("noojee-ingest")
        environ = {**os.environ, "NOOJEE_SIMULATOR_KEY": "any-text"}
        with subprocess.Popen(
            [command, "simulate", "--port", "0", "--now", "2026-03-11T03:30:00+11:00", "--days", "0"],
            env=environ,
            stdout=subprocess.PIPE,
            text=True,
        ) as process:
            try:
                assert process.stdout
                url = process.stdout.readline().split()[-1]
                path = "/servicemanager/rest/CampaignAPI/getCampaignTemplateList?apiKey=any-text"
                with urllib.request.urlopen(url + path, timeout=10) as answer:
                    assert b"entities" in answer.read()
            finally:
                process.send_signal(signal.SIGINT)
            assert process.wait(20) in {0, 130}

    def test_it_wants_a_key(self, program: Program, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.delenv("NOOJEE_SIMULATOR_KEY", raising=False)
        said = program("simulate")
        assert said.code == 2
        assert "NOOJEE_SIMULATOR_KEY" in said.err

    @pytest.mark.parametrize(
        ("arguments", "said"),
        [
            (["--now", "noon"], "Invalid isoformat string"),
            (["--now", "2026-03-11T03:30:00"], "has no offset"),
            (["--zone", "Nowhere/Land"], "is not an IANA name"),
        ],
        ids=["not a time", "no offset", "no zone"],
    )
    def test_nonsense_is_named(
        self, program: Program, monkeypatch: pytest.MonkeyPatch, arguments: list[str], said: str
    ) -> None:
        monkeypatch.setenv("NOOJEE_SIMULATOR_KEY", "any-text")
        heard = program("simulate", "--port", "0", *arguments)
        assert heard.code == 2
        assert said in flat(heard.err)

    def test_a_port_that_is_taken_is_named(self, program: Program, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("NOOJEE_SIMULATOR_KEY", "any-text")
        with socket.create_server(("127.0.0.1", 0)) as taken:
            port = str(taken.getsockname()[1])
            heard = program("simulate", "--port", port, "--days", "0")
        assert heard.code == 2
        assert f"cannot listen on port {port}" in flat(heard.err)


def test_who_names_no_settings_is_told_that_it_is_the_demo(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("NOOJEE_INGEST_CONFIG", raising=False)
    load_settings(None)
    assert capsys.readouterr().err.startswith("This is the embedded demo: neither --config nor NOOJEE_INGEST_CONFIG")
    monkeypatch.setenv("NOOJEE_INGEST_CONFIG", str(Path(__file__).parents[3] / "config" / "default.toml"))
    load_settings(None)
    assert capsys.readouterr().err == ""
