"""When a deadline is, and what it lets through."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from pydantic import ValidationError

from noojee_ingest.noojee import Interrupted, TurnKind
from noojee_ingest.pipeline.deadline import UntilDeadline, nights_deadline
from noojee_ingest.settings import Nightly

MELBOURNE = ZoneInfo("Australia/Melbourne")


@pytest.mark.parametrize(
    ("now", "at", "deadline"),
    [
        ("2026-03-11T00:30:00+11:00", "06:00", "2026-03-11T06:00:00+11:00"),
        ("2026-03-11T05:59:59+11:00", "06:00", "2026-03-11T06:00:00+11:00"),
        ("2026-03-11T06:10:00+11:00", "06:00", "2026-03-11T06:00:00+11:00"),  # a repetition comes too late
        ("2026-03-11T17:59:59+11:00", "06:00", "2026-03-11T06:00:00+11:00"),
        ("2026-03-11T18:00:00+11:00", "06:00", "2026-03-12T06:00:00+11:00"),  # the evening is of the next night
        ("2026-03-11T01:00:00+11:00", "22:00", "2026-03-10T22:00:00+11:00"),
        ("2026-03-10T13:30:00+00:00", "06:00", "2026-03-11T06:00:00+11:00"),  # the day is the site's
        ("2026-03-11T22:00:00+11:00", "00:00", "2026-03-12T00:00:00+11:00"),
        # the night to 5 April 2026 has 02:00 to 03:00 twice
        ("2026-04-05T00:30:00+11:00", "06:00", "2026-04-05T06:00:00+10:00"),
        ("2026-04-05T00:30:00+11:00", "02:30", "2026-04-05T02:30:00+11:00"),  # the first of two
        ("2026-04-05T02:40:00+11:00", "02:30", "2026-04-05T02:30:00+11:00"),  # and the second is none
        # the night to 4 October 2026 goes from 02:00 to 03:00
        ("2026-10-04T00:30:00+10:00", "06:00", "2026-10-04T06:00:00+11:00"),
        ("2026-10-04T00:30:00+10:00", "02:30", "2026-10-04T03:30:00+11:00"),
        ("2026-10-04T03:15:00+11:00", "02:30", "2026-10-04T03:30:00+11:00"),
        ("2026-10-04T15:30:00+11:00", "02:30", "2026-10-05T02:30:00+11:00"),
    ],
)
def test_the_deadline_is_the_first_of_which_a_night_is_not_12_hours_late(now: str, at: str, deadline: str) -> None:
    found = nights_deadline(datetime.fromisoformat(now), time.fromisoformat(at), MELBOURNE)
    assert found == datetime.fromisoformat(deadline)
    assert found.utcoffset() == timedelta(0)


def test_from_every_hour_of_a_year_the_deadline_is_at_most_12_hours_over_and_13_ahead() -> None:
    start = datetime.fromisoformat("2026-01-01T00:00:00+00:00")
    for at in (time(0), time(2), time(2, 30), time(3), time(6)):
        for number in range(366 * 24):
            now = start + timedelta(hours=number)
            assert timedelta(hours=-12) < nights_deadline(now, at, MELBOURNE) - now <= timedelta(hours=13)


class Clock:
    def __init__(self) -> None:
        self.now = datetime.fromisoformat("2026-03-11T00:30:00+00:00")

    def __call__(self) -> datetime:
        return self.now


class Slow:
    """A limiter that lets time pass: ``minutes`` for each slot or turn."""

    def __init__(self, clock: Clock, minutes: float) -> None:
        self.clock, self.minutes, self.turns = clock, minutes, 0

    @contextmanager
    def slot(self) -> Iterator[None]:
        self.clock.now += timedelta(minutes=self.minutes)
        yield

    def turn(self, _kind: TurnKind) -> None:
        self.turns += 1


def until(clock: Clock, minutes: float, wait: float) -> tuple[UntilDeadline, Slow]:
    slow = Slow(clock, wait)
    deadline = UntilDeadline(slow, clock)
    deadline.at = clock.now + timedelta(minutes=minutes)
    return deadline, slow


def test_without_a_deadline_all_goes_through() -> None:
    deadline = UntilDeadline(Slow(Clock(), 600), Clock())
    deadline.turn(TurnKind.BY_HOUR)
    with deadline.slot():
        assert not deadline.has_passed


def test_a_request_that_waited_until_after_the_deadline_is_not_begun() -> None:
    deadline, _ = until(Clock(), 10, wait=11)
    with pytest.raises(Interrupted, match="deadline"), deadline.slot():
        pytest.fail("it was begun")


def test_what_began_in_time_goes_on() -> None:
    clock = Clock()
    deadline, _ = until(clock, 10, wait=1)
    with deadline.slot():
        clock.now += timedelta(hours=1)
        assert deadline.has_passed


def test_after_the_deadline_no_turn_is_taken_from_others() -> None:
    deadline, slow = until(Clock(), 0, wait=0)
    with pytest.raises(Interrupted):
        deadline.turn(TurnKind.BY_HOUR)
    assert slow.turns == 0


@pytest.mark.parametrize(("told", "at"), [("06:00", time(6)), (time(6, 30), time(6, 30)), ("", None), (None, None)])
def test_a_deadline_is_a_time_of_day_or_none(told: object, at: time | None) -> None:
    assert Nightly.model_validate({"deadline": told}).deadline == at


@pytest.mark.parametrize("told", ["6:00", "24:00", "06:60", "06:00:30", "06:00+10:00", "06", 6, [], time(6, 0, 1)])
def test_anything_else_is_no_deadline(told: object) -> None:
    with pytest.raises(ValidationError, match='such as "06:00"'):
        Nightly.model_validate({"deadline": told})
