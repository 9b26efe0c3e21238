"""Merging facts: the same whatever the order, however often."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from noojee_ingest.journal.events import AudioStored, Event
from noojee_ingest.journal.facts import Fact, Facts, fact_key, put_fact
from tests.unit.journal.folding import folded
from tests.unit.journal.story import answered, at, call_seen, destroyed, everything, leg_changed, leg_seen, stored

STORY = everything()
SEGMENTS = [f"journal/site=acme/day=2026-03-10/{name}.jsonl.gz" for name in "abc"]

one_fact = st.builds(
    lambda minute, number, segment, supersedes: Fact.of(
        stored(1, time=at(minute), event_id=f"e{minute}{number}", supersedes=supersedes), segment
    ),
    st.integers(0, 2),
    st.integers(0, 1),
    st.sampled_from(SEGMENTS),
    st.sampled_from([(), ("x",), ("y", "x"), ("z",)]),
)


def consistent(*facts: Fact[AudioStored]) -> bool:
    """An event id is one event: what has the same id says the same."""
    return all(
        one.event == other.event for one in facts for other in facts if one.event.event_id == other.event.event_id
    )


@given(one_fact, one_fact, one_fact)
def test_merging_is_commutative_associative_and_idempotent(
    a: Fact[AudioStored], b: Fact[AudioStored], c: Fact[AudioStored]
) -> None:
    if not consistent(a, b, c):
        return
    assert a.merged(a) == a
    assert a.merged(b) == b.merged(a)
    assert a.merged(b).merged(b) == a.merged(b)
    assert a.merged(b.merged(c)) == a.merged(b).merged(c)


def test_of_two_that_say_the_same_the_earlier_stays_with_the_last_sighting_and_all_that_is_superseded() -> None:
    early = Fact.of(stored(1, time=at(1), event_id="early", supersedes=("n1",)), "s1")
    late = Fact.of(stored(1, time=at(2), event_id="late", supersedes=("n2",), adopted=True), "s2")
    merged = late.merged(early)
    assert (merged.event.event_id, merged.event.adopted, merged.segment) == ("early", False, "s1")
    assert merged.last == (at(2), "late", "s2")
    assert merged.event.supersedes == ("n1", "n2")


def test_at_the_same_instant_the_smaller_event_id_is_the_earlier() -> None:
    one, two = (Fact.of(stored(1, event_id=name), "s") for name in ("e1", "e2"))
    assert one.merged(two).event.event_id == two.merged(one).event.event_id == "e1"
    assert one.merged(two).last_event_id == "e2"


def test_an_event_in_two_segments_is_found_in_the_first_and_last_of_them() -> None:
    one, two = (Fact.of(stored(1), name) for name in ("s1", "s2"))
    assert (two.merged(one).segment, one.merged(two).last_segment) == ("s1", "s2")


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        (stored(1, "x"), stored(1, "x", time=at(99)), True),
        (stored(1, "x"), stored(1, "y"), False),
        (leg_seen(1, "A"), leg_changed(1, "A", time=at(9)), True),
        (leg_seen(1, "A"), leg_changed(1, "B"), False),
        (leg_seen(1, "A"), leg_seen(1, "A", view="by-unique-id"), False),
        (destroyed(leg_seen(1, "A")), destroyed(leg_seen(1, "A", time=at(9))), False),
        (destroyed(leg_seen(1, "A")), destroyed(leg_seen(1, "A")), True),
        (call_seen(1, "A"), call_seen(1, "A", time=at(9)), True),
        (call_seen(1, "A"), call_seen(1, "B"), False),
        (answered(), answered(time=at(9)), False),
    ],
)
def test_what_is_one_fact(one: Event, other: Event, same: bool) -> None:
    assert (fact_key(one) == fact_key(other)) is same


def test_putting_a_fact_tells_what_changed() -> None:
    facts: Facts[Any] = {}
    first, again = Fact.of(stored(1), "s1"), Fact.of(stored(1, time=at(99), event_id="z"), "s2")
    assert put_fact(facts, first) == first
    assert put_fact(facts, first) is None
    assert put_fact(facts, again) == first.merged(again)
    assert put_fact(facts, again) is None
    assert put_fact(facts, first) is None


@given(st.data())
def test_any_order_and_any_repetition_of_the_story_give_the_same(data: st.DataObject) -> None:
    placed = [(event, data.draw(st.sampled_from(SEGMENTS))) for event in STORY]
    repeats = data.draw(st.lists(st.sampled_from(placed), max_size=40))
    shuffled = data.draw(st.permutations(placed + repeats))
    assert folded(shuffled) == folded(placed)


@given(st.data())
def test_any_part_of_the_story_can_be_folded_in_any_order(data: st.DataObject) -> None:
    part = [(event, data.draw(st.sampled_from(SEGMENTS))) for event in data.draw(st.lists(st.sampled_from(STORY)))]
    assert folded(data.draw(st.permutations(part))) == folded(part)
