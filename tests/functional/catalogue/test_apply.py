"""Applying segments: the same rows in any order, however often, however cut; sums that always add up."""

from __future__ import annotations

import random
from collections.abc import Callable
from contextlib import AbstractContextManager, suppress
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from noojee_ingest.catalogue.apply import apply, apply_within
from noojee_ingest.catalogue.database import Catalogue
from noojee_ingest.catalogue.dirty import clear_dirty, dirty_days
from noojee_ingest.catalogue.fact_tables import AudioStoredRow, LegSeenRow
from noojee_ingest.catalogue.runs import open_segment, open_segments
from noojee_ingest.catalogue.tables import REBUILDABLE, CallRow, DayRow, FindingRow, LegRow
from noojee_ingest.journal.events import Event, Outcome, Verdict
from noojee_ingest.journal.fold import Judged
from noojee_ingest.journal.segment import Segment
from noojee_ingest.model import FindingKind, State, View
from tests.functional.catalogue.plans import statements
from tests.functional.catalogue.recount import contents, contents_of_any_cut, expected, recounted, rows
from tests.unit.journal.story import (
    DAY,
    NEXT_DAY,
    SITE,
    at,
    call,
    call_appraised,
    call_seen,
    destroyed,
    everything,
    leg,
    leg_appraised,
    leg_changed,
    leg_seen,
    not_stored,
    stored,
)

Opened = Callable[..., Catalogue]
STORY = everything()


def segment(number: int, *events: Event) -> Segment:
    return Segment(f"journal/cut/{number:03}.jsonl.gz", tuple(events))


def cut(into: int, seed: int) -> list[Segment]:
    """The story in so many segments, its events dealt out at random."""
    dealer = random.Random(seed)
    parts: list[list[Event]] = [[] for _ in range(into)]
    for event in STORY:
        dealer.choice(parts).append(event)
    return [segment(number, *part) for number, part in enumerate(parts) if part]


def one_pass(catalogue: Catalogue, segments: list[Segment]) -> None:
    with catalogue.write("applying all at once") as connection:
        assert apply_within(connection, segments) == len(segments)


@pytest.mark.parametrize("into", [1, 4, 17, len(STORY)])
def test_segments_in_any_order_and_doubled_give_the_rows_of_one_pass(opened: Opened, into: int) -> None:
    segments = cut(into, seed=into)
    whole = opened("whole")
    one_pass(whole, segments)
    for seed in range(4 if into < 20 else 2):
        shuffled = random.Random(seed).sample(segments * 2, 2 * len(segments))
        one = opened(f"shuffled-{seed}")
        applied = [apply(one, found) for found in shuffled]
        assert sum(applied) == len(segments)
        assert contents(one) == contents(whole)


def test_the_cut_makes_no_difference_but_for_the_segments_that_are_named(opened: Opened) -> None:
    found = []
    for into in (1, 3, 40, len(STORY)):
        catalogue = opened(f"cut-{into}")
        one_pass(catalogue, cut(into, seed=7))
        found.append(contents_of_any_cut(catalogue))
    assert found[1:] == found[:-1]


def test_an_event_in_two_segments_counts_once_and_is_found_in_both(opened: Opened) -> None:
    for name, order in (("one", [0, 1]), ("other", [1, 0])):
        parts = [segment(0, leg_seen(1), stored(1)), segment(1, leg_seen(1), stored(1))]
        catalogue = opened(name)
        for number in order:
            apply(catalogue, parts[number])
        for row in (LegSeenRow, AudioStoredRow):
            (fact,) = rows(catalogue, row)
            assert (fact["segment"], fact["last_segment"]) == (parts[0].key, parts[1].key)


def test_the_catalogue_is_what_folding_in_memory_gives(catalogue: Catalogue) -> None:
    for found in cut(9, seed=1):
        apply(catalogue, found)
    expectation = expected(STORY)
    for row in (LegRow, CallRow, FindingRow, DayRow):
        assert rows(catalogue, row) == expectation[row.__tablename__]


def test_the_story_fills_every_table_and_reaches_every_state_judgement_and_finding(catalogue: Catalogue) -> None:
    one_pass(catalogue, cut(5, seed=2))
    assert [row.__tablename__ for row in REBUILDABLE if not rows(catalogue, row)] == []
    assert {row["state"] for row in rows(catalogue, LegRow)} == {state.value for state in State}
    assert {row["judged"] for row in rows(catalogue, CallRow)} == {judged.value for judged in Judged}
    assert {row["kind"] for row in rows(catalogue, FindingRow)} == {kind.value for kind in FindingKind}
    assert {row["object_type"] for row in rows(catalogue, FindingRow)} == {
        "leg",
        "call",
        "day",
        "object",
        "answer",
        "entry",
    }


def test_the_sums_add_up_after_every_single_event(catalogue: Catalogue) -> None:
    shuffled = random.Random(3).sample(STORY, len(STORY))
    for number, event in enumerate(shuffled):
        apply(catalogue, segment(number, event))
        if number % 3 == 0 or number == len(shuffled) - 1:
            assert rows(catalogue, DayRow) == recounted(catalogue)


def test_a_day_of_which_nothing_is_left_has_no_row(catalogue: Catalogue) -> None:
    late = leg_seen(1, time=at(9))
    apply(catalogue, segment(0, late))
    assert [row["discovered"] for row in rows(catalogue, DayRow)] == [1]
    earlier = leg_seen(1, "B", time=at(1), day=late.day.replace(day=9))
    apply(catalogue, segment(1, earlier))
    assert [(row["day"], row["discovered"]) for row in rows(catalogue, DayRow)] == [(earlier.day, 1)]


def test_years_of_days_are_applied_at_once(catalogue: Catalogue) -> None:
    """As the rebuild of a small site does."""
    days = [leg_seen(number, day=DAY + timedelta(days=number)) for number in range(1_100)]
    one_pass(catalogue, [segment(0, *days)])
    assert len(rows(catalogue, DayRow)) == 1_100
    one_pass(catalogue, [segment(1, not_stored(0), not_stored(1_099, day=days[-1].day))])
    assert rows(catalogue, DayRow) == recounted(catalogue)


def test_a_segment_that_was_applied_is_not_applied_again(catalogue: Catalogue) -> None:
    assert apply(catalogue, segment(0, leg_seen(1))) is True
    before = contents(catalogue)
    assert apply(catalogue, segment(0, leg_seen(1), leg_seen(2))) is False
    assert contents(catalogue) == before


def test_applying_a_segment_removes_its_announcement_and_no_other(catalogue: Catalogue) -> None:
    for number in (0, 1, 2):
        open_segment(catalogue, segment(number).key)
    apply(catalogue, segment(1, leg_seen(1)))
    assert [row["key"] for row in open_segments(catalogue)] == [segment(0).key, segment(2).key]
    open_segment(catalogue, segment(1).key)
    assert apply(catalogue, segment(1, leg_seen(1))) is False
    assert [row["key"] for row in open_segments(catalogue)] == [segment(0).key, segment(2).key]


def test_an_apply_that_fails_leaves_nothing_behind_and_succeeds_later(catalogue: Catalogue) -> None:
    apply(catalogue, segment(0, leg_seen(1)))
    open_segment(catalogue, segment(1).key)
    before = contents(catalogue)
    with suppress(ZeroDivisionError), catalogue.write("applying") as connection:
        apply_within(connection, [segment(1, *STORY)])
        raise ZeroDivisionError
    assert contents(catalogue) == before
    assert [row["key"] for row in open_segments(catalogue)] == [segment(1).key]
    assert apply(catalogue, segment(1, *STORY)) is True


# -- what hangs together


def test_a_double_is_found_on_both_legs_and_is_gone_when_one_start_is_corrected(catalogue: Catalogue) -> None:
    apply(catalogue, segment(0, leg_seen(1), stored(1, "same")))
    apply(catalogue, segment(1, leg_seen(2, start=at(1)), stored(2, "same")))
    double = {row["object_id"]: row["detail"] for row in rows(catalogue, FindingRow)}
    assert double == {leg(1): f"same audio and start as {leg(2)}", leg(2): f"same audio and start as {leg(1)}"}
    apply(catalogue, segment(2, leg_changed(2, "B", time=at(9), start=at(2))))
    assert rows(catalogue, FindingRow) == []
    assert rows(catalogue, DayRow) == recounted(catalogue)


def test_a_leg_with_the_same_audio_and_another_start_is_neither_looked_at_nor_published_again(
    catalogue: Catalogue,
) -> None:
    """Recordings of nothing are the same audio all over the archive."""
    apply(catalogue, segment(0, leg_seen(1), stored(1, "silence")))
    publish(catalogue)
    with statements(catalogue) as sent:
        apply(catalogue, segment(1, leg_seen(2, day=NEXT_DAY), stored(2, "silence", day=NEXT_DAY)))
    assert leg(1) not in str(sent)
    assert leg(2) in str(sent)
    assert set(dirty_days(catalogue, SITE)) == {NEXT_DAY}


def test_a_double_that_comes_or_goes_has_the_other_legs_day_published_again(catalogue: Catalogue) -> None:
    double = leg_seen(2, start=at(1), day=NEXT_DAY)
    apply(catalogue, segment(0, leg_seen(1), stored(1, "same")))
    publish(catalogue)
    apply(catalogue, segment(1, double, stored(2, "same", day=NEXT_DAY)))
    assert set(dirty_days(catalogue, SITE)) == {DAY, NEXT_DAY}
    publish(catalogue)
    apply(catalogue, segment(2, not_stored(2, day=NEXT_DAY)))
    assert set(dirty_days(catalogue, SITE)) == {NEXT_DAY}
    publish(catalogue)
    apply(catalogue, segment(3, leg_changed(2, "B", time=at(9), start=at(2), day=NEXT_DAY)))
    assert set(dirty_days(catalogue, SITE)) == {DAY, NEXT_DAY}


def publish(catalogue: Catalogue) -> None:
    for day, mark in dirty_days(catalogue, SITE).items():
        clear_dirty(catalogue, SITE, day, mark)


def test_a_leg_whose_two_audios_are_both_doubles_has_one_finding_that_names_both(catalogue: Catalogue) -> None:
    events = [leg_seen(1), stored(1, "x"), stored(1, "y", time=at(61))]
    events += [leg_seen(2, start=at(1)), stored(2, "x"), leg_seen(3, start=at(1)), stored(3, "y")]
    apply(catalogue, segment(0, *events))
    (found,) = [row for row in rows(catalogue, FindingRow) if row["object_id"] == leg(1) and row["kind"] == "double"]
    assert leg(2) in found["detail"]
    assert leg(3) in found["detail"]
    assert rows(catalogue, DayRow) == recounted(catalogue)


def test_the_same_audio_and_start_at_another_site_is_no_double(catalogue: Catalogue) -> None:
    apply(catalogue, segment(0, leg_seen(1), stored(1, "same"), leg_seen(1, site="zenith")))
    apply(catalogue, segment(1, stored(1, "same", site="zenith")))
    assert rows(catalogue, FindingRow) == []


@pytest.mark.parametrize("lost", [{"call_record_id": "", "unique_id": ""}, {"call_record_id": "1", "unique_id": "2"}])
def test_a_call_loses_its_leg_when_the_leg_loses_its_ids(catalogue: Catalogue, lost: dict[str, str]) -> None:
    apply(catalogue, segment(0, call_seen(1), leg_seen(2)))
    assert [row["judged"] for row in rows(catalogue, CallRow)] == ["recorded"]
    apply(catalogue, segment(1, leg_changed(2, "B", time=at(9), **lost)))
    assert [(row["judged"], row["legs"]) for row in rows(catalogue, CallRow)] == [("unjudged", 0)]
    assert rows(catalogue, DayRow) == recounted(catalogue)


def test_calls_and_legs_of_another_site_with_the_same_ids_have_nothing_to_do_with_each_other(
    catalogue: Catalogue,
) -> None:
    apply(catalogue, segment(0, call_seen(1), leg_seen(2, site="zenith"), call_seen(1, site="zenith")))
    assert {row["site"]: row["legs"] for row in rows(catalogue, CallRow)} == {SITE: 0, "zenith": 1}


# -- any events at all

NUMBERS = st.integers(0, 3)
MINUTES = st.integers(0, 4)
IDS = st.fixed_dictionaries(
    {}, optional={"call_record_id": st.sampled_from(["", "9000", "9001"]), "unique_id": st.sampled_from(["", "u"])}
)
ANY_EVENT: st.SearchStrategy[Event] = st.one_of(
    st.builds(
        lambda number, said, minute, start, view, ids: leg_seen(
            number, said, time=at(minute), start=None if start is None else at(start), view=view, **ids
        ),
        NUMBERS,
        st.sampled_from("ABC"),
        MINUTES,
        st.none() | st.integers(0, 1),
        st.sampled_from([View.BY_HOUR, View.BY_UNIQUE_ID]),
        IDS,
    ),
    st.builds(lambda number, minute: destroyed(leg_changed(number, "D", time=at(minute))), NUMBERS, MINUTES),
    st.builds(
        lambda number, audio, minute: stored(number, audio, time=at(minute)), NUMBERS, st.sampled_from("xyz"), MINUTES
    ),
    st.builds(not_stored, NUMBERS, st.sampled_from(Outcome)),
    st.builds(leg_appraised, NUMBERS, st.sampled_from(Verdict)),
    st.builds(
        lambda number, said, minute, ids: call_seen(number, said, time=at(minute), **ids),
        st.integers(0, 1),
        st.sampled_from("AB"),
        MINUTES,
        IDS,
    ),
    st.builds(lambda number, explained: call_appraised(number, explained=explained), st.integers(0, 1), st.booleans()),
)


def answering(event: Event, others: list[str]) -> Event:
    return event if hasattr(event, "view") else replace(event, supersedes=tuple(others))


@settings(max_examples=40)
@given(st.lists(ANY_EVENT, min_size=1, max_size=14), st.data())
def test_any_events_in_any_cut_give_what_folding_in_memory_gives(
    emptied: Callable[[], AbstractContextManager[Catalogue]], events: list[Event], data: st.DataObject
) -> None:
    names = [event.event_id for event in events]
    told: dict[str, Event] = {}
    for event in events:
        others = data.draw(st.lists(st.sampled_from(names), max_size=1))
        told.setdefault(event.event_id, answering(event, others))
    shuffled = data.draw(st.permutations(list(told.values())))
    cuts = sorted(data.draw(st.lists(st.integers(0, len(shuffled)), max_size=5)))
    parts = [shuffled[begin:end] for begin, end in zip([0, *cuts], [*cuts, len(shuffled)], strict=True)]
    with emptied() as catalogue:
        so_far: list[Any] = []
        for number, part in enumerate(parts):
            apply(catalogue, segment(number, *part))
            so_far += part
            assert rows(catalogue, DayRow) == expected(so_far)["day"]
        expectation = expected(so_far)
        for row in (LegRow, CallRow, FindingRow):
            assert rows(catalogue, row) == expectation[row.__tablename__]


def test_the_numbers_of_calls_and_legs_agree() -> None:
    """The tests above rest on it: legs 2 and 3 belong to call 1."""
    assert leg_seen(2).record_link == leg_seen(3).record_link == call_seen(1).record_link
    assert call_seen(1).call_id == call(1)


def test_a_leg_that_is_like_two_others_stays_like_both_when_one_is_told_of_again(catalogue: Catalogue) -> None:
    """Another audio of its own is that of the third: the third is not told of, nor like the first."""
    seen = [leg_seen(number, start=at(0)) for number in (1, 2, 3)]
    audio = [stored(1, "one"), stored(2, "one"), stored(2, "two", time=at(70)), stored(3, "two")]
    apply(catalogue, Segment("journal/all", (*seen, *audio)))
    before = rows(catalogue, FindingRow)
    apply(catalogue, Segment("journal/again", (stored(1, "one", time=at(80)),)))
    assert rows(catalogue, FindingRow) == before
    assert [row["object_id"] for row in before if row["kind"] == "double"] == sorted(leg(n) for n in (1, 2, 3))
