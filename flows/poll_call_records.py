"""The poll of the call record list: every few hours, because the phone system lists only what is recent."""

from __future__ import annotations

from pathlib import Path

from prefect import flow, get_run_logger
from prefect.client.schemas.objects import State
from prefect.states import Cancelled, Completed

from noojee_ingest.pipeline.poll import PollReport, run_poll
from noojee_ingest.pipeline.work import open_work
from noojee_ingest.settings import load
from noojee_ingest.stopping import stop_on_signals


@flow(name="poll-call-records", flow_run_name="poll-call-records-{site}", persist_result=False)
def poll_call_records(site: str, config: Path | None = None) -> State[PollReport]:
    """Journal what the call record lists of ``site`` newly tell. ``config`` as in ``noojee_ingest.settings.load``."""
    with stop_on_signals() as stop, open_work(load(config), site, actor="poll", stop=stop, small=True) as work:
        report = run_poll(work)
    get_run_logger().info(report.summary)
    if report.interrupted:
        return Cancelled(message=report.summary, data=report)
    return Completed(name="Gaps" if report.exit_code else None, message=report.summary, data=report)
