"""The calendar of ``status``: every day in its column, the worst of it in a mark."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import pytest

from noojee_ingest.cli.calendar import calendar, marks
from noojee_ingest.pipeline.completeness import Line
from noojee_ingest.pipeline.status import DayStatus, SiteStatus


def a_day(day: date, archived: int = 10, missing: int = 0, **told: Any) -> DayStatus:
    sums = Line()
    sums.states["archived"], sums.states["missing"] = archived, missing
    return DayStatus(**{"day": day, "sums": sums, "hours": 24, "unlisted_hours": 0, "findings": 0, "gone": 0, **told})


MONDAY = date(2026, 3, 30)


def test_a_week_across_two_months_stands_under_its_weekdays() -> None:
    days = [a_day(MONDAY + timedelta(days=number), is_final=True) for number in range(7)]
    assert list(calendar(days)) == [
        "March 2026",
        "Mon        Tue        Wed        Thu        Fri        Sat        Sun",
        "30 100.0   31 100.0",
        "April 2026",
        "Mon        Tue        Wed        Thu        Fri        Sat        Sun",
        "                       1 100.0    2 100.0    3 100.0    4 100.0    5 100.0",
    ]


def test_days_that_are_not_shown_are_blank_and_weeks_without_any_are_left_out() -> None:
    days = [a_day(date(2026, 3, 3), is_final=True), a_day(date(2026, 3, 26), archived=0, is_final=True)]
    assert list(calendar(days))[2:] == ["            3 100.0", "                                 26     -"]


def test_the_legend_has_the_marks_that_are_there() -> None:
    days = [a_day(MONDAY, missing=1), a_day(MONDAY + timedelta(days=1), is_final=True)]
    assert list(calendar(days))[2:] == ["30  90.9!~ 31 100.0", "! gaps, ~ not final: it may still change"]
    assert list(calendar([])) == []


@pytest.mark.parametrize(
    ("told", "mark"),
    [
        ({}, "~"),
        ({"is_final": True}, ""),
        ({"is_final": True, "is_below": True}, "<"),
        ({"is_final": True, "is_below": True, "missing": 1}, "!"),
        ({"is_final": True, "unlisted_hours": 2}, "!"),
        ({"is_below": True, "missing": 1, "gone": 1}, "x~"),
    ],
)
def test_the_worst_is_marked(told: dict[str, Any], mark: str) -> None:
    assert marks(a_day(MONDAY, **told)) == mark


def test_the_worst_day_is_damage_then_gaps_then_the_least_complete() -> None:
    days = [
        a_day(MONDAY),
        a_day(MONDAY + timedelta(days=1), archived=1, is_below=True),
        a_day(MONDAY + timedelta(days=2), archived=9, missing=1),
        a_day(MONDAY + timedelta(days=3), archived=5, missing=5),
        a_day(MONDAY + timedelta(days=4), gone=1),
    ]

    def worst(those: list[DayStatus]) -> int | None:
        found = SiteStatus("here", "UTC", "", those, []).worst
        return None if found is None else (found.day - MONDAY).days

    assert [worst(days[:number]) for number in range(6)] == [None, None, 1, 2, 3, 4]
    assert worst(days[::-1]) == 4
