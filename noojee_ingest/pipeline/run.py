"""A run as the catalogue notes it: when it began, and how it ended."""

from __future__ import annotations

from collections.abc import Callable, Sequence
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

    @property
    def undone(self) -> str:
        """What it should have done and did not, in words."""


R = TypeVar("R", bound=Report)

LONGEST_SUMMARY = 500  # characters of an error


def not_done(problems: Sequence[str]) -> str:
    """Problems in one line: how many, and the first."""
    return f"{len(problems)} not done, first: {problems[0]}"[:LONGEST_SUMMARY] if problems else ""


def noted(work: Work, flow: str, run: Callable[[], R]) -> R:
    """Do what ``run`` does and note it as a run of ``flow``. An error is noted too, and raised."""
    run_id = begin_run(work.catalogue, site=work.site, flow=flow, began=work.clock())
    try:
        report = run()
    except BaseException as error:
        code, said = 1, f"{type(error).__name__}: {error}"[:LONGEST_SUMMARY]
        if isinstance(error, KeyboardInterrupt):
            code, said = 130, "interrupted at once, by a second Ctrl-C"
        with suppress(CatalogueError):  # it may be what ended the run
            end_run(work.catalogue, run_id, ended=work.clock(), exit_code=code, summary=said)
        raise
    code = report.exit_code
    if report.interrupted and isinstance(work.stop, Stop):
        code = work.stop.exit_code or code
    undone = report.undone[:LONGEST_SUMMARY]
    end_run(work.catalogue, run_id, ended=work.clock(), exit_code=code, summary=report.summary, undone=undone)
    work.tally.report = report
    return report
