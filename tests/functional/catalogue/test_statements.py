"""What a day's statement asks of the catalogue."""

from __future__ import annotations

from collections import Counter
from datetime import date

import pytest

from noojee_ingest.catalogue.apply import apply
from noojee_ingest.catalogue.comparing import told_by_others, views_of_day
from noojee_ingest.catalogue.database import Catalogue
from noojee_ingest.catalogue.statements import Version, latest_statements, look_at_day
from noojee_ingest.catalogue.tables import CallRow, FindingRow, LegRow
from noojee_ingest.journal.events import Event
from noojee_ingest.journal.segment import Segment
from noojee_ingest.model import View
from tests.unit.journal.story import (
    BEGIN,
    DAY,
    NEXT_DAY,
    SITE,
    at,
    call_seen,
    everything,
    leg,
    leg_changed,
    leg_seen,
    stated,
    stored,
)  # fmt: skip

from .recount import rows

TODAY = f"journal/site={SITE}/day={DAY}/"
TOMORROW = f"journal/site={SITE}/day={NEXT_DAY}/"


def put(catalogue: Catalogue, key: str, *events: Event) -> None:
    apply(catalogue, Segment(key, events))


@pytest.mark.parametrize("day", [DAY, NEXT_DAY])
def test_a_look_adds_up_to_the_rows_of_the_day(catalogue: Catalogue, day: date) -> None:
    put(catalogue, f"{TODAY}1.jsonl.gz", *everything())
    look = look_at_day(catalogue, SITE, day)
    legs = [row for row in rows(catalogue, LegRow) if (row["site"], row["day"]) == (SITE, day)]
    calls = [row for row in rows(catalogue, CallRow) if (row["site"], row["day"]) == (SITE, day)]
    found = [row["kind"] for row in rows(catalogue, FindingRow) if (row["site"], row["day"]) == (SITE, day)]
    assert {state: number for state, number in look.states.items() if number} == Counter(row["state"] for row in legs)
    assert {word: number for word, number in look.calls.items() if number} == Counter(row["judged"] for row in calls)
    assert look.found == Counter(found)
    archived = [row for row in legs if row["state"] == "archived"]
    assert look.audio_bytes == sum(row["content_size"] for row in archived)
    assert {leg_id for leg_id, _ in look.audio} == {row["leg_id"] for row in archived}
    views = views_of_day(catalogue, SITE, day)
    assert views.states == look.states == {name: views.sums[name] for name in look.states}
    assert sum(views.told_by.values()) == len(legs)


def test_of_a_leg_with_two_audios_in_force_both_are_leaves(catalogue: Catalogue) -> None:
    first, second, other = stored(1, "one"), stored(1, "two", time=at(70)), stored(2, "other")
    put(catalogue, f"{TODAY}1.jsonl.gz", leg_seen(1), leg_seen(2), first, second, other)
    digests = [(one.leg_id, one.content_sha256) for one in (first, second, other)]
    assert sorted(look_at_day(catalogue, SITE, DAY).audio) == sorted(digests)
    put(catalogue, f"{TODAY}2.jsonl.gz", stored(1, "three", time=at(80), supersedes=(first.event_id,)))
    audio = look_at_day(catalogue, SITE, DAY).audio
    assert digests[0] not in audio
    assert len(audio) == 3


def test_the_day_covers_its_segments_and_those_of_others_that_its_sums_follow_from(catalogue: Catalogue) -> None:
    keys = {name: f"{TODAY}{name}.jsonl.gz" for name in ("own", "astray", "call", "nothing")}
    others = {name: f"{TOMORROW}{name}.jsonl.gz" for name in ("own", "later", "again", "leg", "unrelated")}
    elsewhere = f"journal/site={SITE}0/day={DAY}/1.jsonl.gz"
    put(catalogue, keys["own"], leg_seen(1), stored(1, "one"))
    put(catalogue, others["own"], leg_seen(30, day=NEXT_DAY))
    put(catalogue, keys["astray"], leg_changed(30, "B", time=at(45)))  # a leg of the next day, told to be of this one
    put(catalogue, others["later"], leg_changed(1, "C", time=at(50), day=NEXT_DAY))  # and the other way round
    put(catalogue, others["again"], leg_changed(1, "A", time=at(60), day=NEXT_DAY))  # told once more
    put(catalogue, keys["call"], call_seen(20))
    put(catalogue, others["leg"], leg_seen(40, day=NEXT_DAY))  # its leg ended after midnight
    put(catalogue, others["unrelated"], leg_seen(50, day=NEXT_DAY))
    put(catalogue, elsewhere, leg_seen(1, site=f"{SITE}0"))
    look = look_at_day(catalogue, SITE, DAY)
    assert set(look.segments) == {*(keys[name] for name in ("own", "astray", "call"))} | {
        others[name] for name in ("own", "later", "again", "leg")
    }
    assert look.calls["recorded"] == 1


def test_what_a_statement_and_those_before_it_name_is_covered(catalogue: Catalogue) -> None:
    put(catalogue, f"{TODAY}1.jsonl.gz", leg_seen(1))
    put(catalogue, f"{TODAY}2.jsonl.gz", leg_seen(2))
    put(catalogue, f"{TODAY}3.jsonl.gz", leg_seen(3))
    put(catalogue, f"{TODAY}4.jsonl.gz", leg_seen(4))
    put(catalogue, f"{TODAY}s1.jsonl.gz", stated(segments=(f"{TODAY}1.jsonl.gz",)))
    put(catalogue, f"{TODAY}s2.jsonl.gz", stated(2, segments=(f"{TODAY}2.jsonl.gz",)))
    not_followed = stated(2, time=at(140), segments=(f"{TODAY}3.jsonl.gz",), seal="another")
    put(catalogue, f"{TODAY}s3.jsonl.gz", not_followed)
    look = look_at_day(catalogue, SITE, DAY)
    assert look.segments == [f"{TODAY}3.jsonl.gz", f"{TODAY}4.jsonl.gz"]
    assert look.last is not None
    assert (look.last.number, look.last.seal) == (2, stated(2).seal)
    assert look.found["statement conflict"] == 1


def test_the_latest_statement_of_each_day(catalogue: Catalogue) -> None:
    assert latest_statements(catalogue, SITE, []) == {}
    put(catalogue, f"{TODAY}1.jsonl.gz", stated(), stated(2, final=True), stated(2, time=at(139), final=False))
    put(catalogue, f"{TOMORROW}1.jsonl.gz", stated(day=NEXT_DAY))
    put(catalogue, "journal/site=zenith/x.jsonl.gz", stated(3, site="zenith"))
    both = {DAY: Version(2, True), NEXT_DAY: Version(1, False)}
    assert latest_statements(catalogue, SITE, [DAY, NEXT_DAY]) == both
    assert latest_statements(catalogue, SITE, [NEXT_DAY]) == {NEXT_DAY: both[NEXT_DAY]}


def test_a_day_of_which_nothing_is_known_is_empty(catalogue: Catalogue) -> None:
    look = look_at_day(catalogue, SITE, BEGIN.date())
    assert (look.segments, look.audio, look.last, sum(look.states.values())) == ([], [], None, 0)


def test_what_other_views_told_last(catalogue: Catalogue) -> None:
    put(
        catalogue,
        f"{TODAY}1.jsonl.gz",
        leg_seen(1),
        leg_changed(1, "B", time=at(10), view=View.BY_UNIQUE_ID, source="1"),
        leg_changed(1, "C", time=at(20), view=View.BY_UNIQUE_ID, source="2"),
        leg_seen(2),
    )
    told = told_by_others(catalogue, View.BY_HOUR, [leg(1), leg(2)])
    assert {leg_id: [row["source"] for row in views] for leg_id, views in told.items()} == {leg(1): ["2"]}
    assert set(told_by_others(catalogue, View.BY_UNIQUE_ID, [leg(1), leg(2)])) == {leg(1), leg(2)}
