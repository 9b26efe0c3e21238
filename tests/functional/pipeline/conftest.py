"""A site of the test's own: a simulated phone system, an archive in a folder, and one clock for both."""

from __future__ import annotations

import gzip
import hashlib
import http.client
import json
import os
import shutil
import sqlite3
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, closing, contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import urlencode, urlsplit

import pytest

from noojee_ingest import model, simulator
from noojee_ingest.catalogue import queries
from noojee_ingest.catalogue.database import Catalogue
from noojee_ingest.noojee import Noojee, Patience
from noojee_ingest.pipeline import budget as site_budget
from noojee_ingest.pipeline import phone as pipeline_phone
from noojee_ingest.pipeline.night import NIGHTLY, run_night
from noojee_ingest.pipeline.poll import PollReport, run_poll
from noojee_ingest.pipeline.report import NightReport
from noojee_ingest.pipeline.work import Work, open_work
from noojee_ingest.settings import Settings, load
from tests.functional.conftest import KEY
from tests.functional.pipeline.decisions import Archive

NOW = datetime.fromisoformat("2026-03-11T03:30:00+11:00")

CONFIG = """
data = "{folder}"

[nightly]
lateness_hours = 12

[sites.here]
zone = "Australia/Melbourne"
url = "{url}"
by_hour_interval_seconds = 0.001

[[sites.here.without_recording]]
explanation = "nobody answered"
dispositions = ["No Answer"]

[[sites.here.without_recording]]
explanation = "a machine, hung up at once"
dispositions = ["Answering Machine"]
max_duration_seconds = 10
"""


@dataclass
class Site:
    """``folder`` holds the archive and everything beside it; ``now`` is the clock of runs, also the simulator's."""

    simulator: simulator.RunningSimulator
    folder: Path
    began: datetime = NOW
    environ: dict[str, str] = field(default_factory=dict)
    _at: float = field(default_factory=time.monotonic)

    def now(self) -> datetime:
        return self.began + timedelta(seconds=time.monotonic() - self._at)

    def set_clock(self, now: datetime) -> None:
        self.began, self._at = now, time.monotonic()
        self.simulator.set_clock(now)

    def pass_time(self, **amount: float) -> None:
        self.set_clock(self.now() + timedelta(**amount))

    # running

    def settings(self, **environ: Any) -> Settings:
        """The settings of the file, with variables as in ``NIGHTLY__LATENESS_HOURS=3``."""
        config = self.folder.parent / "config.toml"
        config.write_text(CONFIG.format(folder=self.folder, url=self.simulator.url))
        variables = {"SITES__HERE__API_KEY": KEY, **self.environ, **environ}
        return load(config, {f"NOOJEE_INGEST_{name}": str(value) for name, value in variables.items()})

    @contextmanager
    def work(
        self, *, stop: threading.Event | None = None, small: bool = False, actor: str = NIGHTLY, **environ: Any
    ) -> Iterator[Work]:
        settings = self.settings(**environ)
        with open_work(settings, "here", actor=actor, stop=stop or threading.Event(), small=small) as work:
            yield work

    def night(self, **asked: Any) -> NightReport:
        """A night without a flow; ``day`` and ``stop`` as usual, the rest are variables of the settings."""
        day, stop = asked.pop("day", None), asked.pop("stop", None)
        actor = NIGHTLY if day is None else f"{NIGHTLY} --day"
        with self.work(stop=stop, actor=actor, **asked) as work:
            return run_night(work, day=day)

    def poll(self, **asked: Any) -> PollReport:
        with self.work(stop=asked.pop("stop", None), small=True, actor="poll", **asked) as work:
            return run_poll(work)

    # looking

    @property
    def archive(self) -> Path:
        return self.folder / "store" / "archive"

    @contextmanager
    def catalogue(self) -> Iterator[Catalogue]:
        catalogue = Catalogue.open(f"sqlite:///{self.folder}/catalogue.db")
        try:
            yield catalogue
        finally:
            catalogue.close()

    def rows(self, query: str) -> list[dict[str, Any]]:
        with closing(sqlite3.connect(self.folder / "catalogue.db")) as database:
            database.row_factory = sqlite3.Row
            return [dict(row) for row in database.execute(query)]

    def legs(self) -> dict[str, dict[str, Any]]:
        """All legs of the catalogue, by ``CallRecordId/Leg`` as in the simulator's truth."""
        with self.catalogue() as catalogue:
            ids = [row["leg_id"] for row in self.rows("select leg_id from leg")]
            found = queries.legs_by_id(catalogue, ids).values()
        by_key = {f"{row['call_record_id'] or ''}/{row['leg'] or ''}": row for row in found}
        assert len(by_key) == len(ids)
        return by_key

    def states(self) -> dict[str, str]:
        return {key: row["state"] for key, row in self.legs().items()}

    def findings(self, leg_id: str | None = None) -> list[tuple[str, str]]:
        """(kind, detail) of all findings, or of one object."""
        where = f" where object_id = '{leg_id}'" if leg_id else ""
        return [
            (row["kind"], row["detail"]) for row in self.rows(f"select * from finding{where} order by kind, detail")
        ]

    def files(self) -> dict[str, tuple[str, int]]:
        """Every file of the store: its digest and the time of its last change (ns)."""
        store = self.folder / "store"
        return {
            str(path.relative_to(store)): (hashlib.sha256(path.read_bytes()).hexdigest(), path.stat().st_mtime_ns)
            for path in sorted(store.rglob("*"))
            if path.is_file() and path.name != "lock"
        }

    def audio_files(self) -> list[Path]:
        return [path for path in sorted(self.archive.glob("audio/**/*")) if path.is_file() and path.suffix != ".json"]

    def events(self, kind: str | None = None) -> list[dict[str, Any]]:
        """The journal as it is on disk, read without any code of ours, in order of time."""
        lines = [
            json.loads(line)
            for path in self.archive.glob("journal/**/*.jsonl.gz")
            for line in gzip.decompress(path.read_bytes()).decode().splitlines()
        ]
        return sorted((one for one in lines if kind in (None, one["kind"])), key=lambda one: one["time"])

    def sent(self, call_record_id: str, leg: str) -> bytes:
        """What the phone system sends for a leg, fetched by the test itself."""
        connection = http.client.HTTPConnection(urlsplit(self.simulator.url).netloc, timeout=30)
        try:
            query = urlencode({"apiKey": KEY, "callRecordId": call_record_id, "leg": leg})
            connection.request("POST", f"/njadmin/rest/RecordingAPI/retrieveByCallRecordId?{query}")
            answer = connection.getresponse()
            assert answer.status == 200
            return answer.read()
        finally:
            connection.close()

    def requests(self) -> dict[str, int]:
        """Requests since the last look, by endpoint."""
        counted = dict(self.simulator.counters().requests)
        self.simulator.reset_counters()
        return counted

    def rule(
        self, endpoint: str, *, times: int | None = None, match: dict[str, str] | None = None, **what: Any
    ) -> None:
        """A rule of the fault plan: ``edit=`` with its fields, else an answer with the fields given.

        ``after``, ``since``, ``until`` and ``probability`` are the rule's own too.
        """
        edit = what.pop("edit", None)
        when = {name: what.pop(name) for name in ("after", "since", "until", "probability") if name in what}
        self.simulator.add_rule(
            simulator.Rule.model_validate(
                {
                    "endpoint": endpoint,
                    "times": times,
                    **when,
                    "match": match or {},
                    "edit": edit,
                    "answer": what if edit is None else None,
                }
            )
        )


@pytest.fixture
def tmp_path(tmp_path: Path) -> Iterator[Path]:
    """A folder in memory where the system has such: a night flushes hundreds of files to the disk."""
    memory = Path("/dev/shm")
    if not os.access(memory, os.W_OK) or shutil.disk_usage(memory).free < 4 * 1024**3:
        yield tmp_path
        return
    with tempfile.TemporaryDirectory(dir=memory, prefix="noojee-ingest-test-") as folder:
        yield Path(folder)


@contextmanager
def _clocked(site: Site) -> Iterator[Site]:
    """Runs take the site's clock for that of the machine, retry quickly, and keep no distance between lists."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(model, "now_utc", site.now)
        patch.setattr(site_budget, "MARGIN_SECONDS", 0.0)
        patch.setattr(pipeline_phone, "Noojee", partial(Noojee, patience=Patience(first=0.01, total=5.0)))
        yield site


def _small(**scenario: Any) -> simulator.Scenario:
    small = {"calls_a_day": 24, "days": 1, "by_hour_interval": 0.0, "now": NOW}
    return simulator.Scenario.clean(**{**small, **scenario})


@pytest.fixture(scope="session")
def site_at() -> Callable[..., AbstractContextManager[Site]]:
    """Opens a site below a folder, with a phone system of its own: ``site_at(folder, calls_a_day=40, never_legs=2)``.

    Unless told otherwise it has 24 calls a day and one day of history, all sound, and no by-hour limit.
    """

    @contextmanager
    def opened(folder: Path, **scenario: Any) -> Iterator[Site]:
        wanted = _small(**scenario)
        with simulator.start(wanted, KEY) as running, _clocked(Site(running, folder / "data", wanted.now)) as site:
            yield site

    return opened


@pytest.fixture
def make_site(site_at: Callable[..., AbstractContextManager[Site]], tmp_path: Path) -> Iterator[Callable[..., Site]]:
    """A site of the test's own, as ``site_at`` opens them. One in a test: there is one clock."""
    with ExitStack() as stack:
        yield lambda **scenario: stack.enter_context(site_at(tmp_path, **scenario))


@pytest.fixture(scope="session")
def _sound_simulator() -> Iterator[simulator.RunningSimulator]:
    with simulator.start(_small(), KEY) as running:
        yield running


@pytest.fixture
def site(_sound_simulator: simulator.RunningSimulator, tmp_path: Path) -> Iterator[Site]:
    """A small sound site. Its phone system is as new, but the process is shared: do not stop it."""
    site = Site(_sound_simulator, tmp_path / "data")
    site.simulator.clear_rules()
    site.simulator.set_key(KEY)
    site.set_clock(NOW)
    site.simulator.reset_counters()
    with _clocked(site):
        yield site


@pytest.fixture
def stop() -> threading.Event:
    return threading.Event()


@pytest.fixture
def archive(site: Site) -> Archive:
    site.night()
    site.requests()
    return Archive(site)


@pytest.fixture
def gaps(make_site: Callable[..., Site]) -> Archive:
    """A night with legs in each state that a person may decide about."""
    site = make_site(calls_a_day=40, never_legs=3, not_audio_legs=3, late_legs=2)
    site.night()
    site.requests()
    return Archive(site)
