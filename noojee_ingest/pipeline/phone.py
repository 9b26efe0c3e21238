"""A site's phone system: where it is, with which key, and a client of it that keeps the site budget."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial

from noojee_ingest import model, simulator
from noojee_ingest.catalogue.budget import open_budget
from noojee_ingest.catalogue.errors import CatalogueError
from noojee_ingest.noojee import (
    AuthenticationMethod,
    Contract,
    Limiter,
    LocalLimiter,
    Noojee,
    Patience,
    TurnKind,
    contract_from,
)
from noojee_ingest.pipeline.budget import LOOK_SECONDS, SiteBudget
from noojee_ingest.pipeline.errors import NoSuchSite
from noojee_ingest.settings import Settings, Site

Clock = Callable[[], datetime]
Told = Callable[[str], None]

LEAD_SECONDS = 0.1  # from one lead to the next (reference, 23.0 [doc])
LEAD_ANSWER_SECONDS = 75.0  # a lead may queue for a minute (the same)


def of_site(settings: Settings, slug: str) -> Site:
    """The settings of a site. Raises NoSuchSite."""
    if slug not in settings.sites:
        raise NoSuchSite(slug, sorted(settings.sites))
    return settings.sites[slug]


def clock_from(start: datetime) -> Clock:
    """A clock that shows ``start`` (aware) now and goes on from there."""
    began, start = time.monotonic(), start.astimezone(UTC)
    return lambda: start + timedelta(seconds=time.monotonic() - began)


@dataclass(frozen=True, slots=True)
class PhoneSystem:
    """Where a site's phone system answers. ``clock`` gives its present instant, aware, in UTC."""

    slug: str
    site: Site
    url: str
    key: str = field(repr=False)
    clock: Clock

    @contextmanager
    def client(
        self,
        limiter: Limiter,
        stop: threading.Event,
        *,
        contract: Contract | None = None,
        method: AuthenticationMethod | None = None,
        patience: Patience | None = None,
    ) -> Iterator[Noojee]:
        """A client as the site's settings have it; its requests are aborted once ``stop`` is set.

        ``contract`` and ``method`` stand in for those of the settings, ``patience`` for the client's own. Raises
        Misconfigured, ContractError.
        """
        made = Noojee if patience is None else partial(Noojee, patience=patience)
        client = made(
            self.url,
            self.key,
            zone=self.site.zone,
            method=AuthenticationMethod(self.site.authentication) if method is None else method,
            contract=contract_from(self.site.contract) if contract is None else contract,
            limiter=limiter,
            connect_timeout=self.site.connect_timeout_seconds,
            read_timeout=self.site.read_timeout_seconds,
            ca_bundle=self.site.ca_bundle,
            connections=self.site.concurrent_requests,
            stop=stop,
            clock=self.clock,
        )
        with client, _cut_short(client, stop):
            yield client

    @contextmanager
    def budget(self, settings: Settings, stop: threading.Event, *, told: Told = lambda _: None) -> Iterator[SiteBudget]:
        """One of the concurrent requests, and the turns, for who asks little and has no catalogue open.

        ``told`` hears once, in a sentence, that all of the site's requests are in use. Raises CatalogueError.
        """
        was_told = False

        def tell() -> None:
            nonlocal was_told
            if not was_told:
                number = self.site.concurrent_requests
                told(f"Waiting: all {number} requests that {self.slug} allows at once are in use.")
            was_told = True

        with closing(open_budget(settings.catalogue.url)) as of_all:
            budget = SiteBudget(
                of_all,
                self.slug,
                allowed=self.site.concurrent_requests,
                wanted=1,
                lease_seconds=max(lease_seconds(self.site), 2 * LEAD_ANSWER_SECONDS),
                intervals=intervals(self.site),
                stop=stop,
                has_catalogue=False,
            )
            budget.while_waiting = tell
            with budget:
                yield budget


def lease_seconds(site: Site) -> float:
    """Longer than a request of a process that died may last."""
    return 2 * site.read_timeout_seconds + 10


def intervals(site: Site) -> dict[TurnKind, float]:
    """Seconds from one request of a kind to the next."""
    return {TurnKind.BY_HOUR: site.by_hour_interval_seconds, TurnKind.LEAD: LEAD_SECONDS}


@contextmanager
def phone_system(settings: Settings, slug: str) -> Iterator[PhoneSystem]:
    """The phone system of a site; that of a simulated one is started, and ends with the context.

    Raises NoSuchSite, SettingsError (no API key), SimulatorError.
    """
    site = of_site(settings, slug)
    told = site.simulator
    if told is None:
        yield PhoneSystem(slug, site, site.url, settings.key_of(slug), model.now_utc)
        return
    scenario = simulator.Scenario(
        seed=told.seed,
        zone=site.zone.key,
        now=told.now,
        days=told.days,
        calls_a_day=told.calls_a_day,
        by_hour_interval=site.by_hour_interval_seconds,
        dialect=simulator.Dialect(told.dialect),
    )
    with simulator.start(scenario, SIMULATED_KEY) as running:
        yield PhoneSystem(slug, site, running.url, SIMULATED_KEY, clock_from(told.now))


@contextmanager
def open_phone(
    settings: Settings,
    slug: str,
    *,
    stop: threading.Event,
    counted: bool = True,
    needs_budget: bool = True,
    told: Told = lambda _: None,
) -> Iterator[Noojee]:
    """A client of a site's phone system, for whoever asks little: it takes one of the site's concurrent requests.

    :param stop: when set, requests under way and waits end with Interrupted
    :param counted: ``False`` for who only listens (subscribe): its one long request is left out of the site budget, or
        it would keep a request from the nightly for as long as somebody watches
    :param needs_budget: ``False`` for who must get through also where the site budget cannot be asked: one request at
        a time then goes without it. Not for the list by hour, whose turns only the budget knows
    :param told: hears in a sentence that all of the site's requests are in use, or that it goes without the budget
    :raises NoSuchSite:
    :raises SettingsError: there is no API key
    :raises CatalogueError: the site budget cannot be asked, though it is needed, or not renewed
    :raises NoojeeError: what the settings hold cannot work
    """
    with ExitStack() as stack:
        phone = stack.enter_context(phone_system(settings, slug))
        limiter: Limiter = LocalLimiter(1, stop=stop)
        if counted:
            try:
                limiter = stack.enter_context(phone.budget(settings, stop, told=told))
            except CatalogueError as error:
                if needs_budget:
                    raise
                told(f"Going on without the site budget, which cannot be asked: {error}")
        yield stack.enter_context(phone.client(limiter, stop))


@contextmanager
def _cut_short(client: Noojee, stop: threading.Event) -> Iterator[None]:
    """Abort the requests under way once ``stop`` is set: a phone system that hangs must not hold up the end."""
    over = threading.Event()

    def watch() -> None:
        while not over.wait(LOOK_SECONDS):
            if stop.is_set():
                client.abort()
                return

    watcher = threading.Thread(target=watch, name="request aborter", daemon=True)
    watcher.start()
    try:
        yield
    finally:
        over.set()
        watcher.join()


SIMULATED_KEY = "00000000-5130-11ec-9d3c-000000000000"
"""The simulated phone system's key. It opens nothing."""
