"""Questions to the catalogue: what each answers, and that none reads more than it answers about."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import replace
from datetime import date, timedelta

import pytest

from noojee_ingest.catalogue import queries
from noojee_ingest.catalogue.apply import apply
from noojee_ingest.catalogue.database import Catalogue
from noojee_ingest.catalogue.queries import Asked
from noojee_ingest.catalogue.tables import CallRow, DayRow, FindingRow, LegRow
from noojee_ingest.journal.events import Outcome, Verdict
from noojee_ingest.journal.segment import Segment
from noojee_ingest.model import FindingKind, Leg, View
from tests.functional.catalogue.conftest import Holding
from tests.functional.catalogue.plans import read_whole, statements
from tests.functional.catalogue.recount import rows
from tests.unit.journal.story import (
    DAY,
    NEXT_DAY,
    OTHER_SITE,
    SITE,
    answered,
    at,
    call,
    call_appraised,
    call_changed,
    call_seen,
    destroyed,
    everything,
    leg,
    leg_appraised,
    leg_changed,
    leg_seen,
    not_stored,
    noted,
    refused,
    sha256,
    stored,
)


@pytest.fixture(scope="module")
def story(emptied: Callable[[], AbstractContextManager[Catalogue]]) -> Iterator[Catalogue]:
    """The whole story. Leave it as it is."""
    with emptied() as catalogue:
        apply(catalogue, Segment("journal/story", tuple(everything())))
        yield catalogue


# -- what discovery asks


def test_earlier_answers_come_oldest_first_by_scope(holding: Holding) -> None:
    first = answered("h1", asked_at=at(1), entries=3)
    again = answered("h1", asked_at=at(9), entries=4, answer_digest="d2")
    others = [answered("h2"), answered("h1", site=OTHER_SITE), answered("h1", view=View.BY_UNIQUE_ID)]
    catalogue = holding(again, first, *others)
    assert queries.answers(catalogue, SITE, View.BY_HOUR, ["h1", "h3"]) == {
        "h1": [Asked(at(1), sha256("h1"), 3), Asked(at(9), "d2", 4)]
    }
    assert queries.answers(catalogue, SITE, View.BY_HOUR, []) == {}


def test_the_first_answer_is_of_this_site_and_actor_and_of_any_list(holding: Holding) -> None:
    catalogue = holding(
        answered("h1", asked_at=at(7)),
        answered("u1", asked_at=at(5), view=View.BY_UNIQUE_ID),
        answered("h2", asked_at=at(3), actor="audit"),
        answered("h1", asked_at=at(1), site=OTHER_SITE),
    )
    assert queries.first_asked(catalogue, SITE, "nightly") == at(5)
    assert queries.first_asked(catalogue, SITE, "audit") == at(3)
    assert queries.first_asked(catalogue, SITE, "nobody") is None


def test_how_many_hours_of_each_day_were_listed(holding: Holding) -> None:
    catalogue = holding(*(answered(f"2026-03-10T{hour:02}") for hour in range(24)), answered("2026-03-09T23"))
    holding(answered("2026-03-10T05", asked_at=at(99)), answered("2026-03-11T00"), answered("2026-03-12T00"))
    holding(answered("2026-03-11T01", site=OTHER_SITE), answered("2026-03-11T02", view=View.BY_UNIQUE_ID))
    assert queries.hours_listed(catalogue, SITE, DAY, date(2026, 3, 12)) == {DAY: set(range(24)), NEXT_DAY: {0}}
    assert queries.hours_listed(catalogue, SITE, date(2027, 1, 1), date(2028, 1, 1)) == {}


def test_the_last_listed_hour_before_a_day(holding: Holding) -> None:
    catalogue = holding(answered("2026-03-08T01"), answered("2026-03-09T23"), answered("2026-03-10T00"))
    holding(answered("2026-03-09T23", site=OTHER_SITE), answered("2026-03-09zz", view=View.BY_UNIQUE_ID))
    assert queries.last_hour_listed(catalogue, SITE, DAY) == date(2026, 3, 9)
    assert queries.last_hour_listed(catalogue, SITE, date(2026, 3, 9)) == date(2026, 3, 8)
    assert queries.last_hour_listed(catalogue, SITE, date(2026, 3, 8)) is None


def test_the_first_day_known_is_that_of_the_first_leg_or_call(holding: Holding) -> None:
    catalogue = holding(
        leg_seen(1, day=NEXT_DAY), call_seen(9, day=DAY), leg_seen(1, day=date(2020, 1, 1), site="else")
    )
    assert queries.first_day_known(catalogue, SITE) == DAY
    assert queries.first_day_known(catalogue, "nobody") is None


def test_legs_are_found_by_either_id_at_their_site_alone(holding: Holding) -> None:
    catalogue = holding(
        leg_seen(2),
        leg_seen(3, call_record_id=""),
        leg_seen(4),
        leg_seen(2, site=OTHER_SITE),
        leg_seen(9, unique_id=""),
    )
    by_record = queries.legs_with_ids(catalogue, SITE, ["9001", "", "nonsense"], [])
    assert {row["leg_id"] for row in by_record} == {leg(2)}
    both = queries.legs_with_ids(catalogue, SITE, ["9001"], ["1773100000.1", ""])
    assert {row["leg_id"] for row in both} == {leg(2), leg(3)}
    (row,) = queries.legs_with_ids(catalogue, SITE, [], ["1773100000.2"])
    told = {"day": DAY, "call_record_id": "9002", "unique_id": "1773100000.2", "leg": "0", "state": "discovered"}
    assert row == {"leg_id": leg(4), **told}
    assert queries.legs_with_ids(catalogue, SITE, [], []) == []


def test_an_id_of_one_kind_is_not_taken_for_the_other(holding: Holding) -> None:
    catalogue = holding(leg_seen(2, call_record_id="77", unique_id="88"))
    assert queries.legs_with_ids(catalogue, SITE, ["88"], ["77"]) == []


def test_what_a_view_told_last_of_each(holding: Holding) -> None:
    catalogue = holding(leg_seen(1, "A"), leg_changed(1, "B", time=at(5)), leg_seen(2))
    holding(leg_changed(1, "C", time=at(9), view=View.BY_UNIQUE_ID))
    last = {leg(1): sha256("1 B"), leg(2): sha256("2 A")}
    assert queries.told_last(catalogue, View.BY_HOUR, [leg(1), leg(2), leg(3)]) == last
    assert queries.told_last(catalogue, View.BY_UNIQUE_ID, [leg(1), leg(2)]) == {leg(1): sha256("1 C")}
    holding(leg_changed(1, "A", time=at(20)))
    assert queries.told_last(catalogue, View.BY_HOUR, [leg(1)]) == {leg(1): sha256("1 A")}


def test_what_the_call_record_list_told_last(holding: Holding) -> None:
    catalogue = holding(call_seen(1, "A"), call_changed(1, "B", time=at(5)))
    assert queries.told_last(catalogue, View.CALL_RECORDS, [call(1), leg(1)]) == {call(1): sha256("call 1 B")}


def test_which_entries_were_refused_before(holding: Holding) -> None:
    catalogue = holding(refused("17"), refused("18", view=View.CALL_RECORDS), refused("19", site=OTHER_SITE))
    digests = [sha256(raw) for raw in ("17", "18", "19", "20")]
    assert queries.refused_digests(catalogue, SITE, View.BY_HOUR, digests) == {sha256("17")}


def test_calls_without_legs_are_those_not_recorded_by_day(holding: Holding) -> None:
    catalogue = holding(call_seen(3, day=NEXT_DAY), call_seen(1), call_seen(2), leg_seen(2), call_seen(5))
    holding(call_appraised(5, explained=True), call_seen(8, day=date(2026, 3, 20)), call_seen(1, site=OTHER_SITE))
    found = queries.calls_without_legs(catalogue, SITE, [NEXT_DAY, DAY])
    assert [row["call_id"] for row in found] == [*sorted([call(2), call(5)]), call(3)]
    assert queries.calls_without_legs(catalogue, SITE, []) == []


# -- what retrieval, recovery and reconciling ask


def test_legs_due_are_discovered_or_pending_and_due_oldest_day_first(holding: Holding) -> None:
    catalogue = holding(leg_seen(1, day=NEXT_DAY), *(leg_seen(number) for number in range(2, 8)))
    holding(not_stored(2, due=at(60)), not_stored(3, due=at(61)), not_stored(4, due=None), stored(5))
    holding(not_stored(6, Outcome.GAVE_UP), leg_seen(7, site=OTHER_SITE), destroyed(leg_seen(20)))
    found = [one.leg_id for one in queries.legs_due(catalogue, SITE, at(60))]
    assert found == [*sorted([leg(2), leg(4), leg(7)]), leg(1)]
    assert [one.leg_id for one in queries.legs_due(catalogue, SITE, at(60), NEXT_DAY)] == [leg(1)]
    assert leg(3) in [one.leg_id for one in queries.legs_due(catalogue, SITE, at(61), DAY)]


def test_a_leg_travels_with_what_its_conclusion_must_answer(holding: Holding) -> None:
    waiting = not_stored(1, tries=4, due=at(0))
    catalogue = holding(leg_seen(1), waiting)
    (found,) = queries.legs_due(catalogue, SITE, at(60))
    assert found == Leg(
        site=SITE,
        leg_id=leg(1),
        day=DAY,
        call_record_id="9000",
        unique_id="1773100000.0",
        leg="1",
        end=at(1) + timedelta(seconds=60),
        duration=60.0,
        tries=4,
        answers=(waiting.event_id,),
    )
    (row,) = queries.legs_by_id(catalogue, [leg(1)]).values()
    assert queries.leg_of(row) == found


def test_which_segments_were_applied(holding: Holding) -> None:
    catalogue = holding(leg_seen(1))
    holding(leg_seen(2))
    assert queries.segments_applied(catalogue, ["journal/1", "journal/7"]) == {"journal/1"}


def test_the_keys_of_a_days_audio(holding: Holding) -> None:
    catalogue = holding(stored(1, "x"), stored(1, "y"), stored(2, "z", day=NEXT_DAY), stored(3, "w", site=OTHER_SITE))
    expectation = {stored(1, "x").key: leg(1), stored(1, "y").key: leg(1)}
    assert queries.audio_keys(catalogue, SITE, DAY) == expectation


def test_the_notes_of_a_day_that_are_in_force(holding: Holding) -> None:
    first, second, gone = noted(), noted(time=at(101)), noted(finding=FindingKind.GONE_OBJECT)
    over = noted("audio/other.wav")
    catalogue = holding(first, second, gone, over, noted("audio/tomorrow.wav", day=NEXT_DAY))
    holding(noted("audio/other.wav", time=at(200), cleared=True, supersedes=(over.event_id,)))
    assert queries.notes_of_day(catalogue, SITE, DAY) == {
        (first.key, FindingKind.GONE_OBJECT): (gone.event_id,),
        (first.key, FindingKind.ORPHAN_OBJECT): tuple(sorted([first.event_id, second.event_id])),
    }


def test_legs_by_id_gives_those_that_are_known(holding: Holding) -> None:
    catalogue = holding(*(leg_seen(number) for number in range(1_200)))
    wanted = [leg(number) for number in range(1_100)] + [leg(9_999)]
    assert queries.legs_by_id(catalogue, wanted).keys() == {leg(number) for number in range(1_100)}


def test_pending_legs_of_a_day(holding: Holding) -> None:
    catalogue = holding(leg_seen(1), leg_seen(2), leg_seen(3, day=NEXT_DAY), not_stored(2), not_stored(3))
    assert [row["leg_id"] for row in queries.pending_legs(catalogue, SITE, DAY)] == [leg(2)]


# -- what people ask


def test_the_sums_of_days_come_oldest_first(story: Catalogue) -> None:
    own = [row for row in rows(story, DayRow) if row["site"] == SITE]
    assert [row["day"] for row in own] == [DAY, NEXT_DAY]
    assert queries.day_sums(story, SITE) == own
    assert queries.day_sums(story, SITE, [NEXT_DAY, date(2030, 1, 1)]) == own[1:]
    assert queries.day_sums(story, SITE, []) == []


def test_the_sums_of_hours_add_up_to_the_legs_of_the_day(story: Catalogue) -> None:
    found = queries.hour_sums(story, SITE, DAY)
    legs = [row for row in rows(story, LegRow) if (row["site"], row["day"]) == (SITE, DAY)]
    assert {(row["hour"], row["state"]): row["legs"] for row in found} == {
        key: sum((row["hour"], row["state"]) == key for row in legs)
        for key in {(row["hour"], row["state"]) for row in legs}
    }
    archived = [row for row in legs if row["state"] == "archived" and row["hour"] == 23]
    (line,) = [row for row in found if row["state"] == "archived" and row["hour"] == 23]
    assert line["bytes"] == sum(row["content_size"] for row in archived) > 0
    assert line["seconds"] == pytest.approx(sum(row["seconds"] for row in archived))
    assert [row["bytes"] for row in found if row["state"] == "rejected"] == [0]


def test_the_calls_of_a_day(story: Catalogue) -> None:
    own = [row for row in rows(story, CallRow) if (row["site"], row["day"]) == (SITE, DAY)]
    found = queries.calls_of_day(story, SITE, DAY)
    key = lambda row: (str(row["called"]), row["judged"], row["cause"])  # noqa: E731
    assert sorted(found, key=key) == sorted(
        ({name: row[name] for name in ("called", "judged", "cause")} for row in own), key=key
    )


def test_the_findings_of_a_day_come_by_kind_and_object(story: Catalogue) -> None:
    own = [row for row in rows(story, FindingRow) if (row["site"], row["day"]) == (SITE, DAY)]
    assert queries.findings_of_day(story, SITE, DAY) == sorted(own, key=lambda row: (row["kind"], row["object_id"]))


def test_the_findings_of_some_legs_calls_and_objects(holding: Holding) -> None:
    catalogue = holding(call_seen(7), call_appraised(7, explained=False), noted(), noted("audio/else.wav"), refused())
    holding(leg_seen(1), stored(1, "x"), stored(1, "y"))
    found = queries.findings_of(catalogue, [leg(1), call(7), noted().key, refused().event_id, "unknown"])
    assert {(row["object_type"], row["kind"]) for row in found} == {
        ("leg", "conflict"),
        ("call", "call without recording"),
        ("object", "orphan object"),
    }


def test_how_many_objects_of_each_day_are_gone(holding: Holding) -> None:
    gone = [noted(f"audio/{number}.wav", FindingKind.GONE_OBJECT) for number in (1, 2)]
    catalogue = holding(*gone, noted("audio/3.wav"), noted("audio/4.wav", FindingKind.GONE_OBJECT, day=NEXT_DAY))
    holding(noted("audio/5.wav", FindingKind.GONE_OBJECT, site=OTHER_SITE))
    assert queries.gone_objects(catalogue, SITE, [DAY, NEXT_DAY]) == {DAY: 2, NEXT_DAY: 1}
    holding(noted("audio/1.wav", FindingKind.GONE_OBJECT, time=at(200), cleared=True, supersedes=(gone[0].event_id,)))
    assert queries.gone_objects(catalogue, SITE, [DAY, NEXT_DAY]) == {DAY: 1, NEXT_DAY: 1}
    assert queries.gone_objects(catalogue, SITE, [NEXT_DAY]) == {NEXT_DAY: 1}


def test_the_latest_segment(holding: Holding, catalogue: Catalogue) -> None:
    assert queries.latest_segment(catalogue) is None
    holding(leg_seen(1))
    holding(leg_seen(2))
    assert queries.latest_segment(catalogue) == "journal/1"


def test_the_gaps_of_a_day_by_state_and_end(holding: Holding) -> None:
    catalogue = holding(*(leg_seen(number) for number in range(1, 7)), leg_seen(9, day=NEXT_DAY))
    holding(not_stored(6, Outcome.GONE), not_stored(2, Outcome.GAVE_UP), not_stored(1, Outcome.GAVE_UP))
    holding(not_stored(3, Outcome.REJECTED), not_stored(4), stored(5), not_stored(9, Outcome.GONE))
    gaps = [row["leg_id"] for row in queries.gaps_of_day(catalogue, SITE, DAY, 50)]
    assert gaps == [leg(1), leg(2), leg(6), leg(3)]
    assert [row["leg_id"] for row in queries.gaps_of_day(catalogue, SITE, DAY, 2)] == gaps[:2]


@pytest.mark.parametrize("name", [leg(2), "9001", "1773100000.1"])
def test_legs_are_named_by_any_of_their_ids(holding: Holding, name: str) -> None:
    catalogue = holding(leg_seen(3), leg_seen(2), leg_seen(4), leg_seen(2, site=OTHER_SITE))
    found = queries.legs_named(catalogue, name, SITE)
    assert [row["leg_id"] for row in found] == ([leg(2)] if name == leg(2) else [leg(2), leg(3)])
    everywhere = {row["site"] for row in queries.legs_named(catalogue, name)}
    assert everywhere == ({SITE} if name == leg(2) else {SITE, OTHER_SITE})


def test_legs_without_a_start_are_named_last(holding: Holding) -> None:
    catalogue = holding(
        leg_seen(2, start=None), leg_seen(3, start=None), leg_seen(20, start=at(99), unique_id="1773100000.1")
    )
    found = [row["leg_id"] for row in queries.legs_named(catalogue, "1773100000.1")]
    assert found == [leg(20), leg(2), leg(3)]


@pytest.mark.parametrize("name", [call(1), "9001", "1773100000.1"])
def test_calls_are_named_by_any_of_their_ids(holding: Holding, name: str) -> None:
    catalogue = holding(call_seen(1), call_seen(2), call_seen(1, site=OTHER_SITE))
    assert [row["call_id"] for row in queries.calls_named(catalogue, [name, ""], SITE)] == [call(1)]
    everywhere = {row["site"] for row in queries.calls_named(catalogue, [name])}
    assert everywhere == ({SITE} if name == call(1) else {SITE, OTHER_SITE})
    assert queries.calls_named(catalogue, []) == []


def test_the_audio_of_legs_comes_earliest_first(holding: Holding) -> None:
    late, early = stored(1, "x", time=at(70)), stored(1, "y", time=at(60))
    catalogue = holding(late, early, stored(2, "z"))
    found = queries.audio_of(catalogue, [leg(1), leg(3)])
    assert [row["content_sha256"] for row in found] == [early.content_sha256, late.content_sha256]
    assert found[0]["key"] == early.key


def test_the_segments_that_hold_the_history_of_a_leg_and_a_call(holding: Holding) -> None:
    catalogue = holding(leg_seen(1))
    holding(stored(1))
    holding(not_stored(1))
    holding(leg_appraised(1, Verdict.EXCUSE))
    holding(leg_changed(1, "A", time=at(50)))
    holding(call_seen(7))
    holding(call_appraised(7, explained=True))
    holding(leg_seen(2), call_seen(8))
    found = queries.segments_about(catalogue, leg_ids=[leg(1)], call_ids=[])
    assert found == [f"journal/{number}" for number in (0, 1, 2, 3, 4)]
    assert queries.segments_about(catalogue, leg_ids=[], call_ids=[call(7)]) == ["journal/5", "journal/6"]
    assert queries.segments_about(catalogue, leg_ids=[leg(1)], call_ids=[call(7)])[-1] == "journal/6"


# -- none reads more than it answers about

ASKED: dict[str, Callable[[Catalogue], object]] = {
    "answers": lambda c: queries.answers(c, SITE, View.BY_HOUR, ["2026-03-10T23"]),
    "first_asked": lambda c: queries.first_asked(c, SITE, "nightly"),
    "hours_listed": lambda c: queries.hours_listed(c, SITE, DAY, NEXT_DAY),
    "last_hour_listed": lambda c: queries.last_hour_listed(c, SITE, DAY),
    "first_day_known": lambda c: queries.first_day_known(c, SITE),
    "legs_with_ids": lambda c: queries.legs_with_ids(c, SITE, ["9001"], ["1773100000.1"]),
    "told_last": lambda c: [queries.told_last(c, view, [leg(1), call(1)]) for view in View],
    "refused_digests": lambda c: queries.refused_digests(c, SITE, View.BY_HOUR, [sha256("17")]),
    "calls_without_legs": lambda c: queries.calls_without_legs(c, SITE, [DAY, NEXT_DAY]),
    "legs_due": lambda c: [queries.legs_due(c, SITE, at(0)), queries.legs_due(c, SITE, at(0), DAY)],
    "segments_applied": lambda c: queries.segments_applied(c, ["journal/0"]),
    "audio_keys": lambda c: queries.audio_keys(c, SITE, DAY),
    "notes_of_day": lambda c: queries.notes_of_day(c, SITE, DAY),
    "legs_by_id": lambda c: queries.legs_by_id(c, [leg(1)]),
    "pending_legs": lambda c: queries.pending_legs(c, SITE, DAY),
    "day_sums": lambda c: [queries.day_sums(c, SITE), queries.day_sums(c, SITE, [DAY])],
    "gone_objects": lambda c: queries.gone_objects(c, SITE, [DAY]),
    "latest_segment": queries.latest_segment,
    "hour_sums": lambda c: queries.hour_sums(c, SITE, DAY),
    "calls_of_day": lambda c: queries.calls_of_day(c, SITE, DAY),
    "findings_of_day": lambda c: queries.findings_of_day(c, SITE, DAY),
    "findings_of": lambda c: queries.findings_of(c, [leg(1), call(1)]),
    "gaps_of_day": lambda c: queries.gaps_of_day(c, SITE, DAY, 5),
    "legs_named": lambda c: [queries.legs_named(c, "9001"), queries.legs_named(c, "9001", SITE)],
    "calls_named": lambda c: [queries.calls_named(c, ["9001"]), queries.calls_named(c, ["9001"], SITE)],
    "audio_of": lambda c: queries.audio_of(c, [leg(1)]),
    "segments_about": lambda c: queries.segments_about(c, leg_ids=[leg(1)], call_ids=[call(1)]),
    "known_sites": queries.known_sites,
    "legs_of_ids": lambda c: queries.legs_of_ids(c, ["9001", leg(3)], [SITE]),
}


def test_every_question_is_tried() -> None:
    asked = {
        name
        for name, one in inspect.getmembers(queries, inspect.isfunction)
        if one.__module__ == queries.__name__ and not name.startswith("_")
    }
    assert set(ASKED) == asked - {"leg_of"}


@pytest.mark.parametrize("name", ASKED)
def test_no_question_reads_a_table_from_end_to_end(story: Catalogue, name: str) -> None:
    with statements(story) as sent:
        ASKED[name](story)
    assert len(sent) > 0
    assert read_whole(story, sent) == []


def test_applying_a_segment_reads_no_table_from_end_to_end(holding: Holding) -> None:
    catalogue = holding(*everything())
    more = [replace(event, event_id=event.event_id[::-1], time=at(500)) for event in everything()]
    with statements(catalogue) as sent:
        holding(*more)
    assert len(sent) > 20
    assert read_whole(catalogue, sent) == []


def test_the_explanation_would_notice(story: Catalogue) -> None:
    with statements(story) as sent, story.read("asking carelessly") as connection:
        connection.exec_driver_sql("SELECT * FROM leg WHERE tag = 'A'")
    (found,) = [step for step, _ in read_whole(story, sent)]
    assert re.match(r"(SCAN|Seq Scan on) leg\b", found)
