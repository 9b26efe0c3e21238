"""Folding in memory, as plainly as docs/format.md tells it: a second way to what the catalogue keeps in tables."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from noojee_ingest.journal.events import (
    AudioNotStored,
    AudioStored,
    CallAppraised,
    CallSeen,
    DayStated,
    Event,
    LegAppraised,
    LegSeen,
    ObjectNoted,
)
from noojee_ingest.journal.facts import CallFacts, Fact, LegFacts, put_fact
from noojee_ingest.journal.fold import (
    CallNow,
    LegNow,
    call_links,
    fold_call,
    fold_leg,
    object_findings,
    statement_findings,
)
from noojee_ingest.model import Finding

Placed = tuple[Event, str]
"""An event and the segment that names it."""


def placed(events: Iterable[Event]) -> list[Placed]:
    return [(event, "journal/one.jsonl.gz") for event in events]


def leg_facts(events: Iterable[Placed]) -> dict[str, LegFacts]:
    found: dict[str, LegFacts] = {}
    for event, segment in events:
        for kind, name in (
            (LegSeen, "seen"),
            (AudioStored, "stored"),
            (AudioNotStored, "not_stored"),
            (LegAppraised, "appraised"),
        ):
            if isinstance(event, kind):
                put_fact(getattr(found.setdefault(event.leg_id, LegFacts()), name), Fact.of(event, segment))
    return found


def call_facts(events: Iterable[Placed]) -> dict[str, CallFacts]:
    found: dict[str, CallFacts] = {}
    for event, segment in events:
        for kind, name in ((CallSeen, "seen"), (CallAppraised, "appraised")):
            if isinstance(event, kind):
                put_fact(getattr(found.setdefault(event.call_id, CallFacts()), name), Fact.of(event, segment))
    return found


def folded_legs(events: Iterable[Placed]) -> dict[str, tuple[LegNow, list[Finding]]]:
    return {leg_id: fold_leg(facts) for leg_id, facts in leg_facts(events).items()}


def folded_calls(events: Iterable[Placed]) -> dict[str, tuple[CallNow, list[Finding]]]:
    events = list(events)
    legs = [now for now, _ in folded_legs(events).values()]
    found = {}
    for call_id, facts in call_facts(events).items():
        links = call_links(facts)
        found[call_id] = fold_call(facts, sum(bool(links & {leg.record_link, leg.unique_link}) for leg in legs))
    return found


def folded_objects(events: Iterable[Placed]) -> dict[str, list[Finding]]:
    notes: dict[str, dict[str, ObjectNoted]] = {}
    for event, _ in events:
        if isinstance(event, ObjectNoted):
            notes.setdefault(event.key, {})[event.event_id] = event
    return {key: [finding for _, finding in object_findings(found.values())] for key, found in notes.items()}


def folded_days(events: Iterable[Placed]) -> dict[str, list[Finding]]:
    statements: dict[str, list[DayStated]] = {}
    for event, _ in events:
        if isinstance(event, DayStated):
            statements.setdefault(event.site_day, []).append(event)
    return {site_day: statement_findings(found) for site_day, found in statements.items()}


def folded(events: Iterable[Placed]) -> dict[str, Any]:
    """Everything that follows from events, by what it is about."""
    events = list(events)
    return folded_legs(events) | folded_calls(events) | folded_objects(events) | folded_days(events)
