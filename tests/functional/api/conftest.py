"""A simulated phone system with people who talk, the client, and the program as a person calls it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from typer.testing import CliRunner

from noojee_ingest.cli.program import app
from noojee_ingest.noojee import LocalLimiter, Noojee
from noojee_ingest.simulator import RunningSimulator, Scenario, start
from tests.functional.api.rows import World
from tests.functional.cli.conftest import CONFIG, KEY_VARIABLE, NOW, Said
from tests.functional.conftest import KEY

ZONE = ZoneInfo("Australia/Melbourne")


@pytest.fixture(scope="session")
def simulator() -> Iterator[RunningSimulator]:
    scenario = Scenario.clean(calls_a_day=40, days=1, by_hour_interval=0.0, now=NOW, lead_call_seconds=0.0)
    with start(scenario, KEY) as running:
        yield running


@pytest.fixture
def client(simulator: RunningSimulator) -> Iterator[Noojee]:
    with Noojee(simulator.url, KEY, zone=ZONE, limiter=LocalLimiter(8, 0.0, 0.0)) as noojee:
        yield noojee


@pytest.fixture
def world(simulator: RunningSimulator) -> Iterator[World]:
    """A site at peace: its calls of the test before have ended, and its counters are at zero."""
    sound = [leg for leg in simulator.truth().legs if leg.day == datetime(2026, 3, 10).date()]  # noqa: DTZ001
    of_tag: dict[str, set[str]] = {}
    for leg in simulator.truth().legs:
        of_tag.setdefault(leg.tag, set()).add(leg.call_record_id)
    yield World(
        simulator,
        recorded=next(leg for leg in sound if leg.leg == "2"),
        tagged=next(leg for leg in sound if leg.tag and len(of_tag[leg.tag]) == 1),
        client=lambda: Noojee(simulator.url, KEY, zone=ZONE, limiter=LocalLimiter(8, 0.0, 0.0)),
    )
    for call in simulator.calls():
        if not call.get("ended", True):
            simulator.move_call(call["unique_id"], "Hungup")


@pytest.fixture
def program(simulator: RunningSimulator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Said]:
    """Calls the program against the simulator, in a folder of its own."""
    monkeypatch.chdir(tmp_path)
    Path("config.toml").write_text(CONFIG.format(url=simulator.url))
    monkeypatch.setenv("NOOJEE_INGEST_CONFIG", "config.toml")
    monkeypatch.setenv(KEY_VARIABLE, KEY)
    monkeypatch.setattr("noojee_ingest.pipeline.budget.MARGIN_SECONDS", 0.0)

    def call(*arguments: str) -> Said:
        done = CliRunner().invoke(app, [*arguments])
        if done.exception is not None and not isinstance(done.exception, SystemExit):
            raise done.exception
        return Said(done.exit_code, done.stdout, done.stderr)

    return call


@pytest.fixture
def watching(program: Callable[..., Said]) -> Callable[..., tuple[list[str], int]]:
    """Runs ``call watch`` in a process of its own, and ends it by a signal once it has said so many lines."""

    def run(*arguments: str, lines: int, ending: signal.Signals = signal.SIGINT) -> tuple[list[str], int]:
        code = "from noojee_ingest.cli import main; main()"
        environ = {name: text for name, text in os.environ.items() if not name.startswith("PYTHONWARN")}
        with subprocess.Popen(
            [sys.executable, "-c", code, "call", "watch", *arguments],
            env={**environ, "PYTHONPATH": str(Path(__file__).parents[3])},
            stdout=subprocess.PIPE,
            text=True,
        ) as process:
            assert process.stdout is not None
            said = [process.stdout.readline() for _ in range(lines)]
            process.send_signal(ending)
            return said, process.wait(20)

    return run
