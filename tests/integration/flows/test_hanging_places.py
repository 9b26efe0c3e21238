"""A night that is asked to stop while its store or its catalogue hangs: it ends all the same, and loses nothing."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import count
from pathlib import Path
from uuid import uuid4
from zoneinfo import ZoneInfo

import psutil
import pytest

from noojee_ingest import simulator
from tests.integration.postgres_server import PostgresServer
from tests.integration.relay import Relay
from tests.integration.s3_server import OWNER, S3Server

KEY = "5b0f2c1e-7a11-11ec-9d3c-00163e1a2b3c"
PROMISED = 30  # seconds from SIGTERM to the end

PROGRAM = """
from noojee_ingest import stopping
from noojee_ingest.cli import main
from noojee_ingest.pipeline import budget

budget.MARGIN_SECONDS = 0.0
stopping.LAST_RESORT = 3.0
main()
"""

CONFIG = """
[sites.here]
zone = "{zone}"
url = "{url}"
by_hour_interval_seconds = 0.001

[[sites.here.without_recording]]
explanation = "nobody there"
dispositions = ["No Answer", "Answering Machine"]

[archive]
batch = 10
"""

_numbers = count()


@dataclass
class Place:
    """An archive with its catalogue on PostgreSQL and its store in a bucket, each behind a relay."""

    folder: Path
    system: simulator.RunningSimulator
    store: Relay
    catalogue: Relay
    buckets: S3Server
    database: PostgresServer
    zone: str
    prefix: str
    marks: list[str] = field(default_factory=list)

    def begin(self, *, hanging: bool = True) -> subprocess.Popen[str]:
        """A night in a process of its own, through the relays or past them."""
        store, catalogue = (
            (self.store.port, self.catalogue.port) if hanging else (self.buckets.port, self.database.port)
        )
        self.marks.append(uuid4().hex)
        settings = {
            "DATA": str(self.folder / "data"),
            "SITES__HERE__API_KEY": KEY,
            "CATALOGUE__URL": f"postgresql://postgres@127.0.0.1:{catalogue}/{self.name}",
            "STORE__KIND": "s3",
            "STORE__BUCKET": "plain",
            "STORE__ENDPOINT": f"http://127.0.0.1:{store}",
            "STORE__PATH_STYLE": "true",
            **{f"STORE__ROOTS__{root}__PREFIX": f"{self.prefix}/{root.lower()}" for root in ROOTS},
        }
        config = self.folder / "config.toml"
        config.write_text(CONFIG.format(zone=self.zone, url=self.system.url))
        kept = {name: text for name, text in os.environ.items() if not name.startswith(("PREFECT_", "NOOJEE_", "AWS_"))}
        return subprocess.Popen(
            [sys.executable, "-c", PROGRAM, "nightly", "--config", str(config)],
            env={
                **kept,
                **{f"NOOJEE_INGEST_{name}": text for name, text in settings.items()},
                "AWS_ACCESS_KEY_ID": OWNER.access,
                "AWS_SECRET_ACCESS_KEY": OWNER.secret,
                "RUN_OF_THE_TEST": self.marks[-1],
            },
            cwd=Path(__file__).parents[3],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    @property
    def name(self) -> str:
        """Of the database."""
        return self.prefix.replace("-", "_")

    def living(self) -> list[psutil.Process]:
        """Every process of the latest night."""
        found = []
        for process in psutil.process_iter():
            with contextlib.suppress(psutil.Error):
                if (
                    process.status() != psutil.STATUS_ZOMBIE
                    and process.environ().get("RUN_OF_THE_TEST") == self.marks[-1]
                ):
                    found.append(process)
        return found

    def recordings(self) -> list[str]:
        return [key for key, _ in self.buckets.versions("plain", f"{self.prefix}/archive/audio/")]

    def clear(self) -> None:
        for process in self.living():
            process.kill()


ROOTS = ("ARCHIVE", "EVIDENCE", "LAKE", "SCRATCH")


@pytest.fixture
def place(tmp_path: Path, s3_server: S3Server, postgres_server: PostgresServer) -> Iterator[Place]:
    zone = "Australia/Melbourne" if 3 <= datetime.now(ZoneInfo("Australia/Melbourne")).hour < 21 else "UTC"
    prefix = f"hanging-{next(_numbers)}"
    with ExitStack() as stack:
        scenario = simulator.Scenario.clean(
            calls_a_day=40, days=1, by_hour_interval=0.0, zone=zone, now=datetime.now(UTC)
        )
        system = stack.enter_context(simulator.start(scenario, KEY))
        store = stack.enter_context(Relay(s3_server.port))
        catalogue = stack.enter_context(Relay(postgres_server.port))
        with postgres_server.connect("postgres") as connection:
            connection.execute(f"CREATE DATABASE {prefix.replace('-', '_')}")
        place = Place(tmp_path, system, store, catalogue, s3_server, postgres_server, zone, prefix)
        stack.callback(place.clear)
        yield place


@pytest.mark.parametrize("which", ["store", "catalogue"])
def test_a_place_that_hangs_does_not_hold_up_the_end_and_the_next_night_completes(place: Place, which: str) -> None:
    hanging: Relay = getattr(place, which)
    night = place.begin()
    wait_until(lambda: len(place.recordings()) > 12, night)
    hanging.silence.set()
    assert hanging.unanswered.wait(60)

    servers = [process for process in place.living() if process.pid != night.pid]
    night.send_signal(signal.SIGTERM)
    _, said = night.communicate(timeout=PROMISED)

    assert night.returncode == 143
    assert servers  # Prefect's was there
    assert place.living() == []
    assert "asked to stop 3 s ago, and something does not answer" in said.splitlines()[-1]

    stored = set(place.recordings())
    again = place.begin(hanging=False)
    out, said = again.communicate(timeout=120)
    assert again.returncode == 0, out + said
    truth = place.system.truth()
    legs = [leg for leg in truth.legs if leg.key in place.system.counters().audio_requests()]
    recordings = place.recordings()
    assert stored <= set(recordings)
    assert len(recordings) == len(set(recordings)) == len(legs)  # no leg has two
    assert place.living() == []


def wait_until(reached: Callable[[], bool], night: subprocess.Popen[str]) -> None:
    deadline = time.monotonic() + 90
    while not reached():
        assert night.poll() is None, night.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.05)
