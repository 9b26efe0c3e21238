"""Nights of sites elsewhere, whose clocks change otherwise or never, and days at the ends of months and years."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import pytest

from .clocks import (
    BACK,
    FORWARD,
    LISTS,
    MELBOURNE,
    at,
    check_complete,
    hours_asked,
    morning_after,
    open_at,
    status_of_day,
    truth_of,
)

if TYPE_CHECKING:
    from .conftest import Site

MakeSite = Callable[..., "Site"]

LORD_HOWE, AUCKLAND, PERTH = map(ZoneInfo, ("Australia/Lord_Howe", "Pacific/Auckland", "Australia/Perth"))
CAIRO = ZoneInfo("Africa/Cairo")
ALL_DAY = set(range(24))


def clock(moment: datetime) -> datetime:
    """The same instant with a plain offset."""
    return datetime.fromisoformat(moment.isoformat())


@pytest.mark.parametrize(
    ("zone", "day", "hours"),
    [
        (PERTH, BACK, ALL_DAY),
        (PERTH, FORWARD, ALL_DAY),
        (LORD_HOWE, BACK, ALL_DAY),
        (LORD_HOWE, FORWARD, ALL_DAY),
        (AUCKLAND, BACK, ALL_DAY),
        (AUCKLAND, date(2026, 9, 27), ALL_DAY - {2}),
        (CAIRO, date(2026, 4, 24), ALL_DAY - {0}),  # there is no midnight
    ],
    ids=str,
)
def test_a_night_is_complete_wherever_the_site_is(
    make_site: MakeSite, zone: ZoneInfo, day: date, hours: set[int]
) -> None:
    site = open_at(make_site, morning_after(day, zone), days=1)
    check_complete(site, day, zone, site.night())
    assert hours_asked(site, day) == Counter(hours)
    told = status_of_day(site, day)
    assert (told.hours, told.unlisted_hours, told.gaps) == (len(hours), 0, 0)
    assert site.rows("select * from finding where object_type = 'leg'") == []


def test_where_the_last_hour_happens_twice_a_doubtful_day_is_marked_and_nothing_is_doubled(make_site: MakeSite) -> None:
    """In Cairo midnight is put off by an hour. A call that the list by unique id tells of may be of either day."""
    day = date(2026, 10, 29)
    site = open_at(make_site, morning_after(day, CAIRO), days=1)
    site.night()
    truth = truth_of(site, day)
    before = site.legs()
    guessed = {key for key, leg in before.items() if leg["day"] == day} - truth.keys()
    assert truth.keys() <= before.keys()
    assert guessed  # it ended on the next day, if it began in the second of the two hours
    for key in guessed:
        assert before[key]["start_text"].startswith("2026-10-29 23:")
        assert dict(site.findings(before[key]["leg_id"])).keys() == {"ambiguous time"}
    site.set_clock(clock(morning_after(day + timedelta(days=1), CAIRO)))
    site.night()
    after, ends = site.legs(), {leg.key: leg.end for leg in site.simulator.truth().ended()}
    assert len(after) == len(site.rows("select distinct call_record_id, leg from leg"))
    assert after.keys() >= {**truth, **truth_of(site, day + timedelta(days=1))}.keys()
    for key in guessed:  # the list by hour names the zone
        assert (after[key]["day"], after[key]["end"]) == (day, ends[key])
        assert dict(site.findings(after[key]["leg_id"])).keys() == {"ambiguous time", "day disagreement"}
    assert len(site.audio_files()) == len(after)


def test_half_an_hour_that_happens_twice_is_waited_for(make_site: MakeSite) -> None:
    """At 02:00 the clocks of Lord Howe go back to 01:30: hour 1 lasts ninety minutes."""
    site = open_at(make_site, at(LORD_HOWE, BACK, 1, 30), days=1)
    asked = []
    for moment in (
        at(LORD_HOWE, BACK, 1, 36, fold=1),  # sixty-six minutes after hour 1 began
        at(LORD_HOWE, BACK, 2, 4),
        at(LORD_HOWE, BACK, 2, 6),
    ):
        site.set_clock(clock(moment))
        site.night(day=BACK)
        asked.append(set(hours_asked(site, BACK)))
    assert asked == [{0}, {0}, {0, 1}]
    late = {key for key, leg in truth_of(site, BACK).items() if leg.end >= at(LORD_HOWE, BACK, 1, 30, fold=1)}
    assert late
    assert {key for key, state in site.states().items() if state == "archived"} >= late


@pytest.mark.parametrize(
    ("zone", "day", "names"),
    [
        (LORD_HOWE, BACK, {"LHDT", "LHST"}),
        (AUCKLAND, BACK, {"NZDT", "NZST"}),
        (PERTH, BACK, {"AWST"}),
        (CAIRO, date(2026, 10, 29), {"EEST", "EET"}),
        (ZoneInfo("Asia/Dubai"), BACK, {"GMT+04:00"}),
    ],
    ids=str,
)
def test_the_names_of_a_sites_zone_are_understood(
    make_site: MakeSite, zone: ZoneInfo, day: date, names: set[str]
) -> None:
    site = open_at(make_site, morning_after(day, zone), days=1)
    site.night()
    texts = {row["end_text"] for row in site.legs().values() if row["day"] == day}
    assert {match[0] for text in texts if (match := re.search(r"[A-Z]+(?:[+]\d\d:\d\d)?(?= \d{4}$)", text))} == names
    truth = truth_of(site, day)
    assert {key: leg["end"] for key, leg in site.legs().items() if key in truth} == {
        key: leg.end for key, leg in truth.items()
    }


@pytest.mark.parametrize(
    "day",
    [date(2026, 12, 31), date(2028, 2, 28), date(2028, 2, 29), date(2027, 2, 28), date(2026, 6, 30)],
    ids=str,
)
def test_days_at_the_ends_of_months_and_years_are_complete(make_site: MakeSite, day: date) -> None:
    site = open_at(make_site, morning_after(day, MELBOURNE), days=2)
    next_day = day + timedelta(days=1)
    check_complete(site, day, MELBOURNE, site.night())
    over = {leg.key for leg in site.simulator.truth().legs if leg.day == next_day and _started(leg.start, day)}
    assert over  # legs that began on the last day and ended on the first
    assert not over & {key for key, leg in site.legs().items() if leg["day"] == day}
    site.set_clock(clock(morning_after(next_day, MELBOURNE)))
    check_complete(site, next_day, MELBOURNE, site.night())
    legs = site.legs()
    assert {legs[key]["day"] for key in over} == {next_day}
    assert len(site.audio_files()) == len(legs)


def _started(instant: datetime, day: date) -> bool:
    return instant.astimezone(MELBOURNE).date() == day


def test_a_call_over_midnight_is_complete_after_two_nights_and_in_two_days(make_site: MakeSite) -> None:
    day = date(2026, 12, 31)
    site = open_at(make_site, morning_after(day, MELBOURNE))
    for one in (day, day + timedelta(days=1)):
        site.set_clock(clock(morning_after(one, MELBOURNE)))
        site.night()
    days_of_calls: dict[str, set[date]] = {}
    for leg in site.legs().values():
        assert leg["state"] == "archived"
        days_of_calls.setdefault(leg["call_record_id"], set()).add(leg["day"])
    assert {day, date(2027, 1, 1)} in days_of_calls.values()


def test_two_sites_days_are_their_own(make_site: MakeSite) -> None:
    """What is Sunday evening in Perth is Monday in Auckland: the zone alone decides the day and the hour."""
    day = date(2026, 4, 5)
    site = open_at(make_site, morning_after(day, PERTH), days=2)
    site.night()
    ends = {key: leg.end for key, leg in truth_of(site, day).items()}
    for key, leg in site.legs().items():
        if key in ends:
            assert (leg["day"], leg["hour"]) == (day, ends[key].astimezone(PERTH).hour)
    assert any(end.astimezone(AUCKLAND).date() != day for end in ends.values())
    assert site.requests()[LISTS] == 24
