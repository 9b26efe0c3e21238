"""The pipeline as ``noojee-ingest nightly`` runs it, measured from the inside.

A process of its own: the arguments are the settings' file and the present instant, standard output tells what it took,
in JSON. The window is that of the issue: from the first audio request to the last catalogue commit of a batch.
"""

from __future__ import annotations

import json
import resource
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

from bench.figures import Instant, peak_bytes
from noojee_ingest import model
from noojee_ingest.cli.flow_run import run_flow
from noojee_ingest.model import Leg
from noojee_ingest.pipeline import archive, budget, night, phone, work
from noojee_ingest.settings import load
from noojee_ingest.storage.root import Store


class Spent:
    """What one stage took: seconds of the wall's clock and of its threads' CPU, noted by any number of threads."""

    def __init__(self) -> None:
        self._noted: list[tuple[float, float]] = []  # appending is safe between threads, adding is not

    @property
    def seconds(self) -> float:
        return sum(wall for wall, _ in self._noted)

    @property
    def cpu_seconds(self) -> float:
        return sum(cpu for _, cpu in self._noted)

    @contextmanager
    def noting(self) -> Iterator[None]:
        wall, cpu = time.perf_counter(), time.thread_time()
        try:
            yield
        finally:
            self._noted.append((time.perf_counter() - wall, time.thread_time() - cpu))

    def on(self, do: Callable[..., Any]) -> Callable[..., Any]:
        """``do``, its time noted here."""

        def noted(*arguments: Any, **named: Any) -> Any:
            with self.noting():
                return do(*arguments, **named)

        return noted

    def on_entering(self, do: Callable[..., AbstractContextManager[Any]]) -> Callable[..., AbstractContextManager[Any]]:
        """The context manager ``do``, the time to enter it noted here."""

        @contextmanager
        def noted(*arguments: Any, **named: Any) -> Iterator[Any]:
            with ExitStack() as stack:
                with self.noting():
                    entered = stack.enter_context(do(*arguments, **named))
                yield entered

        return noted


class CountedRoot:
    """A root of the store whose calls are listed; appending to a list is safe between threads."""

    def __init__(self, root: Any, calls: list[str]) -> None:
        self._root = root
        self._calls = calls

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._root, name)
        if not callable(found):
            return found

        def counted(*arguments: Any, **named: Any) -> Any:
            self._calls.append(name)
            return found(*arguments, **named)

        return counted


STAGES = ("discovery", "leg", "fetching", "checking", "storing", "recording", "reconciling", "publishing")


class Watch:
    """Looks on from the seams between the stages; all its wrappers together cost some 20 microseconds a leg."""

    def __init__(self) -> None:
        self.calls: list[str] = []
        self.first: tuple[Instant, int] | None = None
        self.last: tuple[Instant, int] | None = None
        self.stages = {name: Spent() for name in STAGES}
        self._listed = threading.Event()

    def install(self) -> None:
        """Take the places of the functions that are looked at. To be called before any of them is."""
        archive.archive_leg = self._leg(self.stages["leg"].on(archive.archive_leg))
        archive.retrieved = self.stages["fetching"].on_entering(archive.retrieved)
        archive.checked = self.stages["checking"].on(archive.checked)
        archive.store_audio = self.stages["storing"].on(archive.store_audio)
        archive.record = self._recorded(self.stages["recording"].on(archive.record))
        work.open_store = self._counted(work.open_store)
        night.Night.legs = self._listed_first(night.Night.legs)
        night.reconcile = self.stages["reconciling"].on(night.reconcile)
        night.publish_changes = self.stages["publishing"].on(night.publish_changes)

    def _listed_first(self, do: Callable[..., Iterator[Leg]]) -> Callable[..., Iterator[Leg]]:
        """Hold the audio back until all is listed: the bare loop, too, begins with all its addresses in hand."""

        def legs(*arguments: Any) -> Iterator[Leg]:
            following = self.stages["discovery"].on(do(*arguments).__next__)
            try:
                while True:
                    try:
                        leg = following()
                    except StopIteration:
                        return
                    yield leg
            finally:
                self._listed.set()

        return legs

    def _leg(self, do: Callable[..., Any]) -> Callable[..., Any]:
        def noted(*arguments: Any) -> Any:
            self._listed.wait()
            if self.first is None:
                self.first = Instant.now(), len(self.calls)
            return do(*arguments)

        return noted

    def _recorded(self, do: Callable[..., Any]) -> Callable[..., Any]:
        def noted(*arguments: Any) -> Any:
            result = do(*arguments)
            self.last = Instant.now(), len(self.calls)
            return result

        return noted

    def _counted(self, do: Callable[..., Store]) -> Callable[..., Store]:
        def opened(*arguments: Any, **named: Any) -> Store:
            store = do(*arguments, **named)
            roots = (store.archive, store.evidence, store.lake, store.scratch)
            return Store(*(CountedRoot(root, self.calls) for root in roots))

        return opened


def main() -> None:
    config, present = Path(sys.argv[1]), datetime.fromisoformat(sys.argv[2])

    model.now_utc = phone.clock_from(present)
    budget.MARGIN_SECONDS = 0.0  # beside an interval of 0
    watch = Watch()
    watch.install()
    settings = load(config)
    (site,) = settings.sites
    began, begun = time.perf_counter(), 0.0

    def flow() -> Any:
        from flows import nightly as module  # noqa: PLC0415  Prefect reads its settings on import

        open_work = module.open_work

        def opening(*arguments: Any, **named: Any) -> Any:
            nonlocal begun
            begun = time.perf_counter()
            return open_work(*arguments, **named)

        module.open_work = opening
        return module.nightly(site=site, config=config, return_state=True)

    report, _stop = run_flow(settings, flow)
    if watch.first is None or watch.last is None:
        raise RuntimeError("the night found nothing to fetch")
    (first, calls_before), (last, calls_after) = watch.first, watch.last
    servers = resource.getrusage(resource.RUSAGE_CHILDREN)
    print(
        json.dumps(
            {
                "legs": sum(day.total.states["archived"] for day in report.days),
                "bytes": report.bounds.fetched_bytes,
                "seconds": last.wall - first.wall,
                "cpu_seconds": last.cpu - first.cpu,
                "peak_bytes": peak_bytes(),
                "store_calls": Counter(watch.calls[calls_before:calls_after]),
                "workers_busy": watch.stages["leg"].seconds / (last.wall - first.wall) / settings.archive.workers,
                "exit_code": report.exit_code,
                "prefect_start_seconds": begun - began,
                "prefect_cpu_seconds": servers.ru_utime + servers.ru_stime,
                "seconds_of_stages": {name: spent.seconds for name, spent in watch.stages.items()},
                "cpu_seconds_of_stages": {name: spent.cpu_seconds for name, spent in watch.stages.items()},
                "whole_seconds": time.perf_counter() - began,
            }
        )
    )


if __name__ == "__main__":
    main()
