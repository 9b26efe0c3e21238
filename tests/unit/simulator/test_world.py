"""The simulated days: how many calls, of what kind, and when they are told."""

from __future__ import annotations

import itertools
from collections import Counter
from dataclasses import replace
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from noojee_ingest.simulator.calls import Direction, Leg, Trouble
from noojee_ingest.simulator.day import make_day, midnight
from noojee_ingest.simulator.recording import Format
from noojee_ingest.simulator.scenario import Scenario
from noojee_ingest.simulator.world import World

SATURDAY, SUNDAY = date(2026, 3, 7), date(2026, 3, 8)
FULL_DAYS = [date(2026, 3, day) for day in (7, 8, 9, 10)]
DST_ENDS, DST_BEGINS = date(2026, 4, 5), date(2026, 10, 4)
FAR = timedelta(days=2)


def legs_ending_on(scenario: Scenario, day: date) -> list[Leg]:
    world = World(scenario)
    later = (scenario.now + FAR).timestamp()
    return [leg for hour in range(24) for leg in world.ended_in(day, hour, later)]


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("zone", ["Australia/Melbourne", "Australia/Lord_Howe", "UTC"])
def test_every_full_day_has_enough_calls_legs_and_hours(seed: int, zone: str) -> None:
    scenario = Scenario(seed=seed, zone=zone)
    for day in FULL_DAYS:
        legs = legs_ending_on(scenario, day)
        assert len({leg.record_id for leg in legs}) >= 230
        assert len(legs) >= 560
        assert len({datetime.fromtimestamp(leg.end, ZoneInfo(zone)).hour for leg in legs}) >= 14


@pytest.mark.parametrize("now", ["2026-04-06T03:30:00+10:00", "2026-10-05T03:30:00+11:00"])
def test_a_day_on_which_the_clocks_change_has_enough_too(now: str) -> None:
    scenario = Scenario(now=datetime.fromisoformat(now))
    legs = legs_ending_on(scenario, scenario.now.date() - timedelta(days=1))
    assert len({leg.record_id for leg in legs}) >= 230
    assert len(legs) >= 560


def test_legs_end_in_the_hour_that_happens_twice_both_times_and_never_in_the_one_that_is_missing() -> None:
    autumn = Scenario(now=datetime.fromisoformat("2026-04-06T03:30:00+10:00"))
    zone = ZoneInfo(autumn.zone)
    twice = [leg for leg in make_day(autumn, DST_ENDS).legs if datetime.fromtimestamp(leg.end, zone).hour == 2]
    assert {datetime.fromtimestamp(leg.end, zone).tzname() for leg in twice} == {"AEDT", "AEST"}
    hours = {datetime.fromtimestamp(leg.end, zone).hour for leg in make_day(autumn, DST_BEGINS).legs}
    assert 2 not in hours
    assert {1, 3} <= hours


@pytest.mark.parametrize("day", FULL_DAYS)
def test_calls_have_one_to_five_legs_laid_end_to_end(day: date) -> None:
    calls: dict[str, list[Leg]] = {}
    for leg in make_day(Scenario(), day).legs:
        calls.setdefault(leg.record_id, []).append(leg)
    assert {len(legs) for legs in calls.values()} == {1, 2, 3, 4, 5}
    for legs in calls.values():
        assert [leg.name for leg in legs] == [str(number) for number in range(1, len(legs) + 1)]
        assert len({leg.unique_id for leg in legs}) == 1
        assert all(one.end == next_one.start for one, next_one in itertools.pairwise(legs))
        assert all(leg.seconds > 0 for leg in legs)


def test_ids_tell_calls_apart_and_some_collide_as_numbers() -> None:
    days = [make_day(Scenario(), day) for day in FULL_DAYS]
    calls = {leg.record_id: leg.unique_id for made in days for leg in made.legs}
    unanswered = {one.record_id: one.unique_id for made in days for one in made.dispositions if not one.legs}
    assert not calls.keys() & unanswered.keys()
    every = [*calls.values(), *unanswered.values()]
    assert len(set(every)) == len(every)
    twins = [number for number, times in Counter(map(float, every)).items() if times == 2]
    assert len(twins) == 3 * len(days)
    assert any(f"{number}0" in every for number in map(str, twins) if number.endswith(".1"))
    numbers = [leg.number for made in days for leg in made.legs]
    assert len(set(numbers)) == len(numbers)


@pytest.mark.parametrize("seed", [7, 8, 9])
def test_legs_cross_the_hour_and_midnight(seed: int) -> None:
    scenario = Scenario(seed=seed)
    zone = ZoneInfo(scenario.zone)
    legs = make_day(scenario, SATURDAY).legs
    hours = [(datetime.fromtimestamp(leg.start, zone), datetime.fromtimestamp(leg.end, zone)) for leg in legs]
    assert any(start.hour != end.hour and start.date() == end.date() for start, end in hours)
    over_midnight = [
        leg for leg, (start, end) in zip(legs, hours, strict=True) if (start.date(), end.date()) == (SATURDAY, SUNDAY)
    ]
    assert {leg.name for leg in over_midnight} >= {"1", "2"}


def test_every_kind_of_call_agent_tag_and_format_occurs() -> None:
    made = make_day(Scenario(), SATURDAY)
    assert {leg.direction for leg in made.legs} == set(Direction)
    assert {leg.form for leg in made.legs} == set(Format)
    assert len({leg.username for leg in made.legs} - {""}) == 12
    assert any(leg.tag for leg in made.legs)
    assert any(not leg.tag for leg in made.legs)
    assert {leg.did for leg in made.legs if leg.direction is Direction.INTERNAL} == {"internal"}
    names = " ".join(one.name for one in made.dispositions)
    assert {"'", "ü", "🙂"} <= set(names)
    assert len({one.allocation.template_id for one in made.dispositions}) >= 3


def test_only_outbound_calls_have_a_call_record_and_the_unanswered_have_no_recording() -> None:
    made = make_day(Scenario(), SATURDAY)
    outbound = {leg.record_id for leg in made.legs if leg.direction is Direction.OUTBOUND}
    assert {one.record_id for one in made.dispositions if one.legs} == outbound
    bare = [one for one in made.dispositions if not one.legs]
    explained = {(one.chosen, one.seconds < 10) for one in bare if one.explained}
    assert explained == {("No Answer", True), ("Answering Machine", True)}
    unexplained = [one for one in bare if not one.explained]
    assert len(unexplained) == 4
    assert {one.chosen for one in unexplained} == {"Sale", "Callback"}
    assert all(one.seconds >= 30 for one in unexplained)


@pytest.mark.parametrize("day", [*FULL_DAYS, DST_ENDS, DST_BEGINS])
def test_each_trouble_befalls_as_many_legs_as_asked(day: date) -> None:
    made = make_day(Scenario(), day)
    counted = Counter(leg.trouble for leg in made.legs)
    assert counted[Trouble.NEVER] == 6
    assert counted[Trouble.LATE] == 5
    assert counted[Trouble.JSON] + counted[Trouble.LOGIN_PAGE] + counted[Trouble.EMPTY] == 5
    assert min(counted[Trouble.JSON], counted[Trouble.LOGIN_PAGE], counted[Trouble.EMPTY]) >= 1
    assert counted[Trouble.CUT_WAV] == 2
    assert counted[Trouble.CUT_MP3] == counted[Trouble.UNCLOSED_WAV] == 1
    assert counted[Trouble.WRONG_LENGTH] == 2


@pytest.mark.parametrize("day", FULL_DAYS)
def test_late_audio_is_of_the_evening_and_not_there_at_half_past_three(day: date) -> None:
    scenario = Scenario()
    next_midnight = midnight(day + timedelta(days=1), ZoneInfo(scenario.zone))
    late = [leg for leg in make_day(scenario, day).legs if leg.trouble is Trouble.LATE]
    for leg in late:
        assert next_midnight - 4 * 3600 <= leg.end < next_midnight
        assert leg.audio_from == leg.end + 20 * 3600
        assert leg.audio_from > next_midnight + 3.5 * 3600


def test_troubles_switched_off_leave_the_calls_as_they_are() -> None:
    def bare(legs: tuple[Leg, ...]) -> list[Leg]:
        return [replace(leg, trouble=Trouble.NONE, audio_from=leg.end, form=Format.PCM) for leg in legs]

    usual, clean = make_day(Scenario(), SATURDAY), make_day(Scenario.clean(), SATURDAY)
    assert bare(usual.legs) == bare(clean.legs)
    assert {leg.trouble for leg in clean.legs} == {Trouble.NONE}
    assert [one for one in usual.dispositions if one.explained] == list(clean.dispositions)


def test_a_day_depends_on_the_seed_and_zone_and_not_on_now() -> None:
    usual = make_day(Scenario(), SATURDAY)
    assert make_day(Scenario(now=datetime.fromisoformat("2027-01-01T00:00:00+11:00"), days=9), SATURDAY) == usual
    assert make_day(Scenario(seed=8), SATURDAY) != usual
    assert make_day(Scenario(), SUNDAY) != usual


def test_nothing_is_told_before_it_ended() -> None:
    scenario = Scenario(days=0)
    world = World(scenario)
    everything, dispositions = world.everything(scenario.now.timestamp())
    leg, one = everything[50], dispositions[10]
    end = datetime.fromtimestamp(leg.end, world.zone)

    def told(now: float) -> list[bool]:
        return [
            leg in world.ended_in(end.date(), end.hour, now),
            leg in world.with_record_id(leg.record_id, now),
            leg in world.with_unique_id(leg.unique_id, now),
        ]

    assert told(leg.end - 1) == [False] * 3
    assert told(leg.end) == [True] * 3
    assert one not in world.disposed(one.at - 60, one.at - 1)
    assert one in world.disposed(one.at - 60, one.at)


def test_days_to_come_are_made_when_the_clock_reaches_them() -> None:
    world = World(Scenario(days=0))
    now = Scenario().now.timestamp()
    assert world.ended_in(date(2026, 3, 14), 12, now) == []
    assert world.ended_in(date(2026, 3, 14), 12, now + 4 * 86400)


@pytest.mark.parametrize("size", [192_044, 1_600_044])
def test_leg_bytes_makes_every_leg_a_pcm_recording_of_that_size(size: int) -> None:
    legs = make_day(Scenario.clean(leg_bytes=size), SATURDAY).legs
    assert {(leg.form, leg.seconds) for leg in legs} == {(Format.PCM, (size - 44) // 16_000)}


def test_one_leg_a_day_is_huge_when_asked() -> None:
    legs = make_day(Scenario.clean(huge_leg_bytes=256 * 1024**2), SATURDAY).legs
    assert [leg.form for leg in legs if leg.seconds > 10_000] == [Format.PCM]


@pytest.mark.parametrize("count", [0, 1, 3, 19, 20, 60])
def test_a_day_may_be_small(count: int) -> None:
    legs = make_day(Scenario(calls_a_day=count), SATURDAY).legs
    assert count <= len({leg.record_id for leg in legs}) <= count * 13 // 12
