"""Cutting events into segments."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime

from hypothesis import given
from hypothesis import strategies as st

from noojee_ingest.journal.events import Event
from noojee_ingest.journal.segment import MOST_EVENTS, day_prefix, segments
from tests.unit.journal.story import DAY, NEXT_DAY, SITE, answered, leg_seen

NOW = datetime(2026, 3, 11, 2, 3, 4, tzinfo=UTC)


@given(st.lists(st.sampled_from([DAY, NEXT_DAY]), max_size=40))
def test_every_event_is_in_one_segment_of_its_day_in_order_and_the_last_event_in_the_last(days: list[date]) -> None:
    events: list[Event] = [leg_seen(number, day=day) for number, day in enumerate(days)]
    found = list(segments(SITE, events, NOW))
    placed = [event for segment in found for event in segment.events]
    assert sorted(placed, key=events.index) == events
    for segment in found:
        (day,) = {event.day for event in segment.events}
        assert segment.key.startswith(day_prefix(SITE, day))
        assert sorted(segment.events, key=events.index) == list(segment.events)
    if events:
        assert found[-1].events[-1] is events[-1]
    assert len({segment.key for segment in found}) == len(found)


def test_an_answer_is_closed_only_when_all_its_entries_are_put() -> None:
    """The entries of an hour may have ended on two days; the answer before them would be an hour that is done."""
    events = [leg_seen(1, day=DAY), leg_seen(2, day=NEXT_DAY), answered(day=DAY)]
    assert [segment.events for segment in segments(SITE, events, NOW)] == [(events[1],), (events[0], events[2])]


def test_a_segment_holds_at_most_500_events() -> None:
    events = [leg_seen(number) for number in range(1_001)]
    assert [len(segment.events) for segment in segments(SITE, events, NOW)] == [500, 500, 1]
    assert MOST_EVENTS == 500


def test_the_key_says_site_day_and_when_it_was_written() -> None:
    (segment,) = segments(SITE, [leg_seen(1)], NOW)
    assert re.fullmatch(r"journal/site=acme/day=2026-03-10/20260311T020304Z-[0-9a-f]{32}\.jsonl\.gz", segment.key)


def test_nothing_makes_no_segment() -> None:
    assert list(segments(SITE, [], NOW)) == []
