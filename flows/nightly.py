"""The nightly flow: one site's night, archived and reconciled."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import Any, cast
from uuid import UUID

from prefect import flow, get_run_logger, task
from prefect.artifacts import create_progress_artifact, create_table_artifact, update_progress_artifact
from prefect.cache_policies import NO_CACHE
from prefect.client.schemas.objects import State
from prefect.futures import PrefectFuture
from prefect.states import Cancelled, Completed, Failed
from prefect.task_runners import ThreadPoolTaskRunner
from prefect.utilities.annotations import quote

from noojee_ingest.model import Leg
from noojee_ingest.pipeline.archive import BatchResult, archive_batch
from noojee_ingest.pipeline.night import NIGHTLY, run_night
from noojee_ingest.pipeline.report import NightReport, rows
from noojee_ingest.pipeline.work import open_work
from noojee_ingest.settings import load
from noojee_ingest.stopping import stop_on_signals

BATCHES: ThreadPoolTaskRunner[Any] = ThreadPoolTaskRunner(max_workers=2)
"""One batch is recorded while the next one is fetched."""

DAMAGE = 4  # of the exit codes


@flow(
    name="nightly",
    flow_run_name="nightly-{site}",
    task_runner=BATCHES,  # type: ignore[arg-type]  # Prefect types its own runners too narrowly
    persist_result=False,
)
def nightly(site: str, day: date | None = None, config: Path | None = None) -> State[NightReport]:
    """Archive a night of ``site``: ``day`` in site time, or yesterday and what earlier nights left open.

    ``config`` as in ``noojee_ingest.settings.load``. The final state says what the exit code says: Completed, Completed
    as ``Gaps``, Failed as ``Damage``, Cancelled; what ends a run badly is raised.
    """
    actor = NIGHTLY if day is None else f"{NIGHTLY} --day"
    with stop_on_signals() as stop, open_work(load(config), site, actor=actor, stop=stop) as work:
        progress = cast(UUID, create_progress_artifact(0.0, key=f"nightly-{site}"))

        @task(name="archive batch", cache_policy=NO_CACHE, persist_result=False)
        def archive(legs: Sequence[Leg]) -> BatchResult:
            return archive_batch(work, legs)

        def submit(legs: Sequence[Leg]) -> PrefectFuture[BatchResult]:
            update_progress_artifact(progress, 100.0 * work.tally.legs_done / max(1, work.tally.legs_found))
            return archive.submit(quote(legs))

        report = run_night(work, day=day, submit=submit)
        update_progress_artifact(progress, 100.0)
    for one in report.days:
        table = [{name: str(value) for name, value in row.items()} for row in rows(one)]
        create_table_artifact(table, key=f"completeness-{site}-{one.day}", description=report.summary)
    get_run_logger().info(report.summary)
    if report.interrupted:
        return Cancelled(message=report.summary, data=report)
    if report.exit_code == DAMAGE:
        return Failed(name="Damage", message=report.summary, data=report)
    if report.exit_code:
        return Completed(name="Gaps", message=report.summary, data=report)
    return Completed(message=report.summary, data=report)
