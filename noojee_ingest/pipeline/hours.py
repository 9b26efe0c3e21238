"""The hours of a day by the clocks of a site. Most days have 24; those on which the clocks change may have others."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from types import MappingProxyType
from zoneinfo import ZoneInfo

HOUR, QUARTER = timedelta(hours=1), timedelta(minutes=15)
"""Clocks change at full quarters of an hour."""


@lru_cache(maxsize=4096)
def hours_of(day: date, zone: ZoneInfo) -> Mapping[int, datetime]:
    """The hours that the clocks show on a day, in order, each with the instant (UTC) at which it is over for good.

    An hour that happens twice, or half of which does, is there once and over the second time: the by-hour list cannot
    tell the two apart (reference, 9.4 [inferred]). One that never happens is not there.
    """
    begin = datetime.combine(day, time(), zone)
    end = datetime.combine(day + timedelta(days=1), time(fold=1), zone)
    if begin.utcoffset() == end.utcoffset():
        first = begin.astimezone(UTC)
        return MappingProxyType({hour: first + (hour + 1) * HOUR for hour in range(24)})
    over: dict[int, datetime] = {}
    moment, last = begin.astimezone(UTC) - 3 * HOUR, end.astimezone(UTC) + 3 * HOUR
    while moment < last:
        local = moment.astimezone(zone)
        moment += QUARTER
        if local.date() == day:
            over[local.hour] = moment
    return MappingProxyType(over)


def change_of_clocks(day: date, zone: ZoneInfo) -> str:
    """What the clocks did on a day, in a sentence; nothing where they did not change."""
    hours = hours_of(day, zone)
    begins = [datetime.combine(day, time(hour), zone).astimezone(UTC) for hour in hours]
    long = [hour for hour, begin in zip(hours, begins, strict=True) if hours[hour] - begin > HOUR]
    never = [hour for hour in range(24) if hour not in hours]
    short = [hour for hour, begin in zip(hours, begins, strict=True) if hours[hour] - begin < HOUR]
    if long:
        return f"The clocks went back: {_named(long)} happened twice, in part or whole, and has both."
    if never:
        return f"The clocks went forward: {_named(never)} never happened."
    return f"The clocks went forward: {_named(short)} was cut short." if short else ""


def _named(hours: list[int]) -> str:
    return ("hour " if len(hours) == 1 else "hours ") + ", ".join(f"{hour:02d}" for hour in hours)
