"""What a run works with: one site's phone system, the store, the catalogue, a clock and a way to be stopped."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

from noojee_ingest import model, simulator
from noojee_ingest.catalogue.budget import open_budget
from noojee_ingest.catalogue.database import Catalogue
from noojee_ingest.noojee import Noojee, TurnKind, contract_from
from noojee_ingest.pipeline.budget import LOOK_SECONDS, SiteBudget, end_leases_of_the_dead
from noojee_ingest.pipeline.deadline import UntilDeadline
from noojee_ingest.pipeline.errors import NoSuchSite
from noojee_ingest.pipeline.index import open_catalogue, refuse_other_store
from noojee_ingest.pipeline.places import open_store
from noojee_ingest.pipeline.progress import WATCHED, Tally
from noojee_ingest.pipeline.spool import Spool
from noojee_ingest.settings import Settings, Site
from noojee_ingest.storage.errors import StoreFailure
from noojee_ingest.storage.root import Store

Clock = Callable[[], datetime]

MOST_DENIALS = 3
"""Legs in a row for which the key is not accepted: then it is the key, not one leg that it may not hear."""


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
    actor: str
    evidence_failures: list[StoreFailure] = field(default_factory=list)

    @property
    def of_site(self) -> Site:
        return self.settings.sites[self.site]

    def today(self) -> date:
        return model.site_day(self.clock(), self.zone)

    def lateness(self) -> timedelta:
        return timedelta(hours=self.settings.nightly.lateness_hours)


def of_site(settings: Settings, slug: str) -> Site:
    """The settings of a site. Raises NoSuchSite."""
    if slug not in settings.sites:
        raise NoSuchSite(slug, sorted(settings.sites))
    return settings.sites[slug]


def present(site: Site) -> datetime:
    """The site's present instant while no run is going on: that of a simulated one is where its clock starts."""
    return site.simulator.now if site.simulator is not None else model.now_utc()


def clock_from(start: datetime) -> Clock:
    """A clock that shows ``start`` (aware) now and goes on from there."""
    began, start = time.monotonic(), start.astimezone(UTC)
    return lambda: start + timedelta(seconds=time.monotonic() - began)


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
    site = of_site(settings, slug)
    key = SIMULATED_KEY if site.simulator is not None else settings.key_of(slug)
    with ExitStack() as stack:
        catalogue = open_catalogue(settings)
        stack.callback(catalogue.close)
        refuse_other_store(catalogue, settings)
        store = open_store(settings)
        url, clock = site.url, model.now_utc
        if site.simulator is not None:
            scenario = simulator.Scenario(
                seed=site.simulator.seed,
                zone=site.zone.key,
                now=site.simulator.now,
                days=site.simulator.days,
                calls_a_day=site.simulator.calls_a_day,
                by_hour_interval=site.by_hour_interval_seconds,
            )
            running = stack.enter_context(simulator.start(scenario, key))
            url, clock = running.url, clock_from(site.simulator.now)
        allowed = site.concurrent_requests
        of_all = stack.enter_context(closing(open_budget(settings.catalogue.url)))
        end_leases_of_the_dead(of_all, slug, catalogue)
        budget = SiteBudget(
            of_all,
            slug,
            allowed=allowed if small else max(1, allowed - 1),
            wanted=1 if small else max(1, allowed - 2),
            lease_seconds=2 * site.read_timeout_seconds + 10,
            intervals={TurnKind.BY_HOUR: site.by_hour_interval_seconds, TurnKind.LEAD: 0.1},
            stop=stop,
        )
        stack.enter_context(budget)
        deadline = UntilDeadline(budget, clock)
        budget.while_waiting = deadline.refuse_if_late
        client = Noojee(
            url,
            key,
            zone=site.zone,
            contract=contract_from(site.contract),
            limiter=deadline,
            connect_timeout=site.connect_timeout_seconds,
            read_timeout=site.read_timeout_seconds,
            ca_bundle=site.ca_bundle,
            connections=allowed,
            stop=stop,
            clock=clock,
        )
        stack.callback(client.close)
        stack.enter_context(_cut_short(client, stop))
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
            actor=actor,
        )


@contextmanager
def _cut_short(client: Noojee, stop: threading.Event) -> Iterator[None]:
    """Abort the requests under way once ``stop`` is set: a phone system that hangs must not hold up the end."""
    over = threading.Event()

    def watch() -> None:
        while not over.wait(LOOK_SECONDS):
            if stop.is_set():
                client.abort()  # again and again: one may be connecting just now

    watcher = threading.Thread(target=watch, name="request aborter", daemon=True)
    watcher.start()
    try:
        yield
    finally:
        over.set()
        watcher.join()


SIMULATED_KEY = "00000000-5130-11ec-9d3c-000000000000"
"""The simulated phone system's key. It opens nothing."""
