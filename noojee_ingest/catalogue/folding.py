"""What follows from facts, as rows: nothing here asks a database.

Used alike where facts are merged into those of a catalogue (``catalogue.apply``) and where a rebuild folds objects of
which its catalogue knows nothing yet (``catalogue.anew``).
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from noojee_ingest.catalogue.rows import row_of
from noojee_ingest.journal.events import (
    AudioNotStored,
    AudioStored,
    EntryRefused,
    Event,
    LegAppraised,
    LegSeen,
    ListAnswered,
)
from noojee_ingest.journal.facts import CallFacts, Fact, Facts, LegFacts
from noojee_ingest.journal.fold import call_links, fold_call, fold_leg, object_findings, statement_findings
from noojee_ingest.model import Finding, FindingKind

Row = dict[str, Any]
Known = Mapping[type[Event], Mapping[str, Facts[Any]]]
"""By the kind of its table and by object: facts, all those of an object."""
Found = Mapping[str, tuple[Mapping[str, Any], list[Finding]]]
"""By object: the row or names that say its site and day, and what is found about it."""

LEG_KINDS = (LegSeen, AudioStored, AudioNotStored, LegAppraised)
"""What is told of legs, in the order of the fields of LegFacts."""


def of_kind(facts: Iterable[Fact[Any]], *kinds: type[Event]) -> list[Fact[Any]]:
    return [fact for fact in facts if isinstance(fact.event, kinds)]


@dataclass(frozen=True, slots=True)
class Folded:
    """A leg's row and findings, and the digests of all audio that was ever stored of it."""

    row: Row
    findings: list[Finding]
    digests: Collection[str]


def folded_leg(known: Known, leg_id: str) -> Folded:
    facts = LegFacts(*(known[kind].get(leg_id, {}) for kind in LEG_KINDS))
    now, findings = fold_leg(facts)
    return Folded(row_of(now), findings, facts.stored.keys())


def folded_call(facts: CallFacts, legs: Mapping[str, Collection[str]]) -> tuple[Row, list[Finding]]:
    """A call record's row and findings. ``legs``: those that have each of its links."""
    own = {leg_id for link in call_links(facts) for leg_id in legs.get(link, ())}
    now, findings = fold_call(facts, len(own))
    return row_of(now), findings


def found_of_objects(known: Mapping[str, Facts[Any]]) -> Found:
    """What is found about objects of the store, from all notes about each."""
    found: dict[str, tuple[Mapping[str, Any], list[Finding]]] = {}
    for key, notes in known.items():
        for note, finding in object_findings(fact.event for fact in notes.values()):
            found.setdefault(key, (_owner(note), []))[1].append(finding)
        found.setdefault(key, ({}, []))
    return found


def found_of_days(known: Mapping[str, Facts[Any]]) -> Found:
    """What is found about days, from all statements of each."""
    return {
        site_day: (_owner(events[0]), statement_findings(events))
        for site_day, facts in known.items()
        if (events := [fact.event for fact in facts.values()])
    }


def found_of_answers(facts: Iterable[Fact[Any]]) -> Found:
    what = Finding(FindingKind.CALL_RECORDS_INCOMPLETE, "nothing in this poll was known from the one before")
    answers = (fact.event for fact in of_kind(facts, ListAnswered))
    return {event.event_id: (_owner(event), [what]) for event in answers if event.overlaps is False}


def found_of_entries(facts: Iterable[Fact[Any]]) -> Found:
    return {
        fact.event.event_id: (
            _owner(fact.event),
            [Finding(FindingKind.REFUSED_ENTRY, f"in the {fact.event.view} list")],
        )
        for fact in of_kind(facts, EntryRefused)
    }


def _owner(event: Event) -> dict[str, Any]:
    return {"site": event.site, "day": event.day}


def finding_rows(object_type: str, object_id: str, owner: Mapping[str, Any], findings: Iterable[Finding]) -> list[Row]:
    """The rows of what is found about one object, in the order of their kinds."""
    return [
        {
            "object_type": object_type,
            "object_id": object_id,
            "kind": finding.kind.value,
            "site": owner["site"],
            "day": owner["day"],
            "detail": finding.detail,
        }
        for finding in sorted(findings, key=lambda one: one.kind)
    ]
