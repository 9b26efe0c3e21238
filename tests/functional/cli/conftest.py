"""An archived night, and the program as a person calls it."""

from __future__ import annotations

import json
import shutil
import sys
import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from noojee_ingest import model, simulator
from noojee_ingest.cli.program import main
from noojee_ingest.pipeline import budget as site_budget
from noojee_ingest.pipeline.night import run_night
from noojee_ingest.pipeline.phone import clock_from
from noojee_ingest.pipeline.work import open_work
from noojee_ingest.settings import load
from tests.functional.conftest import KEY

KEY_VARIABLE = "NOOJEE_INGEST_SITES__HERE__API_KEY"
NOW = datetime.fromisoformat("2026-03-11T03:30:00+11:00")
HOSTILE = "[red]\x1b]0;owned\x07[/] \x1b[31m"

CONFIG = """
data = "data"

[nightly]
lateness_hours = 12

[sites.here]
zone = "Australia/Melbourne"
url = "{url}"
by_hour_interval_seconds = 0.001
"""
HANDSETS = """
[sites.here.handsets]
yealink = 'X-Ours: \\;now'
"""


@dataclass(frozen=True)
class Said:
    """What a call of the program said, and how it ended."""

    code: int
    out: str
    err: str

    @property
    def document(self) -> Any:
        return json.loads(self.out)


@pytest.fixture(scope="session")
def archived(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, simulator.Truth]:
    """A folder with a night in it that has legs in every state a night can give, and the truth about them.

    One call has a hostile tag and user name. Leave the folder as it is.
    """
    folder = tmp_path_factory.mktemp("archived")
    troubles = {"never_legs": 4, "late_legs": 2, "not_audio_legs": 3, "cut_wav_legs": 1, "unexplained_calls": 2}
    wanted = simulator.Scenario.clean(calls_a_day=30, days=1, by_hour_interval=0.0, now=NOW, **troubles)
    with simulator.start(wanted, KEY) as running, pytest.MonkeyPatch.context() as patch:
        truth = running.truth()
        text = json.dumps(HOSTILE)
        edit = {"where": {"CallRecordId": hostile_call(truth)}, "set": {"Tag": text, "Username": text}}
        running.add_rule(simulator.Rule.model_validate({"endpoint": "retrieveMetaDataByHour", "edit": edit}))
        patch.setattr(model, "now_utc", clock_from(NOW))
        patch.setattr(site_budget, "MARGIN_SECONDS", 0.0)
        patch.chdir(folder)
        Path("config.toml").write_text(CONFIG.format(url=running.url))
        settings = load(Path("config.toml"), {KEY_VARIABLE: KEY})
        with open_work(settings, "here", actor="nightly", stop=threading.Event()) as work:
            run_night(work)
    return folder, truth


def hostile_call(truth: simulator.Truth) -> str:
    return next(leg.call_record_id for leg in truth.legs if leg.direction == "Inbound" and leg.trouble == "none")


@pytest.fixture
def truth(archived: tuple[Path, simulator.Truth]) -> simulator.Truth:
    return archived[1]


@pytest.fixture
def hostile(truth: simulator.Truth) -> tuple[str, str]:
    """The call record id of the call with a hostile tag, and the tag."""
    return hostile_call(truth), HOSTILE


@pytest.fixture
def folder(archived: tuple[Path, simulator.Truth], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the archived night, as current folder, at the time of that night."""
    copy = shutil.copytree(archived[0], tmp_path / "site")
    monkeypatch.chdir(copy)
    monkeypatch.setenv("NOOJEE_INGEST_CONFIG", "config.toml")
    monkeypatch.setenv(KEY_VARIABLE, KEY)
    monkeypatch.setattr(model, "now_utc", clock_from(NOW))
    return copy


@pytest.fixture
def program(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Callable[..., Said]:
    """Calls the program's entry point with arguments, in this process."""

    def call(*arguments: str) -> Said:
        monkeypatch.setattr(sys, "argv", ["noojee-ingest", *arguments])
        with pytest.raises(SystemExit) as ended:
            main()
        said = capsys.readouterr()
        code = ended.value.code
        return Said(code if isinstance(code, int) else int(code is not None), said.out, said.err)

    return call


@pytest.fixture
def phone(
    start_simulator: Callable[..., simulator.RunningSimulator], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> simulator.RunningSimulator:
    """A phone system of the test's own, and a folder with the settings of its site."""
    running = start_simulator(ring_seconds=0.1, lead_call_seconds=0.0)
    monkeypatch.chdir(tmp_path)
    Path("config.toml").write_text(CONFIG.format(url=running.url) + HANDSETS)
    monkeypatch.setenv("NOOJEE_INGEST_CONFIG", "config.toml")
    monkeypatch.setenv(KEY_VARIABLE, KEY)
    return running
