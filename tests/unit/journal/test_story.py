"""The story of these tests against the vocabularies: whoever adds a word must add a case."""

from __future__ import annotations

import inspect
from collections.abc import Iterable
from dataclasses import fields

import pytest

from noojee_ingest.journal import events
from noojee_ingest.journal.events import (
    KINDS,
    AudioNotStored,
    CallAppraised,
    Event,
    LegAppraised,
    LegSeen,
    ListAnswered,
    Outcome,
    Verdict,
)
from noojee_ingest.journal.fold import Judged
from noojee_ingest.model import FindingKind, State, View
from tests.unit.journal.folding import folded_calls, folded_days, folded_legs, folded_objects, placed
from tests.unit.journal.story import everything

STORY = everything()

MADE_BY_APPLY = {FindingKind.DOUBLE, FindingKind.REFUSED_ENTRY, FindingKind.CALL_RECORDS_INCOMPLETE}
"""Findings that more than one object's facts make; the catalogue's tests look for these."""


def test_every_kind_of_event_is_in_the_story() -> None:
    assert {type(event) for event in STORY} == set(KINDS)


def test_every_kind_of_event_that_is_defined_is_in_the_vocabulary() -> None:
    defined = {one for _, one in inspect.getmembers(events, inspect.isclass) if issubclass(one, Event)} - {Event}
    assert set(KINDS) == defined


def test_every_kind_and_object_is_one_event() -> None:
    assert len({(kind.kind, kind.object_type) for kind in KINDS}) == len(KINDS)


def test_every_event_id_is_one_event() -> None:
    assert len({event.event_id for event in STORY}) == len(STORY)


def test_every_state_is_reached() -> None:
    assert {now.state for now, _ in folded_legs(placed(STORY)).values()} == set(State)


def test_every_judgement_is_reached() -> None:
    assert {now.judged for now, _ in folded_calls(placed(STORY)).values()} == set(Judged)


def test_every_finding_of_the_fold_is_reached() -> None:
    legs, calls = folded_legs(placed(STORY)).values(), folded_calls(placed(STORY)).values()
    found = [findings for _, findings in (*legs, *calls)] + list(folded_objects(placed(STORY)).values())
    found += folded_days(placed(STORY)).values()
    assert {finding.kind for findings in found for finding in findings} == set(FindingKind) - MADE_BY_APPLY


@pytest.mark.parametrize(
    ("kind", "name", "words"),
    [
        (AudioNotStored, "outcome", Outcome),
        ((LegAppraised, CallAppraised), "verdict", Verdict),
        (LegSeen, "view", {View.BY_HOUR, View.BY_UNIQUE_ID}),
        (ListAnswered, "view", View),
        (ListAnswered, "overlaps", {True, False, None}),
    ],
)
def test_every_word_of_a_field_is_in_the_story(kind: type[Event], name: str, words: Iterable[object]) -> None:
    assert {getattr(event, name) for event in STORY if isinstance(event, kind)} == set(words)


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_every_field_holds_something_somewhere_in_the_story(kind: type[Event]) -> None:
    unused = {"bucket", "version_id", "supersedes", "findings"}  # by a folder store, and by some kinds
    of_kind = [event for event in STORY if isinstance(event, kind)]
    names = {field.name for field in fields(kind)} - unused
    assert {name for name in names if all(getattr(event, name) in (None, "", (), {}) for event in of_kind)} == set()
