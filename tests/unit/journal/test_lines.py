"""Events as lines: what is written comes back, and what was not written so is refused by its key and line."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import fields
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from noojee_ingest.journal.errors import DamagedSegment, JournalError, UnknownVersion
from noojee_ingest.journal.events import FORMAT_VERSION, KINDS, Event, Outcome
from noojee_ingest.journal.lines import MEMBERS, instant_text, read_line, write_line
from tests.unit.journal.story import (
    SITE,
    answered,
    at,
    call_appraised,
    call_seen,
    destroyed,
    everything,
    leg_seen,
    not_stored,
    noted,
    stored,
)
from tests.unit.journal.strategies import events

KEY = "journal/site=acme/day=2026-03-10/x.jsonl.gz"
EMOJI = "🎧👩🏽‍💻 ✓ \u2028 \x85 \x1f \x7f \ufeff"


def read(text: str) -> Event:
    return read_line(text, key=KEY, number=3)


def line(event: Event) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(write_line(event))
    return found


def refused(text: str, error: type[JournalError]) -> str:
    with pytest.raises(JournalError) as raised:
        read(text)
    assert type(raised.value) is error
    assert raised.value.about == KEY
    said = str(raised.value)
    assert KEY in said
    assert "line 3" in said
    assert raised.value.hint in said
    return said


# -- what is written comes back


@pytest.mark.parametrize("event", everything(), ids=lambda event: type(event).__name__)
def test_an_event_comes_back_as_it_was(event: Event) -> None:
    again = read(write_line(event))
    assert again == event
    assert type(again) is type(event)


@given(events)
def test_any_event_comes_back_as_it_was(event: Event) -> None:
    text = write_line(event)
    again = read(text)
    assert again == event
    assert type(again) is type(event)
    assert write_line(again) == text


@given(events)
def test_a_line_is_one_line_of_utf_8_with_strict_json(event: Event) -> None:
    text = write_line(event)
    assert "\n" not in text
    assert json.loads(text.encode(), parse_constant=pytest.fail)["v"] == FORMAT_VERSION


@pytest.mark.parametrize(
    "text", ["tag" * 1667, EMOJI, "\\u0000 and \\ud800", '"}\\', "../../etc/passwd", "\r\n\t", "", " "]
)
def test_awkward_text_comes_back_as_it_was(text: str) -> None:
    event = leg_seen(1, tag=text, unique_id=text, raw=text, leg=text)
    assert read(write_line(event)) == event
    call = call_seen(1, fields={text: text, "Other": text})
    assert read(write_line(call)) == call


def test_an_instant_is_written_in_utc_with_microseconds_so_that_text_sorts_by_time() -> None:
    melbourne = timezone(timedelta(hours=11))
    assert instant_text(datetime(2026, 3, 11, 3, 30, tzinfo=melbourne)) == "2026-03-10T16:30:00.000000Z"
    assert instant_text(datetime(1, 1, 1, 0, 0, 0, 7, tzinfo=UTC)) == "0001-01-01T00:00:00.000007Z"


@given(st.lists(st.datetimes(timezones=st.just(UTC)), min_size=2, max_size=2))
def test_instants_as_text_sort_as_instants(instants: list[datetime]) -> None:
    assert sorted(instants, key=instant_text) == sorted(instants)


def test_an_instant_of_another_offset_is_read_as_the_same_instant_in_utc() -> None:
    changed = line(leg_seen(1)) | {"time": "2026-03-11T00:00:00.000000+11:00"}
    assert read(json.dumps(changed)).time == datetime(2026, 3, 10, 13, 0, tzinfo=UTC)


@pytest.mark.parametrize("number", [float("nan"), float("inf")])
def test_a_number_that_json_cannot_hold_is_not_written(number: float) -> None:
    with pytest.raises(ValueError, match="JSON"):
        write_line(leg_seen(1, duration=number))


# -- what is personal


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_what_is_personal_stands_inside_personal_and_nowhere_else(kind: type[Event]) -> None:
    event = next(event for event in everything() if type(event) is kind and event.site == SITE)
    found = line(event)
    own = {field.name for field in fields(kind) if "personal" in field.metadata}
    assert set(found.pop("personal", {"enc": "none"})) == {"enc", *own}
    assert not own & set(found)


WRITTEN_BY_OTHERS = {
    "raw", "digest", "question", "reason", "name", "call_record_id", "unique_id", "leg", "start", "start_text",
    "start_mark", "end", "end_text", "end_mark", "duration", "source", "destination", "did", "direction", "tag",
    "username", "template_id", "lead_id", "external_lead_id", "called", "called_text", "called_mark", "disposition",
    "dial_attempts", "dialled_number", "campaign", "allocation", "fields",
}  # fmt: skip


def test_nothing_that_the_phone_system_or_a_person_wrote_is_outside_of_personal() -> None:
    outside = {member.name for members in MEMBERS.values() for member in members if not member.personal}
    assert outside & WRITTEN_BY_OTHERS == set()


@pytest.mark.parametrize(
    "own",
    [{"enc": "aes-256-gcm", "key": "k1", "data": "AAAA"}, {"enc": "destroyed"}, {"enc": "", "tag": "still here"}],
    ids=lambda own: own["enc"] or "empty",
)
@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_what_cannot_be_opened_is_none_and_the_rest_stays(kind: type[Event], own: dict[str, str]) -> None:
    event = next(event for event in everything() if type(event) is kind)
    changed = line(event)
    if "personal" in changed:
        changed["personal"] = own
    assert read(json.dumps(changed)) == destroyed(event)


def test_a_destroyed_event_is_written_and_read_again() -> None:
    event = destroyed(leg_seen(1))
    assert event.record_link
    assert read(write_line(event)) == event


def test_a_leg_and_its_call_have_their_links_in_common_and_with_nothing_else() -> None:
    assert (leg_seen(2).record_link, leg_seen(2).unique_link) == (call_seen(1).record_link, call_seen(1).unique_link)
    links = {call_seen(1, site=site).record_link for site in ("acme", "zenith")}
    links |= {
        call_seen(1).unique_link,
        call_seen(2).record_link,
        leg_seen(1, call_record_id="1773100000.1").record_link,
    }
    assert len(links) == 5


def test_an_absent_id_gives_no_link() -> None:
    assert leg_seen(1, call_record_id="", unique_id=None).record_link == ""
    assert leg_seen(1, call_record_id="", unique_id=None).unique_link == ""


# -- what was not written so


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "Expecting value"),
        ("{", "Expecting property name"),
        ("not json", "Expecting value"),
        ("17", "not an object"),
        ("null", "not an object"),
        ('"text"', "not an object"),
        ("[]", "not an object"),
        ("{}", "not a whole number"),
        (write_line(leg_seen(1)) + " {}", "Extra data"),
        (write_line(leg_seen(1)) + write_line(leg_seen(2)), "Extra data"),
        (write_line(leg_seen(1))[:-1], "Expecting ',' delimiter"),
        ("[" * 100_000, "recursion"),
        (write_line(not_stored(1)).replace('"tries":1', '"tries":NaN'), "NaN is not JSON"),
        (write_line(stored(1)).replace('"seconds":30.0625', '"seconds":1e999'), "seconds: not a finite number"),
        (write_line(stored(1)).replace('"seconds":30.0625', f'"seconds":{"9" * 400}'), "seconds: int too large"),
        (write_line(stored(1)).replace('"sample_rate":8000', f'"sample_rate":{"9" * 5000}'), "integer string"),
        (write_line(leg_seen(1)).replace('"tag":"A"', '"tag":"\\ud800"'), "NUL or a lone surrogate"),
        (write_line(leg_seen(1)).replace('"tag":"A"', '"tag":"\\u0000"'), "NUL or a lone surrogate"),
        (write_line(call_seen(1)).replace('"Colour"', '"\\u0000"'), "NUL or a lone surrogate"),
    ],
)  # fmt: skip
def test_a_line_that_is_no_event_is_damage(text: str, says: str) -> None:
    assert says in refused(text, DamagedSegment)


def changed(event: Event, change: Callable[[dict[str, Any]], object]) -> str:
    found = line(event)
    change(found)
    return json.dumps(found)


def put(*path: str, value: Any) -> Callable[[dict[str, Any]], object]:
    def change(found: dict[str, Any]) -> None:
        for name in path[:-1]:
            found = found[name]
        found[path[-1]] = value

    return change


WRONG_TYPES: list[tuple[Event, tuple[str, ...], Any]] = [
    (leg_seen(1), ("v",), "1"),
    (leg_seen(1), ("v",), True),
    (leg_seen(1), ("v",), 0),
    (leg_seen(1), ("v",), None),
    (leg_seen(1), ("kind",), None),
    (leg_seen(1), ("kind",), ["accession"]),
    (leg_seen(1), ("object",), "leg"),
    (leg_seen(1), ("object",), None),
    (leg_seen(1), ("object", "type"), 7),
    (leg_seen(1), ("object", "id"), 7),
    (leg_seen(1), ("object", "id"), None),
    (leg_seen(1), ("id",), 7),
    (leg_seen(1), ("actor",), {}),
    (leg_seen(1), ("site",), ["acme"]),
    (leg_seen(1), ("time",), 1_773_100_000),
    (leg_seen(1), ("time",), "yesterday"),
    (leg_seen(1), ("time",), "2026-03-10T12:00:00"),
    (leg_seen(1), ("time",), "2026-03-10"),
    (leg_seen(1), ("time",), "0001-01-01T00:00:00+11:00"),
    (leg_seen(1), ("day",), "2026-02-30"),
    (leg_seen(1), ("day",), 20260310),
    (leg_seen(1), ("supersedes",), "abc"),
    (leg_seen(1), ("supersedes",), {"a": 1}),
    (leg_seen(1), ("supersedes",), [1]),
    (leg_seen(1), ("hour",), "23"),
    (leg_seen(1), ("hour",), 23.0),
    (leg_seen(1), ("hour",), True),
    (leg_seen(1), ("view",), 3),
    (leg_seen(1), ("findings",), {}),
    (leg_seen(1), ("findings",), ["unsound"]),
    (leg_seen(1), ("findings",), [{"kind": "unsound"}]),
    (leg_seen(1), ("findings",), [{"kind": "unsound", "detail": 5}]),
    (leg_seen(1), ("personal",), None),
    (leg_seen(1), ("personal",), "none"),
    (leg_seen(1), ("personal",), {}),
    (leg_seen(1), ("personal", "enc"), 1),
    (leg_seen(1), ("personal", "tag"), 5),
    (leg_seen(1), ("personal", "start"), "2026-03-10T12:00:00"),
    (leg_seen(1), ("personal", "duration"), "60"),
    (leg_seen(1), ("personal", "duration"), True),
    (call_seen(1), ("personal", "fields"), []),
    (call_seen(1), ("personal", "fields"), {"Colour": 5}),
    (call_appraised(1, explained=True), ("explained",), 1),
    (stored(1), ("content_size",), 480_044.0),
    (stored(1), ("content_size",), 2**63),
    (stored(1), ("content_size",), "480044"),
    (stored(1), ("seconds",), "30"),
    (stored(1), ("adopted",), 0),
    (not_stored(1), ("tries",), None),
    (noted(), ("cleared",), "no"),
    (answered(), ("entries",), None),
]


@pytest.mark.parametrize(("event", "path", "value"), WRONG_TYPES, ids=lambda one: str(one)[:30])
def test_a_member_of_the_wrong_type_is_damage(event: Event, path: tuple[str, ...], value: Any) -> None:
    refused(changed(event, put(*path, value=value)), DamagedSegment)


def optional(kind: type[Event]) -> set[str]:
    return {member.name for member in MEMBERS[kind] if not member.required}


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_a_line_that_lacks_a_member_is_damage_unless_it_has_a_default(kind: type[Event]) -> None:
    event = next(event for event in everything() if type(event) is kind)
    for name in line(event):
        text = changed(event, lambda found, name=name: found.pop(name))
        if name in optional(kind):
            assert type(read(text)) is kind, name
        else:
            refused(text, DamagedSegment)


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_null_is_damage_except_where_it_has_a_meaning(kind: type[Event]) -> None:
    event = next(event for event in everything() if type(event) is kind)
    may_be_null = {member.name for member in MEMBERS[kind] if member.may_be_null and not member.personal}
    for name in line(event):
        text = changed(event, put(name, value=None))
        if name in may_be_null:
            assert getattr(read(text), name) is None
        else:
            refused(text, DamagedSegment)


def test_what_may_be_null_is_a_short_list() -> None:
    found = {member.name for kind in KINDS for member in MEMBERS[kind] if member.may_be_null and not member.personal}
    assert found == {"hour", "due", "overlaps"}


@pytest.mark.parametrize(
    ("path", "value", "says"),
    [
        (("v",), FORMAT_VERSION + 1, "format version 2"),
        (("kind",), "migration", "'migration' of 'leg'"),
        (("object", "type"), "lead", "'accession' of 'lead'"),
        (("view",), "by-tag", "'by-tag' is no View"),
        (("personal", "start_mark"), "thrice", "'thrice' is no TimeMark"),
        (("findings",), [{"kind": "haunted", "detail": ""}], "'haunted' is no FindingKind"),
    ],
)
def test_a_word_that_this_version_does_not_know_was_written_by_a_newer_one(
    path: tuple[str, ...], value: Any, says: str
) -> None:
    said = refused(changed(leg_seen(1), put(*path, value=value)), UnknownVersion)
    assert says in said
    assert "Upgrade noojee-ingest" in said


def test_a_newer_version_is_not_read_any_further() -> None:
    refused(json.dumps({"v": FORMAT_VERSION + 1, "everything": "is otherwise"}), UnknownVersion)


def test_a_member_that_is_not_known_does_no_harm() -> None:
    assert read(changed(leg_seen(1), put("colour", value="blue"))) == leg_seen(1)


def test_the_object_is_named_once() -> None:
    text = changed(leg_seen(1), put("leg_id", value="another"))
    assert read(text) == leg_seen(1)


def test_an_error_names_the_member_and_not_what_a_person_wrote() -> None:
    said = refused(changed(leg_seen(1), put("personal", "source", value=["0399990000"])), DamagedSegment)
    assert "source: not a text" in said
    assert "0399990000" not in said


@given(st.text(max_size=200) | st.binary(max_size=100).map(lambda data: data.decode("latin-1")))
def test_any_text_is_an_event_or_is_refused(text: str) -> None:
    with pytest.raises(JournalError):
        read(text)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)


@given(st.sampled_from(everything()), st.data())
def test_any_value_in_any_place_is_read_or_refused(event: Event, data: st.DataObject) -> None:
    found = line(event)
    inside = data.draw(st.sampled_from([found, found["object"], found.get("personal", found)]))
    inside[data.draw(st.sampled_from(sorted(inside)))] = data.draw(JSON)
    try:
        again = read(json.dumps(found))
    except JournalError:
        return
    assert read(write_line(again)) == again


def test_outcomes_have_words_of_their_own() -> None:
    assert [outcome.value for outcome in Outcome] == ["not yet", "rejected", "gave up", "gone"]
    assert line(not_stored(1, Outcome.GONE))["outcome"] == "gone"
    assert line(not_stored(1, due=at(5)))["due"] == "2026-03-10T12:05:00.000000Z"
