"""What a run works with: one site's phone system, the store, the catalogue, a clock and a way to be stopped."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from noojee_ingest import model
from noojee_ingest.catalogue.budget import open_budget
from noojee_ingest.catalogue.database import Catalogue
from noojee_ingest.journal.events import AudioNotStored
from noojee_ingest.model import Leg
from noojee_ingest.noojee import Noojee
from noojee_ingest.pipeline.budget import SiteBudget, end_leases_of_the_dead
from noojee_ingest.pipeline.deadline import UntilDeadline
from noojee_ingest.pipeline.index import open_catalogue, refuse_other_store
from noojee_ingest.pipeline.phone import Clock, intervals, lease_seconds, phone_system
from noojee_ingest.pipeline.places import open_store
from noojee_ingest.pipeline.progress import WATCHED, Tally
from noojee_ingest.pipeline.spool import Spool
from noojee_ingest.settings import Settings, Site
from noojee_ingest.storage.errors import StoreFailure
from noojee_ingest.storage.root import Store

MOST_DENIALS = 3
"""Legs in a row for which the key is not accepted: then it is the key, not one leg that it may not hear."""

MOST_PAGES = 10
"""Legs in a row that come as something else than audio: then a page answers for the phone system, as in maintenance."""


@dataclass
class Streak:
    """Counts legs in a row that met one kind of error. At ``limit`` it is not the legs' fault, and the run ends."""

    limit: int
    in_a_row: int = 0
    last: Exception | None = None
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def broken(self) -> None:
        """Another leg fared better."""
        with self._lock:
            if not self.is_on:
                self.in_a_row = 0

    def met(self, error: Exception) -> None:
        with self._lock:
            self.in_a_row += 1
            self.last = error

    @property
    def is_on(self) -> bool:
        return self.in_a_row >= self.limit


@dataclass
class Pages(Streak):
    """Legs in a row that came as something else than audio. At ``limit`` what was concluded of them is taken back."""

    concluded: list[tuple[Leg, AudioNotStored]] = field(default_factory=list)

    def broken(self) -> None:
        with self._lock:
            if not self.is_on:
                self.in_a_row = 0
                self.concluded.clear()

    def rejected(self, leg: Leg, event: AudioNotStored, error: Exception) -> None:
        with self._lock:
            self.in_a_row += 1
            self.last = error
            self.concluded.append((leg, event))

    def to_take_back(self) -> list[tuple[Leg, AudioNotStored]]:
        """Each of them is given once; none before the limit is reached."""
        with self._lock:
            taken, self.concluded = (self.concluded, []) if self.is_on else ([], self.concluded)
        return taken


@dataclass(frozen=True, slots=True)
class Work:
    """Everything a stage may need. ``clock`` gives the present instant, aware, in UTC.

    ``evidence_failures``: why bytes that are not audio could not be kept, one for each leg that met it.
    """

    site: str
    zone: ZoneInfo
    settings: Settings
    store: Store
    catalogue: Catalogue
    client: Noojee
    budget: SiteBudget
    deadline: UntilDeadline
    spool: Spool
    workers: ThreadPoolExecutor
    clock: Clock
    stop: threading.Event
    tally: Tally
    outage: Streak
    denials: Streak
    pages: Pages
    actor: str
    evidence_failures: list[StoreFailure] = field(default_factory=list)

    @property
    def of_site(self) -> Site:
        return self.settings.sites[self.site]

    def today(self) -> date:
        return model.site_day(self.clock(), self.zone)

    def lateness(self) -> timedelta:
        return timedelta(hours=self.settings.nightly.lateness_hours)


def present(site: Site) -> datetime:
    """The site's present instant while no run is going on: that of a simulated one is where its clock starts."""
    return site.simulator.now if site.simulator is not None else model.now_utc()


@contextmanager
def open_work(
    settings: Settings, slug: str, *, actor: str, stop: threading.Event, small: bool = False
) -> Iterator[Work]:
    """Open all that a run for the site ``slug`` needs, and close it again.

    A simulated site's phone system is started, and its clock is the run's. ``small``: for flows that ask little; they
    take one of the concurrent requests. The others leave two: one for a second of their kind, which would wait until
    the first is over, and one that only small ones may take.
    Raises NoSuchSite, SettingsError (no API key), StorageError, CatalogueError, NoojeeError.
    """
    with ExitStack() as stack:
        phone = stack.enter_context(phone_system(settings, slug))
        site, clock = phone.site, phone.clock
        catalogue = open_catalogue(settings)
        stack.callback(catalogue.close)
        refuse_other_store(catalogue, settings)
        store = open_store(settings)
        allowed = site.concurrent_requests
        of_all = stack.enter_context(closing(open_budget(settings.catalogue.url)))
        end_leases_of_the_dead(of_all, slug, catalogue)
        budget = SiteBudget(
            of_all,
            slug,
            allowed=allowed if small else max(1, allowed - 1),
            wanted=1 if small else max(1, allowed - 2),
            lease_seconds=lease_seconds(site),
            intervals=intervals(site),
            stop=stop,
        )
        stack.enter_context(budget)
        deadline = UntilDeadline(budget, clock)
        budget.while_waiting = deadline.refuse_if_late
        client = stack.enter_context(phone.client(deadline, stop))
        archive = settings.archive
        workers = ThreadPoolExecutor(archive.workers, thread_name_prefix="leg")
        stack.callback(workers.shutdown, cancel_futures=True)
        yield Work(
            site=slug,
            zone=site.zone,
            settings=settings,
            store=store,
            catalogue=catalogue,
            client=client,
            budget=budget,
            deadline=deadline,
            spool=Spool(
                settings.spool.path,
                memory_bytes=settings.spool.memory_bytes_per_worker,
                disk_bytes=settings.spool.disk_bytes,
                largest=archive.max_recording_bytes,
            ),
            workers=workers,
            clock=clock,
            stop=stop,
            tally=WATCHED.get() or Tally(),
            outage=Streak(limit=2 * archive.workers),
            denials=Streak(limit=MOST_DENIALS),
            pages=Pages(limit=MOST_PAGES),
            actor=actor,
        )
