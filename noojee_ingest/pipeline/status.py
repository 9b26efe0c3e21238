"""Status: how complete each day of a site is, from the sums alone, and whether its nights ran."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from noojee_ingest.catalogue import queries
from noojee_ingest.catalogue.database import Catalogue
from noojee_ingest.catalogue.runs import is_alive, last_runs, latest_run
from noojee_ingest.catalogue.statements import Version, latest_statements
from noojee_ingest.model import State, site_day
from noojee_ingest.pipeline.completeness import Line
from noojee_ingest.pipeline.deadline import deadline_of
from noojee_ingest.pipeline.hours import hours_of
from noojee_ingest.pipeline.night import NIGHTLY, first_night
from noojee_ingest.pipeline.phone import of_site
from noojee_ingest.pipeline.poll import POLL
from noojee_ingest.pipeline.work import present
from noojee_ingest.settings import Settings

CAME_TO_ITS_END = (0, 3, 4)
"""Exit codes of a night that did all that it could."""

NO_NIGHT = "no night has run yet"
RUNNING, WELL = "is running", "ended with exit code 0"

MOST_FAILED_POLLS = 3
"""So many in a row: what the call record lists hold only for a while is being lost."""


@dataclass(frozen=True)
class DayStatus:
    """A day's sums. ``hours``: how many the site's clocks showed. ``unlisted_hours``: never listed, ``None`` while that
    is no gap. ``gone``: the store lacks them. ``statement``: the number of its latest one, 0: there is none.
    ``is_below``: its night was due, and it is less complete than the target."""

    day: date
    sums: Line
    hours: int
    unlisted_hours: int | None
    findings: int
    gone: int
    statement: int = 0
    is_final: bool = False
    is_below: bool = False

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
    """``alarm`` says that nights or polls did not run, did not come to their end, or left something; else it is empty.

    ``older_gaps`` and ``older_gone`` are those of the days before the ones shown, from the sums: not unlisted hours.
    """

    site: str
    zone: str
    alarm: str
    days: list[DayStatus]
    runs: list[RunStatus]
    older_gaps: int = 0
    older_gone: int = 0
    target: float = 100.0

    @property
    def worst(self) -> DayStatus | None:
        """The worst of the days shown: damage before gaps before what is below the target, then the least complete.

        ``None``: they are all well.
        """
        bad = [day for day in self.days if day.gone or day.gaps or day.is_below]
        return min(bad, key=_goodness, default=None)

    @property
    def exit_code(self) -> int:
        """4 when an object is gone, 3 when there is an alarm or any day has gaps: a green day never hides a red one."""
        if self.older_gone or any(day.gone for day in self.days):
            return 4
        return 3 if self.alarm or self.older_gaps or any(day.gaps for day in self.days) else 0


def _goodness(day: DayStatus) -> tuple[bool, bool, float, date]:
    complete = day.sums.complete
    return not day.gone, not day.gaps, 100.0 if complete is None else complete, day.day


def status(catalogue: Catalogue, settings: Settings, slug: str, *, days: int = 30) -> SiteStatus:
    """Each of the latest ``days`` days up to yesterday and what is known of later ones, and the latest runs.

    Days are counted from that of the first night, without leaving any out: a night that did not run shows. Of earlier
    ones those are shown that somebody asked for by name. A night has until its deadline, where one is set, and else as
    long as it is under way. Raises NoSuchSite.
    """
    site = of_site(settings, slug)
    now = present(site)
    today = site_day(now, site.zone)
    runs = [_run(catalogue, row) for row in last_runs(catalogue, slug)]
    begin = first_night(catalogue, slug, site.zone)
    latest = latest_run(catalogue, slug, NIGHTLY)
    deadline = settings.nightly.deadline
    if deadline is not None:
        is_over = now >= deadline_of(today, deadline, site.zone)
    else:
        is_over = not (latest and site_day(latest["began"], site.zone) == today and _fate(catalogue, latest) == RUNNING)
    last_due = today - timedelta(days=1 if is_over else 2)
    sums = {row["day"]: row for row in queries.day_sums(catalogue, slug)}
    if begin is None or not site.by_hour:
        begin = min((day for day in (begin, *sums) if day is not None), default=today)
    since = today - timedelta(days=days)
    listed = queries.hours_listed(catalogue, slug, since, today)
    gone = queries.gone_objects(catalogue, slug, [day for day, row in sums.items() if row["findings"]])
    stated = latest_statements(catalogue, slug, [since, today])
    wanted = {since + timedelta(days=number) for number in range(days)}
    told = [
        _day(
            day,
            sums.get(day, {}),
            hours=hours_of(day, site.zone),
            listed=listed.get(day, set())
            if site.by_hour and since <= day <= last_due and (day >= begin or day in listed)
            else None,
            gone=gone.get(day, 0),
            statement=stated.get(day),
            target=settings.nightly.target_percent if day <= last_due else None,
        )
        for day in sorted(wanted | sums.keys())
        if day >= begin or day in listed or _has_legs(sums.get(day, {}))
    ]
    older = [day for day in told if day.day < since]
    return SiteStatus(
        site=slug,
        zone=site.zone.key,
        alarm=_alarm(catalogue, settings, slug, last_due),
        days=[day for day in told if day.day >= since],
        runs=runs,
        older_gaps=sum(day.gaps for day in older),
        older_gone=sum(day.gone for day in older),
        target=settings.nightly.target_percent,
    )


def _has_legs(row: queries.Row) -> bool:
    return any(row.get(state.value) for state in State)


def _alarm(catalogue: Catalogue, settings: Settings, slug: str, last_due: date) -> str:
    """What is wrong with the nights up to that of the day ``last_due``, site time, and with the polls."""
    told = [_wanting(catalogue, settings, slug, last_due)]
    latest = latest_run(catalogue, slug, NIGHTLY, ended_with=CAME_TO_ITS_END)
    if latest and latest["undone"] and not told[0]:
        told.append(f"the latest night, of {_when(latest, settings, slug)}, left something: {latest['undone']}")
    polls = last_runs(catalogue, slug, MOST_FAILED_POLLS, flow=POLL)
    if len(polls) == MOST_FAILED_POLLS and all(_fate(catalogue, row) not in (RUNNING, WELL) for row in polls):
        told.append(
            f"the latest {len(polls)} polls of the call record lists did not end well: the last one, of "
            f"{_when(polls[0], settings, slug)}, {_fate(catalogue, polls[0])}"
        )
    return "; ".join(one for one in told if one)


def _wanting(catalogue: Catalogue, settings: Settings, slug: str, last_due: date) -> str:
    """Whether nights are wanting.

    The night of a day is any that began after it and came to its end, for it does what earlier ones left. A catalogue
    that was rebuilt knows of no runs: then the hours that were listed speak for themselves, where there are hours.
    """
    zone = settings.sites[slug].zone
    latest = latest_run(catalogue, slug, NIGHTLY)
    if latest is None:
        return "" if settings.sites[slug].by_hour and queries.first_asked(catalogue, slug, NIGHTLY) else NO_NIGHT
    fate = f"the latest, of {_when(latest, settings, slug)}, {_fate(catalogue, latest)}"
    good = latest_run(catalogue, slug, NIGHTLY, ended_with=CAME_TO_ITS_END)
    if good is None:
        under_way = _fate(catalogue, latest) == RUNNING and last_due < site_day(latest["began"], zone) - timedelta(
            days=1
        )
        return "" if under_way else f"no night has come to its end yet: {fate}"
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
    return {"running": RUNNING, "died": "died"}.get(condition, f"ended with exit code {row['exit_code']}")


def _day(
    day: date,
    row: queries.Row,
    *,
    hours: Mapping[int, datetime],
    listed: set[int] | None,
    gone: int,
    statement: Version | None,
    target: float | None,
) -> DayStatus:
    sums = Line(
        states={state.value: row.get(state.value, 0) for state in State},
        audio_bytes=row.get("audio_bytes", 0),
        audio_seconds=row.get("audio_ms", 0) / 1000,
        calls_explained=row.get("calls_explained", 0),
        calls_unexplained=row.get("calls_unexplained", 0),
        calls_unjudged=row.get("calls_unjudged", 0),
    )
    unlisted = None if listed is None else len(hours.keys() - listed)
    return DayStatus(
        day,
        sums,
        len(hours),
        unlisted,
        row.get("findings", 0),
        gone,
        statement=statement.number if statement else 0,
        is_final=statement is not None and statement.final and not _awaits(sums),
        is_below=target is not None and sums.complete is not None and sums.complete < target,
    )


def _awaits(sums: Line) -> bool:
    """Whether something came up after the statement: a final day of which a leg is tried again is final no more."""
    return bool(sums.states[State.DISCOVERED.value] or sums.states[State.PENDING.value] or sums.calls_unjudged)


def _run(catalogue: Catalogue, row: queries.Row) -> RunStatus:
    condition = "ended" if row["ended"] is not None else ("running" if is_alive(catalogue, row) else "died")
    return RunStatus(row["flow"], row["began"], row["ended"], condition, row["exit_code"], row["summary"])
