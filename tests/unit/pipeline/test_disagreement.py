"""What two lists tell differently of one leg."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from noojee_ingest.model import FindingKind, LegEntry, RawEntry, TimeMark, View, WireTime
from noojee_ingest.pipeline.disagreement import TEXTS, disagreements

START = datetime(2026, 3, 10, 1, tzinfo=UTC)
ENTRY = LegEntry(
    raw=RawEntry(View.BY_HOUR, "{}", ""), call_record_id="1", unique_id="2", leg="1",
    start=WireTime("10/03/2026 12:00:00", START, TimeMark.CLEAR), end=WireTime(), duration=60.0, source="101",
    destination="0395550123", did="", direction="Outbound", tag="", username="kim",
)  # fmt: skip
OTHER: dict[str, Any] = {
    "view": "by-unique-id", "start": START, "end": START + timedelta(minutes=1), "duration": 60.0, "source": "101",
    "destination": "0395550123", "did": "0390000000", "direction": "1", "tag": "x", "username": "kim",
}  # fmt: skip


def test_what_one_leaves_empty_and_how_a_time_or_direction_is_spelt_is_no_difference() -> None:
    assert disagreements(ENTRY, [OTHER]) == []
    assert disagreements(ENTRY, []) == []
    assert disagreements(ENTRY, [OTHER | dict.fromkeys(("start", "duration", *TEXTS))]) == []


@pytest.mark.parametrize("name", ["start", "duration", "source", "destination", "username"])
def test_a_difference_is_named_with_the_list_that_tells_otherwise(name: str) -> None:
    other = {"start": START + timedelta(seconds=1), "duration": 61.0}.get(name, "else")
    (found,) = disagreements(ENTRY, [OTHER | {name: other}])
    assert (found.kind, found.detail) == (FindingKind.VIEW_DISAGREEMENT, f"otherwise than by-unique-id: {name}")


def test_all_differences_are_named() -> None:
    entry = replace(ENTRY, tag="y", end=WireTime("", START, TimeMark.CLEAR))
    (found,) = disagreements(entry, [OTHER])
    assert found.detail == "otherwise than by-unique-id: end, tag"
