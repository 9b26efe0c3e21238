"""The two nights of a year on which Melbourne's clocks change: complete, and what is ambiguous is marked."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from noojee_ingest.catalogue.search import Search, search
from noojee_ingest.pipeline.discover import Discovery, hours_over, list_hours
from noojee_ingest.pipeline.night import run_night

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

ALL_DAY = set(range(24))
HOURS = {BACK: ALL_DAY, FORWARD: ALL_DAY - {2}}
CHANGE = {BACK: datetime(2026, 4, 4, 16, tzinfo=UTC), FORWARD: datetime(2026, 10, 3, 16, tzinfo=UTC)}
TWICE = "the hour happened twice, the earlier is taken"


@pytest.mark.parametrize("day", [BACK, FORWARD])
def test_the_night_is_complete_and_lists_the_hours_that_there_were(make_site: MakeSite, day: date) -> None:
    site = open_at(make_site, morning_after(day, MELBOURNE))
    report = site.night()
    check_complete(site, day, MELBOURNE, report)
    assert hours_asked(site, day) == Counter(HOURS[day])
    assert site.requests()[LISTS] == len(HOURS[day])
    across = [leg for leg in truth_of(site, day).values() if leg.start < CHANGE[day] < leg.end]
    assert across  # what was under way when the clocks changed is among it
    assert site.night().bounds.hours_asked == 0


@pytest.mark.parametrize("day", [BACK, FORWARD])
def test_the_days_beside_it_are_as_usual(make_site: MakeSite, day: date) -> None:
    before, after = day - timedelta(days=1), day + timedelta(days=1)
    site = open_at(make_site, morning_after(before, MELBOURNE), days=1)
    check_complete(site, before, MELBOURNE, site.night())
    for one in (day, after):
        site.set_clock(datetime.fromisoformat(morning_after(one, MELBOURNE).isoformat()))
        check_complete(site, one, MELBOURNE, site.night())
    assert len(site.audio_files()) == len(site.legs())  # a leg over midnight is in one day
    assert {status_of_day(site, one).gaps for one in (before, day, after)} == {0}


@pytest.mark.parametrize("day", [BACK, FORWARD])
def test_status_knows_how_many_hours_the_day_had(make_site: MakeSite, day: date) -> None:
    site = open_at(make_site, morning_after(day, MELBOURNE), calls_a_day=3)
    site.rule(LISTS, match={"hour": "5"}, status=500)
    site.night()
    told = status_of_day(site, day)
    assert (told.hours, told.unlisted_hours, told.gaps) == (len(HOURS[day]), 1, 1)
    site.simulator.clear_rules()
    site.night()
    told = status_of_day(site, day)
    assert (told.hours, told.unlisted_hours, told.gaps) == (len(HOURS[day]), 0, 0)


def test_a_list_of_the_hour_that_never_was_stands_for_no_other(make_site: MakeSite) -> None:
    """An archive of an earlier version may have one."""
    site = open_at(make_site, morning_after(FORWARD, MELBOURNE), calls_a_day=3)
    with site.work() as work:
        list(list_hours(work, [(FORWARD, 2)], Discovery()))
    site.rule(LISTS, match={"hour": "5"}, status=500)
    report = site.night()
    assert [day.unlisted_hours for day in report.days if day.day == FORWARD] == [1]
    assert status_of_day(site, FORWARD).unlisted_hours == 1


def test_the_hour_that_happens_twice_is_one_row_with_both(make_site: MakeSite) -> None:
    site = open_at(make_site, morning_after(BACK, MELBOURNE))
    report = site.night()
    (told,) = (one for one in report.days if one.day == BACK)
    ends = [leg.end for leg in truth_of(site, BACK).values() if leg.end.astimezone(MELBOURNE).hour == 2]
    first, second = [end for end in ends if end < CHANGE[BACK]], [end for end in ends if end >= CHANGE[BACK]]
    assert first
    assert second
    assert told.hours[2].expected == len(first) + len(second)
    assert told.clocks == "The clocks went back: hour 02 happened twice, in part or whole, and has both."
    assert [one.clocks for one in report.days if one.day != BACK] == [""] * (len(report.days) - 1)


def test_the_report_says_that_an_hour_never_was(make_site: MakeSite) -> None:
    site = open_at(make_site, morning_after(FORWARD, MELBOURNE))
    (told,) = (one for one in site.night().days if one.day == FORWARD)
    assert 2 not in told.hours
    assert told.clocks == "The clocks went forward: hour 02 never happened."


def test_the_hour_that_happens_twice_is_asked_for_when_it_is_over_for_good(make_site: MakeSite) -> None:
    site = open_at(make_site, at(MELBOURNE, BACK, 2, 6), days=1)  # the first time; hour 1 is settled
    asked = {}
    for clock in (
        at(MELBOURNE, BACK, 2, 59),
        at(MELBOURNE, BACK, 2, 6, fold=1),
        at(MELBOURNE, BACK, 2, 59, fold=1),
        at(MELBOURNE, BACK, 3, 4),
        at(MELBOURNE, BACK, 3, 6),
    ):
        site.set_clock(datetime.fromisoformat(clock.isoformat()))
        site.night(day=BACK)
        asked[clock.isoformat()] = set(hours_asked(site, BACK))
    assert list(asked.values()) == [{0, 1}] * 4 + [{0, 1, 2}]
    over = {key for key, leg in truth_of(site, BACK).items() if leg.end.astimezone(MELBOURNE).hour <= 2}
    assert {key for key, state in site.states().items() if state == "archived"} >= over


def test_the_hour_after_the_one_that_never_was_follows_at_once(make_site: MakeSite) -> None:
    site = open_at(make_site, at(MELBOURNE, FORWARD, 1, 59), days=1)
    with site.work() as work:
        for clock, hours in (
            (at(MELBOURNE, FORWARD, 1, 59), [0]),
            (at(MELBOURNE, FORWARD, 3, 4), [0]),
            (at(MELBOURNE, FORWARD, 3, 6), [0, 1]),
            (at(MELBOURNE, FORWARD, 4, 4), [0, 1]),
            (at(MELBOURNE, FORWARD, 4, 6), [0, 1, 3]),
        ):
            site.set_clock(datetime.fromisoformat(clock.isoformat()))
            assert list(hours_over(work, FORWARD)) == hours


@pytest.mark.parametrize("day", [BACK, FORWARD])
def test_each_hour_is_looked_at_a_second_time_and_then_no_more(make_site: MakeSite, day: date) -> None:
    first = day - timedelta(days=1)
    site = open_at(make_site, morning_after(first, MELBOURNE), calls_a_day=3)
    for number in range(6):
        site.set_clock(datetime.fromisoformat(morning_after(first + timedelta(days=number), MELBOURNE).isoformat()))
        site.night(NIGHTLY__LOOKBACK_DAYS=2)
    assert hours_asked(site, first) == dict.fromkeys(ALL_DAY, 2)
    assert hours_asked(site, day) == dict.fromkeys(HOURS[day], 2)


@pytest.mark.parametrize("day", [BACK, FORWARD])
def test_nights_that_did_not_run_are_made_up_for(make_site: MakeSite, day: date) -> None:
    site = open_at(make_site, morning_after(day - timedelta(days=1), MELBOURNE))
    site.night()
    site.set_clock(datetime.fromisoformat(morning_after(day + timedelta(days=2), MELBOURNE).isoformat()))
    check_complete(site, day, MELBOURNE, site.night())
    assert hours_asked(site, day) == Counter(HOURS[day])


@pytest.mark.parametrize(
    ("day", "deadline"), [(BACK, "2026-04-05T02:30:00+11:00"), (FORWARD, "2026-10-04T03:30:00+11:00")]
)
def test_a_deadline_at_half_past_two_comes_once(make_site: MakeSite, day: date, deadline: str) -> None:
    site = open_at(make_site, at(MELBOURNE, day, 0, 30), calls_a_day=3)
    with site.work(NIGHTLY__DEADLINE="02:30") as work:
        run_night(work)
        assert work.deadline.at == datetime.fromisoformat(deadline)
        assert not work.deadline.has_passed
        site.set_clock(datetime.fromisoformat(deadline))
        assert work.deadline.has_passed


# what is told without its zone


def test_a_call_of_the_hour_that_happened_twice_is_marked(make_site: MakeSite) -> None:
    site = open_at(make_site, morning_after(BACK, MELBOURNE))
    site.night()
    seen = _discovered(site, "call", "unique_id")
    calls = {one.unique_id: one for one in site.simulator.truth().calls if one.unique_id in seen}
    inside = {name for name, one in calls.items() if _is_twice(one.start)}
    assert inside
    assert inside == {name for name, one in seen.items() if one["personal"]["called_mark"] == "twice"}
    for name, one in calls.items():
        told = datetime.fromisoformat(seen[name]["personal"]["called"])
        assert told in (one.start, one.start - timedelta(hours=1)) if name in inside else told == one.start
    found = {row["object_id"] for row in site.rows("select * from finding where kind = 'ambiguous time'")}
    assert found == {seen[name]["object"]["id"] for name in inside}


def test_without_the_by_hour_list_no_instant_is_guessed_in_silence(make_site: MakeSite) -> None:
    site = open_at(make_site, morning_after(BACK, MELBOURNE))
    site.environ["SITES__HERE__BY_HOUR"] = "false"
    report = site.night()
    truth = {leg.key: leg for leg in site.simulator.truth().ended()}
    legs = site.legs()
    doubtful = {key for key in legs if _is_twice(truth[key].start)}
    assert {truth[key].start < CHANGE[BACK] for key in doubtful} == {True, False}  # of both
    for key, leg in legs.items():
        assert leg["state"] == "archived"
        assert leg["day"] == truth[key].day
        if key in doubtful:
            assert ("ambiguous time", TWICE) in site.findings(leg["leg_id"])
            assert leg["start"] in (truth[key].start, truth[key].start - timedelta(hours=1))
            assert leg["start"] < CHANGE[BACK]  # the earlier
        else:
            assert leg["start"] == truth[key].start
            assert site.findings(leg["leg_id"]) == []
    assert report.exit_code == 0


def test_a_list_that_names_its_zone_leaves_nothing_in_doubt(make_site: MakeSite) -> None:
    site = open_at(make_site, morning_after(BACK, MELBOURNE))
    site.night()
    assert {_is_twice(leg["start"]) for leg in site.legs().values()} == {True, False}
    assert site.rows("select * from finding where object_type = 'leg'") == []


@pytest.mark.parametrize("day", [BACK, FORWARD])
def test_without_an_end_it_is_start_and_duration_also_over_the_change(make_site: MakeSite, day: date) -> None:
    site = open_at(make_site, morning_after(day, MELBOURNE))
    site.rule(LISTS, edit={"set": {"callend": '""'}})
    site.night()
    truth = truth_of(site, day)
    assert any(leg.start < CHANGE[day] < leg.end for leg in truth.values())
    legs = {key: leg for key, leg in site.legs().items() if leg["day"] == day}
    assert legs.keys() == truth.keys()
    for key, leg in legs.items():
        assert (leg["end"], leg["hour"]) == (None, truth[key].end.astimezone(MELBOURNE).hour)
        assert leg["start"] + timedelta(seconds=leg["duration"]) == truth[key].end


def test_a_time_in_the_hour_that_never_was_is_kept_and_marked(make_site: MakeSite) -> None:
    site = open_at(make_site, morning_after(FORWARD, MELBOURNE), calls_a_day=3)
    site.rule(LISTS, match={"hour": "9"}, edit={"append": [IMPOSSIBLE]})
    site.night()
    (leg,) = (one for one in site.legs().values() if one["call_record_id"] == "77")
    assert leg["start"] == datetime.fromisoformat("2026-10-04T03:30:00+11:00")
    assert (
        site.findings(leg["leg_id"])
        == [
            ("ambiguous time", "the hour never happened, read as before the change"),
            ("duration mismatch", "12.0 s of audio, 31 s told"),
        ][:1]
    )
    seen = _discovered(site, "leg", "call_record_id")["77"]
    assert seen["personal"]["start_text"] == "2026-10-04 02:30:00.0"
    assert seen["personal"]["start_mark"] == "never"


IMPOSSIBLE = (
    '{"CallRecordId":"77","UniqueId":"77.1","Leg":"1","Start":"2026-10-04 02:30:00.0","Duration":"31","Source":"205",'
    '"Destination":"210","DID":"7700","Direction":"Inbound","Tag":"","Username":"kim"}'
)


def test_a_search_by_instant_tells_the_two_hours_apart(make_site: MakeSite) -> None:
    site = open_at(make_site, morning_after(BACK, MELBOURNE))
    site.night()
    truth = {leg.key: leg.start for leg in site.simulator.truth().ended()}
    begin = at(MELBOURNE, BACK, 2, 0)
    with site.catalogue() as catalogue:
        for since, until in ((begin, CHANGE[BACK]), (CHANGE[BACK], CHANGE[BACK] + timedelta(hours=1))):
            found = search(catalogue, Search(since=since.astimezone(UTC), until=until), most=1000)
            keys = {f"{row['call_record_id']}/{row['leg']}" for row in found}
            assert keys == {key for key, start in truth.items() if since <= start < until}
            assert keys


def _discovered(site: Site, kind: str, name: str) -> dict[str, dict[str, Any]]:
    """Discovery events by one of the ids."""
    events = (one for one in site.events("accession") if one["object"]["type"] == kind)
    return {one["personal"][name]: one for one in events}


def _is_twice(start: datetime) -> bool:
    local = start.astimezone(MELBOURNE)
    return local.date() == BACK and time(2) <= local.time() < time(3)
