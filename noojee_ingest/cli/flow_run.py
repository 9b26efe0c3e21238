"""Running a flow in this process, and what its end means."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from noojee_ingest.cli.exits import TOLD
from noojee_ingest.cli.progress import shown, told
from noojee_ingest.embedded_prefect import EmbeddedPrefectError, embedded_prefect
from noojee_ingest.pipeline.progress import WATCHED, Tally
from noojee_ingest.settings import Settings
from noojee_ingest.stopping import Stop, stop_on_signals


def run_flow(settings: Settings, flow: Callable[[], Any]) -> tuple[Any, Stop]:
    """Run what ``flow`` calls with Prefect at hand and progress on standard error.

    ``flow`` imports the flow and calls it with ``return_state=True``: Prefect may only be imported inside. Gives its
    report, and whether a signal came meanwhile. Raises what ended the flow badly; what Prefect meets once there is a
    report, its server gone, is only told.
    """
    tally = Tally(stage="starting Prefect")
    watching = WATCHED.set(tally)
    try:
        with stop_on_signals() as stop, _asked_to_stop(stop), shown(lambda: told(tally)):
            with embedded_prefect(settings.prefect.home, settings.prefect.api_url, stop):
                tally.stage = "starting"
                try:
                    result = flow().result(raise_on_failure=False)
                except Exception as error:
                    result = error
                is_prefects = isinstance(result, Exception) and not isinstance(result, TOLD)
                if is_prefects and tally.report is not None:
                    print(f"noojee-ingest: Prefect does not know how this ended: {result}", file=sys.stderr)
                    result = tally.report
            tally.stage = "done"
    finally:
        WATCHED.reset(watching)
    if isinstance(result, BaseException):
        raise result
    return result, stop


@contextmanager
def _asked_to_stop(stop: Stop) -> Iterator[None]:
    """A start that a signal cut short is no failure."""
    try:
        yield
    except EmbeddedPrefectError:
        if stop.exit_code is None:
            raise
        sys.exit(stop.exit_code)
