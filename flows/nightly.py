"""The nightly flow: one site's night, archived and reconciled."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from contextvars import copy_context
from datetime import date
from functools import partial
from pathlib import Path
from queue import SimpleQueue
from typing import Any, cast
from uuid import UUID

from prefect import flow, get_run_logger, task
from prefect.artifacts import create_progress_artifact, create_table_artifact, update_progress_artifact
from prefect.cache_policies import NO_CACHE
from prefect.client.schemas.objects import State
from prefect.states import Cancelled, Completed, Failed
from prefect.task_runners import ThreadPoolTaskRunner
from prefect.utilities.annotations import quote

from noojee_ingest.model import Leg
from noojee_ingest.pipeline.archive import BatchResult
from noojee_ingest.pipeline.night import NIGHTLY, Done, run_night
from noojee_ingest.pipeline.report import NightReport, rows
from noojee_ingest.pipeline.work import Work, open_work
from noojee_ingest.settings import load
from noojee_ingest.stopping import stop_on_signals

BATCHES: ThreadPoolTaskRunner[Any] = ThreadPoolTaskRunner(max_workers=2)
"""One batch is recorded while the next one is fetched."""

DAMAGE = 4  # of the exit codes

ARTIFACT_SECONDS = 10.0
"""How long the end of a night waits for its artifacts."""


class Artifacts:
    """What a person sees in Prefect, made in a thread of its own: where Prefect does not answer, the night goes on."""

    def __init__(self, site: str, logger: Any) -> None:
        self._site = site
        self._logger = logger
        self._wanted: SimpleQueue[Callable[[], object] | None] = SimpleQueue()
        self._thread = threading.Thread(target=copy_context().run, args=(self._make,), name="artifacts", daemon=True)
        self._thread.start()

    def progress(self, percent: float) -> None:
        self._wanted.put(lambda: update_progress_artifact(self._progress, percent))

    def table(self, report: NightReport) -> None:
        for one in report.days:
            table = [{name: str(value) for name, value in row.items()} for row in rows(one)]
            key = f"completeness-{self._site}-{one.day}"
            self._wanted.put(partial(create_table_artifact, table, key=key, description=report.summary))

    def close(self) -> None:
        self._wanted.put(None)
        self._thread.join(ARTIFACT_SECONDS)

    def _make(self) -> None:
        try:
            self._progress = cast(UUID, create_progress_artifact(0.0, key=f"nightly-{self._site}"))
            while make := self._wanted.get():
                make()
        except Exception as error:  # whatever it is, the archive does not need it
            self._logger.warning("no more artifacts of this night: %s", error)


class Batch:
    """A batch as a task of Prefect; done without it where Prefect cannot take it."""

    def __init__(self, work: Work, legs: Sequence[Leg], submit: Callable[[Any], Any]) -> None:
        self._work = work
        self._legs = legs
        self._done: Done | None = None
        self._task = None
        try:
            self._task = submit(quote(self))
        except Exception:
            self.archive()

    def archive(self) -> Done:
        self._done = Done(self._work, self._legs)
        return self._done

    def result(self) -> BatchResult:
        if self._task is not None:
            with suppress(Exception):  # Prefect's trouble; ours is in what was done
                self._task.wait()
        return (self._done or self.archive()).result()


@flow(
    name="nightly",
    flow_run_name="nightly-{site}",
    task_runner=BATCHES,  # type: ignore[arg-type]  # Prefect types its own runners too narrowly
    persist_result=False,
)
def nightly(
    site: str, day: date | None = None, config: Path | None = None, no_deadline: bool = False
) -> State[NightReport]:
    """Archive a night of ``site``: ``day`` in site time, or yesterday and what earlier nights left open.

    ``config`` as in ``noojee_ingest.settings.load``; ``no_deadline`` as in ``run_night``. The final state says what the
    exit code says: Completed, Completed as ``Gaps``, Failed as ``Damage``, Cancelled; what ends a run badly is raised.
    """
    actor = NIGHTLY if day is None else f"{NIGHTLY} --day"
    with stop_on_signals() as stop, open_work(load(config), site, actor=actor, stop=stop) as work:
        artifacts = Artifacts(site, get_run_logger())

        @task(name="archive batch", cache_policy=NO_CACHE, persist_result=False)
        def archive(batch: Batch) -> BatchResult:
            return batch.archive().result()

        def submit(legs: Sequence[Leg]) -> Batch:
            artifacts.progress(100.0 * work.tally.legs_done / max(1, work.tally.legs_found))
            return Batch(work, legs, archive.submit)

        report = run_night(work, day=day, submit=submit, no_deadline=no_deadline)
    artifacts.progress(100.0)
    artifacts.table(report)
    artifacts.close()
    get_run_logger().info(report.summary)
    if report.interrupted:
        return Cancelled(message=report.summary, data=report)
    if report.exit_code == DAMAGE:
        return Failed(name="Damage", message=report.summary, data=report)
    if report.exit_code:
        return Completed(name="Gaps", message=report.summary, data=report)
    return Completed(message=report.summary, data=report)
