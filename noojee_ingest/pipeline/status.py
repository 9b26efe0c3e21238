"""Status: how complete each day of a site is, from the sums alone."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta

from noojee_ingest.catalogue import queries
from noojee_ingest.catalogue.database import Catalogue
from noojee_ingest.catalogue.runs import is_alive, last_runs
from noojee_ingest.model import State, site_day
from noojee_ingest.pipeline.night import NIGHTLY
from noojee_ingest.pipeline.report import GAP_STATES, floor_percent
from noojee_ingest.pipeline.work import present
from noojee_ingest.settings import Site


@dataclass(frozen=True)
class DayStatus:
    """A day's sums. ``unlisted_hours``: never listed (``None`` while the day lasts). ``gone``: the store lacks them."""

    day: date
    expected: int
    states: dict[str, int]
    unlisted_hours: int | None
    calls_explained: int
    calls_unexplained: int
    calls_unjudged: int
    findings: int
    gone: int
    audio_bytes: int
    audio_hours: float

    @property
    def complete(self) -> float | None:
        """A percentage, rounded down; ``None`` where nothing was due."""
        due = self.expected - self.states[State.EXCUSED.value] + self.calls_unexplained
        return floor_percent(self.states[State.ARCHIVED.value] / due) if due else None

    @property
    def gaps(self) -> int:
        """Legs that are not archived and not awaited, calls that nothing explains, hours that nobody listed."""
        legs = sum(self.states[state.value] for state in (*GAP_STATES, State.DISCOVERED))
        return legs + self.calls_unexplained + (self.unlisted_hours or 0)


@dataclass(frozen=True)
class RunStatus:
    """A run of a flow: ``running``, ``died`` (it never said how it ended) or ``ended``. Times in UTC."""

    flow: str
    began: datetime
    ended: datetime | None
    condition: str
    exit_code: int | None
    summary: str


@dataclass(frozen=True)
class SiteStatus:
    site: str
    zone: str
    days: list[DayStatus]
    runs: list[RunStatus]

    @property
    def exit_code(self) -> int:
        """4 when an object is gone, 3 when any of the days shown has gaps: a green day never hides a red one."""
        if any(day.gone for day in self.days):
            return 4
        return 3 if any(day.gaps for day in self.days) else 0


def status(catalogue: Catalogue, slug: str, site: Site, *, days: int = 30) -> SiteStatus:
    """Each of the latest ``days`` days up to yesterday and what is known of later ones, and the latest runs.

    Days are counted from the first that a nightly listed, without leaving any out: a night that did not run shows.
    """
    runs = [_run(row) for row in last_runs(catalogue, slug)]
    first = queries.first_day_known(catalogue, slug)
    if site.by_hour:
        first = queries.first_hour_listed(catalogue, slug, NIGHTLY) or first
    if first is None:
        return SiteStatus(slug, site.zone.key, [], runs)
    today = site_day(present(site), site.zone)
    first = max(first, today - timedelta(days=days))
    sums = {row["day"]: row for row in queries.day_sums_since(catalogue, slug, first)}
    listed = queries.hours_listed(catalogue, slug, first, today)
    gone = queries.gone_objects(catalogue, slug, first)
    ended = {first + timedelta(days=number) for number in range((today - first).days)}
    shown = [
        _day(
            day,
            sums.get(day, {}),
            unlisted=24 - listed.get(day, 0) if site.by_hour and day in ended else None,
            gone=gone.get(day, 0),
        )
        for day in sorted(ended | sums.keys())
    ]
    return SiteStatus(slug, site.zone.key, shown, runs)


def _day(day: date, row: queries.Row, *, unlisted: int | None, gone: int) -> DayStatus:
    states = {state.value: row.get(state.value, 0) for state in State}
    return DayStatus(
        day=day,
        expected=sum(states.values()),
        states=states,
        unlisted_hours=unlisted,
        calls_explained=row.get("calls_explained", 0),
        calls_unexplained=row.get("calls_unexplained", 0),
        calls_unjudged=row.get("calls_unjudged", 0),
        findings=row.get("findings", 0),
        gone=gone,
        audio_bytes=row.get("audio_bytes", 0),
        audio_hours=round(row.get("audio_ms", 0) / 3_600_000, 2),
    )


def _run(row: queries.Row) -> RunStatus:
    condition = "ended" if row["ended"] is not None else ("running" if is_alive(row) else "died")
    return RunStatus(row["flow"], row["began"], row["ended"], condition, row["exit_code"], row["summary"])
