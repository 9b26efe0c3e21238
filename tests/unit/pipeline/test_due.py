"""When a list is to be asked again, and when a leg is."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from types import SimpleNamespace
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from noojee_ingest.catalogue.queries import Asked
from noojee_ingest.model import Leg
from noojee_ingest.pipeline.archive import due_again, ended
from noojee_ingest.pipeline.discover import call_end, question_due

ENDED = datetime(2026, 3, 10, 10, tzinfo=UTC)
LOOKBACK = timedelta(days=3)
ZONE = ZoneInfo("Australia/Melbourne")


def after(**amount: float) -> datetime:
    return ENDED + timedelta(**amount)


def looks(*told: tuple[float, str]) -> list[Asked]:
    """Earlier answers: hours after the end, and what the answer was."""
    return [Asked(after(hours=hours), digest, 1) for hours, digest in told]


@pytest.mark.parametrize(
    ("asked", "hours", "due"),
    [
        ((), 1, True),
        ((), 1000, True),
        (((1, "a"),), 2, False),
        (((1, "a"),), 71.9, False),
        (((1, "a"),), 72, True),
        (((1, "a"), (73, "a")), 200, False),
        (((1, "a"), (73, "b")), 80, False),  # not yet: another look comes the next night
        (((1, "a"), (73, "b")), 93, True),
        (((1, "a"), (73, "b"), (97, "b")), 500, False),
        (((1, "a"), (73, "b"), (97, "a")), 117, True),
        (((80, "a"),), 500, False),  # first asked about after the lookback: once
        (((100, "a"),), 2, True),  # a clock was ahead: that answer says nothing
        (((1, "a"), (100, "a")), 90, True),
        (((1, "a"), (73, "a")), 72.5, False),
        (((1, "a"), (2, "b")), 71, False),
        (((1, "a"), (2, "b")), 72, True),
    ],
)
def test_a_list_is_asked_once_once_more_after_the_lookback_and_then_while_it_changes(
    asked: tuple[tuple[float, str], ...], hours: float, due: bool
) -> None:
    assert question_due(looks(*asked), ENDED, after(hours=hours), LOOKBACK) is due


def work(*, lateness: float = 48) -> Any:
    nightly = SimpleNamespace(retry_minutes=60)
    return SimpleNamespace(
        zone=ZONE, settings=SimpleNamespace(nightly=nightly), lateness=lambda: timedelta(hours=lateness)
    )


def leg(tries: int = 0, end: datetime | None = ENDED) -> Leg:
    return Leg("here", "0" * 32, date(2026, 3, 10), "1", "1.1", "1", end, 10.0, tries)


@pytest.mark.parametrize(
    ("tries", "hours", "due"),
    [
        (0, 1, 2),
        (1, 2, 4),
        (3, 10, 18),
        (4, 26, 42),
        (5, 40, 48),  # never later than the end of the allowance
        (0, 47.5, 48),
        (0, 48, 49),
        (2, 100, 104),
        (9, 100, 124),  # never longer than a day
        (60, 100, 124),
    ],
)
def test_the_wait_for_a_leg_doubles_and_ends_with_its_allowance(tries: int, hours: float, due: float) -> None:
    assert due_again(work(), leg(tries), after(hours=hours)) == after(hours=due)


def test_a_leg_without_an_end_counts_from_the_end_of_its_day() -> None:
    assert ended(work(), leg(end=None)) == datetime(2026, 3, 10, 13, tzinfo=UTC)
    assert ended(work(), leg()) == ENDED


def test_a_call_is_over_when_it_says_so() -> None:
    row = {"called": ENDED, "duration": 90.0, "day": date(2026, 3, 10)}
    assert call_end(work(), row) == after(seconds=90)
    assert call_end(work(), {**row, "duration": None}) == ENDED
    assert call_end(work(), {**row, "called": None}) == datetime(2026, 3, 9, 13, tzinfo=UTC)
