"""A month's days as a grid of percentages, readable without colour."""

from __future__ import annotations

from calendar import Calendar
from collections.abc import Iterator, Sequence
from datetime import date

from noojee_ingest.pipeline.status import DayStatus

WIDTH = 11
"""Of a day: its number, its percentage, its marks."""
WEEKDAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
DAMAGE, GAPS, BELOW, PROVISIONAL = "x", "!", "<", "~"
LEGEND = {
    DAMAGE: "objects gone or damaged",
    GAPS: "gaps",
    BELOW: "below the target",
    PROVISIONAL: "not final: it may still change",
}


def marks(day: DayStatus) -> str:
    """What is to be said of a day beside its percentage: the worst that is so, and whether it may still change."""
    worst = DAMAGE if day.gone else GAPS if day.gaps else BELOW if day.is_below else ""
    return worst + ("" if day.is_final else PROVISIONAL)


def calendar(days: Sequence[DayStatus]) -> Iterator[str]:
    """The lines of a grid for each month that has one of these days, the legend of the marks at the end."""
    known = {day.day: day for day in days}
    seen: set[str] = set()
    for year, month in sorted({(day.year, day.month) for day in known}):
        yield f"{date(year, month, 1):%B %Y}"
        yield "".join(f"{name:<{WIDTH}}" for name in WEEKDAYS).rstrip()
        for week in Calendar().monthdatescalendar(year, month):
            if any(day in known and day.month == month for day in week):
                cells = [_cell(known[day]) if day in known and day.month == month else "" for day in week]
                yield "".join(f"{cell:<{WIDTH}}" for cell in cells).rstrip()
                seen.update(letter for day in week if day in known for letter in marks(known[day]))
    told = [f"{mark} {meaning}" for mark, meaning in LEGEND.items() if mark in seen]
    if told:
        yield ", ".join(told)


def _cell(day: DayStatus) -> str:
    percent = "-" if day.sums.complete is None else f"{day.sums.complete:.1f}"
    return f"{day.day.day:2d} {percent:>5}{marks(day)}"
