"""A poll of the call record list on its own."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass

from noojee_ingest.catalogue.errors import CatalogueError
from noojee_ingest.catalogue.runs import begin_run, end_run
from noojee_ingest.pipeline.discover import Discovery, poll_call_records
from noojee_ingest.pipeline.work import Work


@dataclass(frozen=True)
class PollReport:
    """``polls``: lists that answered; ``events``: what was newly learnt; ``problems``: lists that did not answer."""

    site: str
    polls: int
    events: int
    problems: list[str]

    @property
    def exit_code(self) -> int:
        return 3 if self.problems else 0

    @property
    def summary(self) -> str:
        said = f"{self.polls} call record lists polled, {self.events} events journalled"
        return "; ".join([said, *self.problems])


def run_poll(work: Work) -> PollReport:
    """Ask every template's call record list and journal what is new. Raises as ``run_night``."""
    run_id = begin_run(work.catalogue, site=work.site, flow="poll-call-records", began=work.clock())
    done = Discovery()
    try:
        poll_call_records(work, done)
    except BaseException as error:
        said = f"{type(error).__name__}: {error}"[:500]
        with suppress(CatalogueError):  # it may be what ended the run
            end_run(work.catalogue, run_id, ended=work.clock(), exit_code=1, summary=said)
        raise
    report = PollReport(work.site, done.polls, work.tally.events, done.problems)
    end_run(work.catalogue, run_id, ended=work.clock(), exit_code=report.exit_code, summary=report.summary)
    return report
