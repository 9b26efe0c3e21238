"""The site budget as the client's limiter: what a site allows, shared by all processes that work for it."""

from __future__ import annotations

import threading
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, nullcontext, suppress
from types import TracebackType

from noojee_ingest.catalogue.budget import Budget
from noojee_ingest.catalogue.database import Catalogue
from noojee_ingest.catalogue.errors import CatalogueError, CatalogueUnavailable
from noojee_ingest.catalogue.processes import identity, this_process
from noojee_ingest.catalogue.runs import is_alive
from noojee_ingest.noojee import Interrupted, TurnKind

LOOK_SECONDS = 0.5  # between two looks at the stop event
MARGIN_SECONDS = 0.1  # two requests may arrive closer together than they were sent
NO_PROCESS = "-"
"""Stands for the host in the name of a holder that cannot be looked for; no host is called so."""


class SiteBudget:
    """A Limiter (noojee.limits) over the Budget of all processes. Enter it before use; leaving gives the lease back.

    ``allowed`` is what the site allows at once, ``wanted`` what this process may use of it; ``intervals`` are seconds
    between requests of a kind; ``lease_seconds`` must be longer than the client's read time-out, so that a request of a
    process that died is over before its slot is given away. Waits end with Interrupted when ``stop`` is set. A lease
    that cannot be renewed, whether the catalogue refuses or says nothing at all, sets ``stop`` before it runs out, and
    leaving raises the CatalogueError that says why. Others take a process for dead that does not have the catalogue
    open: without ``has_catalogue`` nobody ends the lease, and after a crash it runs out.
    """

    def __init__(
        self,
        budget: Budget,
        site: str,
        *,
        allowed: int,
        wanted: int,
        lease_seconds: float,
        intervals: Mapping[TurnKind, float],
        stop: threading.Event,
        has_catalogue: bool = True,
    ) -> None:
        self._budget = budget
        self._site = site
        self._allowed = allowed
        self.wanted = wanted
        self._lease_seconds = lease_seconds
        self._intervals = intervals
        self._stop = stop
        process = identity(this_process()) if has_catalogue else (NO_PROCESS,)
        self._holder = " ".join(map(str, (*process, uuid.uuid4().hex)))
        self._changed = threading.Condition()
        self._granted = 0
        self._used = 0
        self._expires = 0.0
        self._failed: CatalogueError = CatalogueUnavailable(
            f"renewing the lease of requests to {site}",
            "the site budget did not answer in time",
            "Look at the catalogue's database; then run again: nothing is lost.",
        )
        self._lost = False
        self._over = threading.Event()
        self._renewing = threading.Thread(target=self._renew, name=f"budget of {site}", daemon=True)
        self._watching = threading.Thread(target=self._watch, name=f"watch on the budget of {site}", daemon=True)
        self.while_waiting: Callable[[], None] = lambda: None
        """Called now and then while a slot is waited for; what it raises ends the wait."""
        self.seconds_waited = 0.0
        """Spent waiting for a turn, by all threads together."""

    def __enter__(self) -> SiteBudget:
        self._lease()
        self._renewing.start()
        self._watching.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._over.set()
        self._watching.join()
        self._renewing.join(max(0.0, self._expires - time.monotonic()))
        if self._lost or self._renewing.is_alive():  # that one waits for an answer, perhaps for ever
            raise self._failed
        with suppress(CatalogueError) if error is not None else nullcontext():  # what ended the run is what counts
            self._budget.give_back(self._holder)

    def _lease(self) -> None:
        asked = time.monotonic()
        granted = self._budget.lease(self._site, self._holder, self.wanted, self._allowed, self._lease_seconds)
        with self._changed:
            self._expires = asked + self._lease_seconds
            self._granted = granted
            self._changed.notify_all()

    def _renew(self) -> None:
        while not self._over.wait(self._lease_seconds / 4 if self._granted else LOOK_SECONDS):
            try:
                self._lease()
            except CatalogueError as error:
                self._failed = error

    def _watch(self) -> None:
        """Never waits for an answer, as renewing may."""
        while not self._over.wait(max(0.0, left := self._expires - self._lease_seconds / 3 - time.monotonic())):
            if left <= 0:
                self._lost = True
                self._stop.set()  # others may take our slots soon: what is under way is aborted
                return

    @contextmanager
    def slot(self) -> Iterator[None]:
        """One of the leased requests; waits until one is free. Raises Interrupted."""
        with self._changed:
            while self._used >= self._granted or time.monotonic() >= self._expires:
                if self._stop.is_set():
                    raise Interrupted("stopped while waiting for a free request slot")
                self.while_waiting()
                self._changed.wait(LOOK_SECONDS)
            self._used += 1
        try:
            yield
        finally:
            with self._changed:
                self._used -= 1
                self._changed.notify()

    def turn(self, kind: TurnKind) -> None:
        """Take the next turn of this kind and wait for it. Raises Interrupted."""
        seconds = self._budget.take_turn(self._site, kind.value, self._intervals[kind] + MARGIN_SECONDS)
        self.seconds_waited += max(0.0, seconds)
        if self._stop.wait(seconds):
            raise Interrupted(f"stopped while waiting for the next {kind} request")


def end_leases_of_the_dead(budget: Budget, site: str, catalogue: Catalogue) -> None:
    """Give back what processes of this host held when they died: its connections ended with the process.

    A process of another host may only be cut off from the catalogue and still ask the phone system: its lease runs out.
    """
    for holder in budget.holders(site):
        host, *of_host = holder.split()
        if host == this_process()["host"]:
            process = {"host": host, "pid": int(of_host[0]), "started": float(of_host[1])}
            if not is_alive(catalogue, process):
                budget.give_back(holder)
