"""A poll of the call record list on its own."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from functools import partial

from noojee_ingest.noojee import Interrupted
from noojee_ingest.pipeline.discover import Discovery, poll_call_records
from noojee_ingest.pipeline.publish import Publication, publish_changes
from noojee_ingest.pipeline.run import not_done, noted
from noojee_ingest.pipeline.work import Work

POLL = "poll-call-records"
"""The flow of these runs."""


@dataclass(frozen=True)
class PollReport:
    """``polls``: lists that answered; ``events``: what was newly learnt; ``problems``: lists that did not answer, and
    days that could not be published.

    ``exit_code`` is that of the table in docs/operations.md, 130 of an interrupted poll.
    """

    site: str
    polls: int
    events: int
    problems: list[str]
    interrupted: bool
    published: Publication

    @property
    def exit_code(self) -> int:
        if self.interrupted:
            return 130
        return 3 if self.problems else 0

    @property
    def summary(self) -> str:
        word = "interrupted: " if self.interrupted else ""
        said = f"{word}{self.polls} call record lists polled, {self.events} events journalled"
        return "; ".join([said, *self.problems])

    @property
    def undone(self) -> str:
        return not_done(self.problems)


def run_poll(work: Work) -> PollReport:
    """Ask every template's call record list, journal and publish what is new. Stops and raises as ``run_night``."""
    return noted(work, POLL, partial(_poll, work))


def _poll(work: Work) -> PollReport:
    done = Discovery()
    with suppress(Interrupted):
        poll_call_records(work, done)
    published = publish_changes(work)
    return PollReport(
        site=work.site,
        polls=done.polls,
        events=work.tally.events,
        problems=[*done.problems, *published.problems],
        interrupted=work.stop.is_set(),
        published=published,
    )
