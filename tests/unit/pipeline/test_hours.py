"""The hours of every day: those that the clocks show, and when each is over for good."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo, available_timezones

import pytest
from hypothesis import given
from hypothesis import strategies as st

from noojee_ingest.pipeline.hours import change_of_clocks, hours_of

MELBOURNE, LORD_HOWE = "Australia/Melbourne", "Australia/Lord_Howe"
ALL_DAY = list(range(24))
SUN_APRIL, SUN_OCTOBER = date(2026, 4, 5), date(2026, 10, 4)


def shown(day: date, zone: ZoneInfo) -> dict[int, datetime]:
    """The hours of a day minute by minute, without any knowledge of what they should be."""
    found = {}
    moment = datetime(day.year, day.month, day.day, tzinfo=UTC) - timedelta(hours=16)
    for _ in range(60 * 60):
        local = moment.astimezone(zone)
        moment += timedelta(minutes=1)
        if local.date() == day:
            found[local.hour] = moment
    return found


def changes(zone: ZoneInfo) -> list[date]:
    """The days of 2026 on which a zone's clocks change, and those beside them."""
    days = [date(2026, 1, 1) + timedelta(days=number) for number in range(365)]
    offsets = [datetime(day.year, day.month, day.day, tzinfo=zone).utcoffset() for day in days]
    changed = [day for day, one, other in zip(days, offsets, offsets[1:], strict=False) if one != other]
    return [day + timedelta(days=number) for day in changed for number in (-1, 0, 1)]


@pytest.mark.parametrize(
    ("zone", "day", "hours", "last", "over"),
    [
        (MELBOURNE, SUN_APRIL, ALL_DAY, 2, "2026-04-05T03:00:00+10:00"),  # twice: over the second time
        (MELBOURNE, SUN_APRIL, ALL_DAY, 1, "2026-04-05T02:00:00+11:00"),
        (MELBOURNE, SUN_OCTOBER, [0, 1, *range(3, 24)], 1, "2026-10-04T03:00:00+11:00"),
        (LORD_HOWE, SUN_APRIL, ALL_DAY, 1, "2026-04-05T02:00:00+10:30"),  # its second half twice
        (LORD_HOWE, SUN_OCTOBER, ALL_DAY, 2, "2026-10-04T03:00:00+11:00"),  # its first half never
        ("Pacific/Auckland", SUN_APRIL, ALL_DAY, 2, "2026-04-05T03:00:00+12:00"),
        ("Pacific/Auckland", date(2026, 9, 27), [0, 1, *range(3, 24)], 3, "2026-09-27T04:00:00+13:00"),
        ("Australia/Perth", SUN_APRIL, ALL_DAY, 2, "2026-04-05T03:00:00+08:00"),
        ("Africa/Cairo", date(2026, 4, 24), list(range(1, 24)), 1, "2026-04-24T02:00:00+03:00"),  # midnight never
        ("Africa/Cairo", date(2026, 10, 29), ALL_DAY, 23, "2026-10-30T00:00:00+02:00"),  # the last hour twice
        ("Antarctica/Troll", date(2026, 3, 29), [0, *range(3, 24)], 3, "2026-03-29T04:00:00+02:00"),  # two at once
        ("Pacific/Apia", date(2011, 12, 30), [], None, None),  # a day that never was
        (MELBOURNE, date(2028, 2, 29), ALL_DAY, 23, "2028-03-01T00:00:00+11:00"),
        (MELBOURNE, date(2026, 12, 31), ALL_DAY, 23, "2027-01-01T00:00:00+11:00"),
    ],
)
def test_a_day_has_the_hours_that_its_clocks_show(
    zone: str, day: date, hours: list[int], last: int | None, over: str | None
) -> None:
    found = hours_of(day, ZoneInfo(zone))
    assert list(found) == hours
    if last is not None and over is not None:
        assert found[last] == datetime.fromisoformat(over)


@given(zone=st.sampled_from(sorted(available_timezones())), number=st.integers(0, 50))
def test_in_every_zone_they_are_those_that_a_look_at_each_minute_finds(zone: str, number: int) -> None:
    where = ZoneInfo(zone)
    days = [*changes(where), date(2026, 7, 1)]
    day = days[number % len(days)]
    assert hours_of(day, where) == shown(day, where)
    assert all(instant.tzinfo is UTC for instant in hours_of(day, where).values())


@given(
    zone=st.sampled_from([MELBOURNE, LORD_HOWE, "Pacific/Auckland"]), day=st.dates(date(1971, 1, 1), date(2999, 1, 1))
)
def test_the_hours_of_one_day_are_over_when_the_next_one_begins(zone: str, day: date) -> None:
    where = ZoneInfo(zone)
    hours = list(hours_of(day, where).values())
    assert hours == sorted(hours)
    assert hours[-1] == datetime.combine(day + timedelta(days=1), datetime.min.time(), where)
    assert bool(change_of_clocks(day, where)) is (
        hours[-1] - datetime.combine(day, datetime.min.time(), where).astimezone(UTC) != timedelta(days=1)
    )


@pytest.mark.parametrize(
    ("zone", "day", "told"),
    [
        (MELBOURNE, SUN_APRIL, "The clocks went back: hour 02 happened twice, in part or whole, and has both."),
        (MELBOURNE, SUN_OCTOBER, "The clocks went forward: hour 02 never happened."),
        (MELBOURNE, date(2026, 10, 5), ""),
        (LORD_HOWE, SUN_APRIL, "The clocks went back: hour 01 happened twice, in part or whole, and has both."),
        (LORD_HOWE, SUN_OCTOBER, "The clocks went forward: hour 02 was cut short."),
        ("Antarctica/Troll", date(2026, 3, 29), "The clocks went forward: hours 01, 02 never happened."),
        ("Australia/Perth", SUN_APRIL, ""),
    ],
)
def test_what_the_clocks_did_is_told_in_a_sentence(zone: str, day: date, told: str) -> None:
    assert change_of_clocks(day, ZoneInfo(zone)) == told
