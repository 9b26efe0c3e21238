"""The command line on the two nights on which the clocks change: no time is guessed, the hours are counted right."""

from __future__ import annotations

import json
import shutil
import threading
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from noojee_ingest import model, simulator
from noojee_ingest.pipeline import budget as site_budget
from noojee_ingest.pipeline.night import run_night
from noojee_ingest.pipeline.phone import clock_from
from noojee_ingest.pipeline.work import open_work
from noojee_ingest.settings import load

from .conftest import CONFIG, KEY, KEY_VARIABLE

if TYPE_CHECKING:
    from .conftest import Said

Program = Callable[..., "Said"]

MORNING = {"back": "2026-04-06T00:30:00+10:00", "forward": "2026-10-05T00:30:00+11:00"}


@pytest.fixture(scope="module", params=["back", "forward"])
def archived_night(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, simulator.Truth, str]:
    """A folder with such a night in it, archived without the by-hour list: half of its times have no zone."""
    folder, now = tmp_path_factory.mktemp("changed"), datetime.fromisoformat(MORNING[request.param])
    wanted = simulator.Scenario.clean(calls_a_day=24, days=1, by_hour_interval=0.0, now=now)
    with simulator.start(wanted, KEY) as running, pytest.MonkeyPatch.context() as patch:
        patch.setattr(model, "now_utc", clock_from(now))
        patch.setattr(site_budget, "MARGIN_SECONDS", 0.0)
        patch.chdir(folder)
        Path("config.toml").write_text(CONFIG.format(url=running.url))
        for by_hour in ("false", "true"):
            variables = {KEY_VARIABLE: KEY, "NOOJEE_INGEST_SITES__HERE__BY_HOUR": by_hour}
            settings = load(Path("config.toml"), variables)
            with open_work(settings, "here", actor="nightly", stop=threading.Event()) as work:
                run_night(work)
            if by_hour == "false":
                shutil.copytree(folder, folder.parent / f"{folder.name}-without")
        return folder, running.truth(), request.param


@pytest.fixture
def night(
    archived_night: tuple[Path, simulator.Truth, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> tuple[simulator.Truth, str]:
    """A copy of it as current folder, at that time; whether the clocks went back or forward."""
    folder, truth, change = archived_night
    monkeypatch.chdir(shutil.copytree(folder, tmp_path / "site"))
    monkeypatch.setenv("NOOJEE_INGEST_CONFIG", "config.toml")
    monkeypatch.setenv(KEY_VARIABLE, KEY)
    monkeypatch.setattr(model, "now_utc", clock_from(datetime.fromisoformat(MORNING[change])))
    return truth, change


@pytest.fixture
def without_hours(
    archived_night: tuple[Path, simulator.Truth, str],
    night: tuple[simulator.Truth, str],
    monkeypatch: pytest.MonkeyPatch,
) -> str:
    """The same before any list by hour was asked for."""
    folder = archived_night[0]
    monkeypatch.chdir(folder.parent / f"{folder.name}-without")
    return night[1]


def test_status_counts_the_hours_that_there_were(night: tuple[simulator.Truth, str], program: Program) -> None:
    hours = 24 if night[1] == "back" else 23
    said = program("status")
    assert f"{hours} of {hours}" in said.out
    (day,) = (one for one in program("status", "--json").document["sites"][0]["days"] if one["expected"] > 10)
    assert (day["hours"], day["unlisted_hours"]) == (hours, 0)


def test_a_search_asks_which_of_two_instants_is_meant(night: tuple[simulator.Truth, str], program: Program) -> None:
    truth, change = night
    day = MORNING[change][:8] + {"back": "05", "forward": "04"}[change]
    for option in ("--since", "--until"):
        said = program("search", option, f"{day}T02:30")
        assert said.code == 2
        told = {"back": "happened twice", "forward": "never happened"}[change]
        assert told in " ".join(said.err.replace("│", " ").split())
    since, until = {"back": ("02:30+11:00", "02:30+10:00"), "forward": ("01:30+10:00", "03:30+11:00")}[change]
    found = program("search", "--since", f"{day}T{since}", "--until", f"{day}T{until}", "--json").document["legs"]
    begin, end = (datetime.fromisoformat(f"{day}T{one}") for one in (since, until))
    assert (end - begin).total_seconds() == 3600
    keys = {f"{leg['call_record_id']}/{leg['leg']}" for leg in found}
    assert keys == {leg.key for leg in truth.legs if begin <= leg.start < end}
    assert keys
    whole = program("search", "--since", day, "--limit", "1000", "--json").document["legs"]
    assert len(whole) > len(found)


def test_times_that_are_in_doubt_look_so(without_hours: str, program: Program) -> None:
    out = program("search", "--limit", "1000").out
    assert (" AEDT or AEST " in out) is (without_hours == "back")
    found = program("search", "--finding", "ambiguous time", "--json").document["legs"]
    assert bool(found) is (without_hours == "back")
    if found:
        said = program("show", found[0]["call_record_id"])
        assert " AEDT or AEST" in said.out
        assert "start mark twice" in said.out
        assert "ambiguous time" in said.out


def test_with_the_list_by_hour_the_instant_is_known_and_the_finding_stays(
    night: tuple[simulator.Truth, str], program: Program
) -> None:
    truth, change = night
    out = program("search", "--limit", "1000").out
    assert " AEDT or AEST " not in out
    found = program("search", "--finding", "ambiguous time", "--json").document["legs"]
    starts = {leg.key: leg.start for leg in truth.legs}
    assert bool(found) is (change == "back")
    for leg in found:
        told = datetime.fromisoformat(leg["started"])
        assert told == starts[f"{leg['call_record_id']}/{leg['leg']}"]
        assert json.dumps(leg["findings"]) == '["ambiguous time"]'
