"""Status: how complete each day of a site is, from the sums alone, and whether its nights ran."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta

from noojee_ingest.catalogue import queries
from noojee_ingest.catalogue.database import Catalogue
from noojee_ingest.catalogue.runs import is_alive, last_runs, latest_run
from noojee_ingest.model import State, site_day
from noojee_ingest.pipeline.completeness import Line
from noojee_ingest.pipeline.deadline import deadline_of
from noojee_ingest.pipeline.night import NIGHTLY
from noojee_ingest.pipeline.work import of_site, present
from noojee_ingest.settings import Settings

CAME_TO_ITS_END = (0, 3, 4)
"""Exit codes of a night that did all that it could."""


@dataclass(frozen=True)
class DayStatus:
    """A day's sums. ``unlisted_hours``: never listed, ``None`` while that is no gap. ``gone``: the store lacks them."""

    day: date
    sums: Line
    unlisted_hours: int | None
    findings: int
    gone: int

    @property
    def gaps(self) -> int:
        """Those of the sums, and hours that nobody listed."""
        return self.sums.gaps + (self.unlisted_hours or 0)


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
    """``alarm`` says in a sentence that nights did not run, or did not come to their end; else it is empty."""

    site: str
    zone: str
    alarm: str
    days: list[DayStatus]
    runs: list[RunStatus]

    @property
    def exit_code(self) -> int:
        """4 when an object is gone, 3 when a night is wanting or any of the days shown has gaps: a green day never
        hides a red one."""
        if any(day.gone for day in self.days):
            return 4
        return 3 if self.alarm or any(day.gaps for day in self.days) else 0


def status(catalogue: Catalogue, settings: Settings, slug: str, *, days: int = 30) -> SiteStatus:
    """Each of the latest ``days`` days up to yesterday and what is known of later ones, and the latest runs.

    Days are counted from the first that a nightly listed, without leaving any out: a night that did not run shows. A
    night has until its deadline, where one is set, and else no time at all. Raises NoSuchSite.
    """
    site = of_site(settings, slug)
    now = present(site)
    today = site_day(now, site.zone)
    runs = [_run(catalogue, row) for row in last_runs(catalogue, slug)]
    first = queries.first_day_known(catalogue, slug)
    if site.by_hour:
        first = queries.first_hour_listed(catalogue, slug, NIGHTLY) or first
    deadline = settings.nightly.deadline
    is_over = deadline is None or now >= deadline_of(today, deadline, site.zone)
    last_due = today - timedelta(days=1 if is_over else 2)
    alarm = _alarm(catalogue, settings, slug, last_due)
    if first is None:
        return SiteStatus(slug, site.zone.key, alarm, [], runs)
    first = max(first, today - timedelta(days=days))
    sums = {row["day"]: row for row in queries.day_sums_since(catalogue, slug, first)}
    listed = queries.hours_listed(catalogue, slug, first, today)
    gone = queries.gone_objects(catalogue, slug, first)
    ended = {first + timedelta(days=number) for number in range((today - first).days)}
    shown = [
        _day(
            day,
            sums.get(day, {}),
            unlisted=24 - listed.get(day, 0) if site.by_hour and day in ended and day <= last_due else None,
            gone=gone.get(day, 0),
        )
        for day in sorted(ended | sums.keys())
    ]
    return SiteStatus(slug, site.zone.key, alarm, shown, runs)


def _alarm(catalogue: Catalogue, settings: Settings, slug: str, last_due: date) -> str:
    """What is wrong with the nights up to that of the day ``last_due``, site time.

    The night of a day is any that began after it and came to its end, for it does what earlier ones left. A catalogue
    that was rebuilt knows of no runs: then the hours that were listed speak for themselves, where there are hours.
    """
    zone = settings.sites[slug].zone
    latest = latest_run(catalogue, slug, NIGHTLY)
    if latest is None:
        by_hour = settings.sites[slug].by_hour
        known = by_hour and queries.first_hour_listed(catalogue, slug, NIGHTLY) is not None
        return "" if known else "no night has run yet"
    fate = f"the latest, of {_when(latest, settings, slug)}, {_fate(catalogue, latest)}"
    good = latest_run(catalogue, slug, NIGHTLY, ended_with=CAME_TO_ITS_END)
    if good is None:
        return f"no night has come to its end yet: {fate}"
    missed = (last_due - site_day(good["began"], zone)).days + 1
    if missed <= 0:
        return ""
    days = "1 day waits" if missed == 1 else f"{missed} days wait"
    since = f"no night has come to its end since that of {_when(good, settings, slug)}, {days}"
    return since if latest["run_id"] == good["run_id"] else f"{since}: {fate}"


def _when(row: queries.Row, settings: Settings, slug: str) -> str:
    return f"{row['began'].astimezone(settings.sites[slug].zone):%Y-%m-%d %H:%M %Z}"


def _fate(catalogue: Catalogue, row: queries.Row) -> str:
    condition = _run(catalogue, row).condition
    return {"running": "is running", "died": "died"}.get(condition, f"ended with exit code {row['exit_code']}")


def _day(day: date, row: queries.Row, *, unlisted: int | None, gone: int) -> DayStatus:
    sums = Line(
        states={state.value: row.get(state.value, 0) for state in State},
        audio_bytes=row.get("audio_bytes", 0),
        audio_seconds=row.get("audio_ms", 0) / 1000,
        calls_explained=row.get("calls_explained", 0),
        calls_unexplained=row.get("calls_unexplained", 0),
        calls_unjudged=row.get("calls_unjudged", 0),
    )
    return DayStatus(day, sums, unlisted, row.get("findings", 0), gone)


def _run(catalogue: Catalogue, row: queries.Row) -> RunStatus:
    condition = "ended" if row["ended"] is not None else ("running" if is_alive(catalogue, row) else "died")
    return RunStatus(row["flow"], row["began"], row["ended"], condition, row["exit_code"], row["summary"])
