"""Real runs of the program: processes of their own, each with a Prefect server, against simulated phone systems."""

from __future__ import annotations

import contextlib
import gzip
import json
import os
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4
from zoneinfo import ZoneInfo

import psutil
import pytest

import noojee_ingest
from noojee_ingest import simulator
from tests.functional.conftest import KEY

CONFIG = """
data = "{folder}/data"

[nightly]
lateness_hours = 12

[sites.here]
zone = "{zone}"
url = "{url}"
by_hour_interval_seconds = 0.001

[[sites.here.without_recording]]
explanation = "nobody there"
dispositions = ["No Answer", "Answering Machine"]
"""

PROGRAM = """
import logging, re, sys
from pathlib import Path
from noojee_ingest import embedded_prefect
from noojee_ingest.cli import main
from noojee_ingest.pipeline import budget

budget.MARGIN_SECONDS = 0.0
if "{loud}":
    logging.basicConfig(level=logging.DEBUG, stream=sys.stderr)
    embedded_prefect._SETTINGS.update(
        PREFECT_LOGGING_LEVEL="DEBUG",
        PREFECT_LOGGING_HANDLERS_CONSOLE_LEVEL="DEBUG",
        PREFECT_LOGGING_EXTRA_LOGGERS="urllib3,requests,noojee_ingest,sqlalchemy",
        PREFECT_LOGGING_TO_API_WHEN_MISSING_FLOW="ignore",
    )
try:
    main()
finally:
    peak = re.search(r"VmHWM:\\s+(\\d+) kB", Path("/proc/self/status").read_text())[1]
    Path("{peak}").write_text(peak)
"""


def daytime_zone() -> str:
    """A zone where it is after three in the morning: the runs take the machine's clock.

    Yesterday must stay yesterday, and the call record list, which holds what is recent, must still tell of it.
    """
    ahead = (3 - datetime.now(UTC).hour) % 24
    return f"Etc/GMT{-ahead if ahead <= 14 else 24 - ahead:+d}"


class Run:
    """The program in a process of its own, marked so that everything that it starts can be found."""

    def __init__(self, place: Place, *arguments: str, loud: bool = False, **variables: str) -> None:
        self.mark = uuid4().hex
        self.place = place
        self.peak_file = place.folder / f"{self.mark}.peak"
        kept = {name: text for name, text in os.environ.items() if not name.startswith(("PREFECT_", "NOOJEE_"))}
        settings = {"SITES__HERE__API_KEY": KEY, "PREFECT__HOME": str(place.prefect), **variables}
        code = PROGRAM.replace("{loud}", "yes" if loud else "").replace("{peak}", str(self.peak_file))
        self.process = subprocess.Popen(
            [sys.executable, "-W", "error", "-c", code, *arguments, "--config", str(place.config)],
            env={
                **kept,
                "PYTHONPATH": str(Path(noojee_ingest.__file__).parents[1]),
                "RUN_OF_THE_TEST": self.mark,
                **{f"NOOJEE_INGEST_{name}": text for name, text in settings.items()},
            },
            cwd=place.folder,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        self.commands: set[str] = set()
        """The command lines of all processes of the run that were seen."""

    def living(self) -> list[psutil.Process]:
        found = []
        for process in psutil.process_iter():
            with contextlib.suppress(psutil.Error):
                if process.status() != psutil.STATUS_ZOMBIE and process.environ().get("RUN_OF_THE_TEST") == self.mark:
                    self.commands.add(" ".join(process.cmdline()))
                    found.append(process)
        return found

    def until(self, reached: Callable[[], bool], seconds: float = 90) -> None:
        """Wait until something is so while the run goes on."""
        deadline = time.monotonic() + seconds
        while not reached():
            assert self.process.poll() is None, self.process.communicate()
            assert time.monotonic() < deadline
            time.sleep(0.05)

    def end(self, seconds: float = 120) -> int:
        """Wait for the end; the exit code. What it said is then in ``out`` and ``err``."""
        self.out, self.err = self.process.communicate(timeout=seconds)
        return self.process.returncode

    def stopped(self, number: int, *, group: bool = False) -> tuple[int, float]:
        """Send a signal; the exit code and the seconds that it took to leave."""
        began = time.monotonic()
        if group:
            os.killpg(self.process.pid, number)
        else:
            self.process.send_signal(number)
        return self.end(60), time.monotonic() - began

    @property
    def document(self) -> Any:
        return json.loads(self.out)

    @property
    def peak(self) -> int:
        """The most memory that the process had, in bytes."""
        return 1024 * int(self.peak_file.read_text())

    def clear(self) -> None:
        for process in self.living():
            process.kill()
        self.process.wait()
        for pipe in (self.process.stdout, self.process.stderr):
            if pipe:
                pipe.close()


@dataclass
class Place:
    """A folder with an archive, its phone system, and the folder of Prefect, which all places share."""

    folder: Path
    prefect: Path
    simulator: simulator.RunningSimulator
    zone: str
    runs: list[Run] = field(default_factory=list)

    @property
    def config(self) -> Path:
        path = self.folder / "config.toml"
        if not path.exists():
            path.write_text(CONFIG.format(folder=self.folder, zone=self.zone, url=self.simulator.url))
        return path

    def run(self, *arguments: str, **more: Any) -> Run:
        self.runs.append(Run(self, *arguments, **more))
        return self.runs[-1]

    @property
    def yesterday(self) -> date:
        return datetime.now(ZoneInfo(self.zone)).date() - timedelta(days=1)

    def rule(
        self, endpoint: str, match: dict[str, str] | None = None, *, times: int | None = None, **answer: Any
    ) -> None:
        rule = {"endpoint": endpoint, "match": match or {}, "times": times, "answer": answer}
        self.simulator.add_rule(simulator.Rule.model_validate(rule))

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        return _rows(self.folder / "data" / "catalogue.db", query)

    def prefect_rows(self, query: str) -> list[tuple[Any, ...]]:
        return _rows(self.prefect / "prefect.db", query)

    def flow_runs(self, flow: str) -> list[tuple[Any, ...]]:
        """Id and state (name, type, message) of the runs of a flow against this place, oldest first."""
        return self.prefect_rows(
            "select flow_run.id, state.name, state.type, state.message from flow_run"
            " join flow_run_state as state on flow_run.state_id = state.id join flow on flow.id = flow_run.flow_id"
            f" where flow.name = '{flow}' and flow_run.parameters like '%{self.config}%' order by flow_run.created"
        )

    def task_runs(self, flow_run: str) -> int:
        ((number,),) = self.prefect_rows(f"select count(*) from task_run where flow_run_id = '{flow_run}'")
        return int(number)

    def audio_files(self) -> int:
        return sum(1 for path in self.folder.glob("data/store/archive/audio/*/*/*") if path.suffix != ".json")

    def written(self) -> Iterator[tuple[Path, bytes]]:
        """Every file that the runs wrote, gunzipped where it is gzip."""
        for folder in (self.folder, self.prefect):
            for path in sorted(folder.rglob("*")):
                if path.is_file():
                    data = path.read_bytes()
                    yield path, gzip.decompress(data) if path.suffix == ".gz" else data


def _rows(database: Path, query: str) -> list[tuple[Any, ...]]:
    with contextlib.closing(sqlite3.connect(database, timeout=30)) as connection:
        return connection.execute(query).fetchall()


@pytest.fixture(scope="session")
def zone() -> str:
    """The zone of all sites in these tests."""
    return daytime_zone()


@pytest.fixture(scope="session")
def prefect_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One folder for all runs: only the first start has to make Prefect's database."""
    return tmp_path_factory.mktemp("prefect")


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory, prefect_folder: Path) -> Iterator[Callable[..., Place]]:
    """Makes places: ``place(never_legs=2)``; unless told otherwise small and sound."""
    with ExitStack() as stack:

        def make(**scenario: Any) -> Place:
            zone = daytime_zone()
            small = {"calls_a_day": 24, "days": 1, "by_hour_interval": 0.0, "zone": zone, "now": datetime.now(UTC)}
            running = stack.enter_context(simulator.start(simulator.Scenario.clean(**{**small, **scenario}), KEY))
            made = Place(tmp_path_factory.mktemp("place"), prefect_folder, running, zone)
            stack.callback(lambda: [run.clear() for run in made.runs])
            return made

        yield make
