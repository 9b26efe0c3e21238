"""A run as the catalogue notes it: when it began, and how it ended."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import Protocol, TypeVar

from noojee_ingest.catalogue.errors import CatalogueError
from noojee_ingest.catalogue.runs import begin_run, end_run
from noojee_ingest.pipeline.work import Work
from noojee_ingest.stopping import Stop


class Report(Protocol):
    """What a run gives at its end."""

    @property
    def interrupted(self) -> bool: ...

    @property
    def exit_code(self) -> int: ...

    @property
    def summary(self) -> str: ...


R = TypeVar("R", bound=Report)

LONGEST_SUMMARY = 500  # characters of an error


def noted(work: Work, flow: str, run: Callable[[], R]) -> R:
    """Do what ``run`` does and note it as a run of ``flow``. An error is noted too, and raised."""
    run_id = begin_run(work.catalogue, site=work.site, flow=flow, began=work.clock())
    try:
        report = run()
    except BaseException as error:
        said = f"{type(error).__name__}: {error}"[:LONGEST_SUMMARY]
        with suppress(CatalogueError):  # it may be what ended the run
            end_run(work.catalogue, run_id, ended=work.clock(), exit_code=1, summary=said)
        raise
    code = report.exit_code
    if report.interrupted and isinstance(work.stop, Stop):
        code = work.stop.exit_code or code
    end_run(work.catalogue, run_id, ended=work.clock(), exit_code=code, summary=report.summary)
    return report
