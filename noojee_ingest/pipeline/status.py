"""Status: how complete each day of a site is, from the sums alone."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime

from noojee_ingest.catalogue import queries
from noojee_ingest.catalogue.database import Catalogue
from noojee_ingest.catalogue.runs import is_alive, last_runs
from noojee_ingest.model import State
from noojee_ingest.pipeline.report import GAP_STATES, floor_percent


@dataclass(frozen=True)
class DayStatus:
    """A day's sums. ``complete`` is a percentage rounded down, ``None`` where nothing was due."""

    day: date
    expected: int
    states: dict[str, int]
    calls_explained: int
    calls_unexplained: int
    calls_unjudged: int
    findings: int
    audio_bytes: int
    audio_hours: float

    @property
    def complete(self) -> float | None:
        due = self.expected - self.states[State.EXCUSED.value] + self.calls_unexplained
        return floor_percent(self.states[State.ARCHIVED.value] / due) if due else None

    @property
    def gaps(self) -> int:
        return sum(self.states[state.value] for state in GAP_STATES) + self.calls_unexplained


@dataclass(frozen=True)
class RunStatus:
    """A run of a flow: ``running``, ``died`` (it never said how it ended) or ``ended``. Times in UTC."""

    flow: str
    began: datetime
    ended: datetime | None
    word: str
    exit_code: int | None
    summary: str


@dataclass(frozen=True)
class SiteStatus:
    site: str
    days: list[DayStatus]
    runs: list[RunStatus]

    @property
    def exit_code(self) -> int:
        """3 when any of the days shown has gaps: a green Tuesday never hides a red Monday."""
        return 3 if any(day.gaps for day in self.days) else 0


def status(catalogue: Catalogue, site: str, *, days: int = 30) -> SiteStatus:
    """The latest ``days`` days of which anything is known, oldest first, and the latest runs, latest first."""
    known = queries.day_sums(catalogue, site)[-days:]
    return SiteStatus(site, [_day(row) for row in known], [_run(row) for row in last_runs(catalogue, site)])


def _day(row: queries.Row) -> DayStatus:
    states = {state.value: row[state.value] for state in State}
    return DayStatus(
        day=row["day"],
        expected=sum(states.values()),
        states=states,
        calls_explained=row["calls_explained"],
        calls_unexplained=row["calls_unexplained"],
        calls_unjudged=row["calls_unjudged"],
        findings=row["findings"],
        audio_bytes=row["audio_bytes"],
        audio_hours=round(row["audio_ms"] / 3_600_000, 2),
    )


def _run(row: queries.Row) -> RunStatus:
    word = "ended" if row["ended"] is not None else ("running" if is_alive(row) else "died")
    return RunStatus(row["flow"], row["began"], row["ended"], word, row["exit_code"], row["summary"])
