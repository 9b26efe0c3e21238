"""Every leg of the truth is told exactly once, by its end, also when the clocks change; and processes agree."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from noojee_ingest.simulator import RunningSimulator

MELBOURNE = ZoneInfo("Australia/Melbourne")
NAMES = {"AEST": timedelta(hours=10), "AEDT": timedelta(hours=11)}


@pytest.mark.parametrize("now", ["2026-03-11T03:30:00+11:00", "2026-04-06T03:30:00+10:00", "2026-10-05T03:30:00+11:00"])
def test_every_leg_is_in_exactly_one_by_hour_answer_by_its_end(
    now: str, start_simulator: Callable[..., RunningSimulator], caller_of: Callable[[RunningSimulator], Any]
) -> None:
    simulator = start_simulator(now=datetime.fromisoformat(now), days=2, calls_a_day=245)
    caller = caller_of(simulator)
    legs = {(leg.call_record_id, leg.unique_id, leg.leg): leg for leg in simulator.truth().ended()}
    told: Counter[tuple[str, str, str]] = Counter()
    for days_ago in (3, 2, 1, 0):
        day = datetime.fromisoformat(now).date() - timedelta(days=days_ago)
        for hour in range(24):
            for entry in caller.by_hour(f"{day:%Y/%m/%d}", hour):
                key = entry["CallRecordId"], entry["UniqueId"], entry["Leg"]
                told[key] += 1
                *words, name, year = entry["callend"].split()
                wall = datetime.strptime(" ".join([*words, year]), "%a %b %d %H:%M:%S %Y")  # noqa: DTZ007
                assert (wall.date(), wall.hour) == (day, hour)
                assert wall - NAMES[name] == legs[key].end.replace(tzinfo=None)
                assert legs[key].day == day
    assert told == Counter(legs.keys())


def test_every_full_day_is_as_busy_as_promised(clean_simulator: RunningSimulator) -> None:
    truth = clean_simulator.truth()
    for day in (date(2026, 3, number) for number in (7, 8, 9, 10)):
        legs = truth.ended(day)
        assert len(legs) >= 560
        assert len({leg.call_record_id for leg in legs}) >= 230
        assert len({leg.end.astimezone(MELBOURNE).hour for leg in legs}) >= 14


def test_two_processes_with_one_seed_answer_the_same_and_with_another_do_not(
    start_simulator: Callable[..., RunningSimulator], caller_of: Callable[[RunningSimulator], Any]
) -> None:
    def answers(seed: int) -> list[bytes]:
        simulator = start_simulator(seed=seed)
        caller = caller_of(simulator)
        said = [caller.ask("getCallRecordList", fTemplateId="12").content]
        said += [caller.ask("retrieveMetaDataByHour", date="2026/03/10", hour=str(hour)).content for hour in (9, 15)]
        return [*said, *(caller.audio(leg).content for leg in simulator.truth().ended()[:20])]

    first = answers(7)
    assert first == answers(7)
    assert not set(first) & set(answers(8))


def test_the_clock_ticks_and_can_be_set(start_simulator: Callable[..., RunningSimulator]) -> None:
    simulator = start_simulator()
    begun = datetime.fromisoformat("2026-03-11T03:30:00+11:00")
    assert begun <= simulator.clock() < begun + timedelta(seconds=60)
    later = begun + timedelta(days=2)
    simulator.set_clock(later)
    assert later <= simulator.clock() < later + timedelta(seconds=60)
    assert max(leg.day for leg in simulator.truth().ended()) == date(2026, 3, 13)
