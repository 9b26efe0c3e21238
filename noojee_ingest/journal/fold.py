"""From facts to state: pure functions, the same for every night's work and for a rebuild.

Facts about one leg or call are merged under keys of their own (audio by digest, what a view told by view and digest,
conclusions and decisions by event id); where one key comes twice the earlier (time, event id, segment) stays. So the
result depends neither on order nor on repeats. No function here reads a clock or a configuration.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from enum import StrEnum
from typing import Any, Generic, TypeVar

from noojee_ingest.journal.events import (
    AudioNotStored,
    AudioStored,
    CallAppraised,
    CallSeen,
    Event,
    LegAppraised,
    LegSeen,
    ObjectNoted,
    Outcome,
    Verdict,
)
from noojee_ingest.model import Finding, FindingKind, State, View

E = TypeVar("E", bound=Event)


@dataclass(frozen=True, slots=True)
class Fact(Generic[E]):
    """An event and the segment that names it. ``last_*``: the latest event that said the same."""

    event: E
    segment: str
    last_time: datetime
    last_event_id: str

    @classmethod
    def of(cls, event: E, segment: str) -> Fact[E]:
        return cls(event, segment, event.time, event.event_id)

    @property
    def key(self) -> str:
        return fact_key(self.event)

    @property
    def order(self) -> tuple[datetime, str, str]:
        return self.event.time, self.event.event_id, self.segment

    def merged(self, other: Fact[E]) -> Fact[E]:
        """One fact for both: the earlier event, the later last sighting."""
        first = min(self, other, key=lambda fact: fact.order)
        last_time, last_event_id = max((self.last_time, self.last_event_id), (other.last_time, other.last_event_id))
        return replace(first, last_time=last_time, last_event_id=last_event_id)


Facts = dict[str, Fact[E]]


def fact_key(event: Event) -> str:
    """The key under which a fact is merged, unique among the facts of its object and kind."""
    if isinstance(event, AudioStored):
        return event.content_sha256
    if isinstance(event, LegSeen | CallSeen) and event.digest is not None:
        return f"{event.view}:{event.digest}"
    return event.event_id


def put_fact(facts: Facts[E], fact: Fact[E]) -> Fact[E] | None:
    """Merge a fact in. Gives what is now kept under its key, or ``None`` when that did not change."""
    known = facts.get(fact.key)
    merged = fact if known is None else known.merged(fact)
    if merged == known:
        return None
    facts[fact.key] = merged
    return merged


@dataclass(slots=True)
class LegFacts:
    """All that the journal says of one leg."""

    seen: Facts[LegSeen] = field(default_factory=dict)
    stored: Facts[AudioStored] = field(default_factory=dict)
    not_stored: Facts[AudioNotStored] = field(default_factory=dict)
    appraised: Facts[LegAppraised] = field(default_factory=dict)

    def events(self) -> Iterator[Event]:
        for facts in (self.seen, self.stored, self.not_stored, self.appraised):
            for fact in facts.values():
                yield fact.event


@dataclass(slots=True)
class CallFacts:
    """All that the journal says of one call record."""

    seen: Facts[CallSeen] = field(default_factory=dict)
    appraised: Facts[CallAppraised] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class LegNow:
    """A leg as its facts make it. One row of the catalogue.

    ``open_facts`` are the ids of the conclusions and decisions in force: what the next one must supersede.
    ``content_sha256`` and what follows describe the earliest stored audio.
    """

    leg_id: str
    site: str
    day: date
    hour: int | None
    state: State
    cause: str
    due: datetime | None
    tries: int
    open_facts: tuple[str, ...]
    call_record_id: str | None
    unique_id: str | None
    leg: str | None
    start: datetime | None
    start_text: str | None
    end: datetime | None
    end_text: str | None
    duration: float | None
    source: str | None
    destination: str | None
    did: str | None
    direction: str | None
    tag: str | None
    username: str | None
    content_sha256: str | None
    content_size: int | None
    seconds: float | None
    extension: str | None
    codec: str | None


class Judged(StrEnum):
    """Whether a call has a recording, and if not, whether a rule says why."""

    RECORDED = "recorded"
    EXPLAINED = "explained"
    UNEXPLAINED = "unexplained"
    UNJUDGED = "unjudged"


@dataclass(frozen=True, slots=True, kw_only=True)
class CallNow:
    """A call record as its facts make it. One row of the catalogue."""

    call_id: str
    site: str
    day: date
    judged: Judged
    cause: str
    legs: int
    open_facts: tuple[str, ...]
    template_id: str | None
    call_record_id: str | None
    unique_id: str | None
    lead_id: str | None
    external_lead_id: str | None
    called: datetime | None
    called_text: str | None
    duration: float | None
    disposition: str | None
    dial_attempts: str | None
    dialled_number: str | None
    campaign: str | None
    allocation: str | None
    fields: dict[str, str] | None


def _in_order(events: Iterable[E]) -> list[E]:
    return sorted(events, key=lambda event: (event.time, event.event_id))


def _in_force(facts: Facts[E], answered: frozenset[str]) -> list[E]:
    return _in_order(fact.event for fact in facts.values() if fact.event.event_id not in answered)


# Which conclusion counts where several are in force, first one first, and the state that it gives.
CONCLUSIONS = {
    Outcome.GONE: State.MISSING,
    Outcome.REJECTED: State.REJECTED,
    Outcome.GAVE_UP: State.FAILED,
    Outcome.NOT_YET: State.PENDING,
}

STANDING = {
    Verdict.QUARANTINE: State.QUARANTINED,
    Verdict.EXCUSE: State.EXCUSED,
    Verdict.MISSING: State.MISSING,
}
"""Decisions that give a state by themselves; retry and release only end what they supersede."""


@dataclass(frozen=True, slots=True)
class Standing:
    state: State
    cause: str = ""
    due: datetime | None = None
    tries: int = 0
    open_facts: tuple[str, ...] = ()
    conflict: str = ""


def state(facts: LegFacts) -> Standing:
    """The state of a leg, from its facts alone.

    What any fact of the leg supersedes is out of force. Of the decisions in force the earliest counts (two that differ
    are a finding). Then: quarantined by decision; archived if audio is stored; excused or missing by decision; else
    what the conclusions say (``CONCLUSIONS``); else discovered.
    """
    answered = frozenset(superseded for event in facts.events() for superseded in event.supersedes)
    stored = _in_force(facts.stored, answered)
    decisions = [event for event in _in_force(facts.appraised, answered) if event.verdict in STANDING]
    conclusions = _in_force(facts.not_stored, answered)
    conclusions.sort(key=lambda event: list(CONCLUSIONS).index(event.outcome))
    open_facts = tuple(sorted(event.event_id for event in (*decisions, *conclusions)))
    verdicts = sorted({event.verdict.value for event in decisions})
    conflict = " and ".join(verdicts) if len(verdicts) > 1 else ""
    tries = max((event.tries for event in conclusions), default=0)
    decision = decisions[0] if decisions else None

    if decision is not None and (decision.verdict is Verdict.QUARANTINE or not stored):
        return Standing(STANDING[decision.verdict], decision.cause, None, tries, open_facts, conflict)
    if stored:
        return Standing(State.ARCHIVED, "", None, 0, open_facts, conflict)
    if conclusions:
        first = conclusions[0]
        return Standing(CONCLUSIONS[first.outcome], first.cause, first.due, tries, open_facts, conflict)
    return Standing(State.DISCOVERED)


def fold_leg(facts: LegFacts) -> tuple[LegNow, list[Finding]]:
    """A leg's row and findings. ``facts`` holds at least one event.

    Day and hour are those of the discovery (the earliest LegSeen), else of the earliest event. What the phone system
    says now is what each view said last: the by-hour list first, what it leaves empty from the other views.
    """
    standing = state(facts)
    discoveries = _in_order(fact.event for fact in facts.seen.values())
    first = discoveries[0] if discoveries else _in_order(facts.events())[0]
    stored = _in_order(fact.event for fact in facts.stored.values())
    audio = stored[0] if stored else None
    now = LegNow(
        leg_id=getattr(first, type(first).object_field),
        site=first.site,
        day=first.day,
        hour=discoveries[0].hour if discoveries else None,
        state=standing.state,
        cause=standing.cause,
        due=standing.due,
        tries=standing.tries,
        open_facts=standing.open_facts,
        content_sha256=audio.content_sha256 if audio else None,
        content_size=audio.content_size if audio else None,
        seconds=audio.seconds if audio else None,
        extension=audio.extension if audio else None,
        codec=audio.codec if audio else None,
        **_told(facts.seen),
    )
    return now, _leg_findings(facts, standing, stored, {event.day for event in discoveries})


TOLD = (
    "call_record_id", "unique_id", "leg", "start", "start_text", "end", "end_text", "duration",
    "source", "destination", "did", "direction", "tag", "username",
)  # fmt: skip


def _told(seen: Facts[LegSeen]) -> dict[str, Any]:
    latest: dict[View, Fact[LegSeen]] = {}
    for fact in seen.values():
        known = latest.get(fact.event.view)
        if known is None or (fact.last_time, fact.last_event_id) > (known.last_time, known.last_event_id):
            latest[fact.event.view] = fact
    views = [latest[view].event for view in View if view in latest]
    told: dict[str, Any] = {}
    for name in TOLD:
        values = [getattr(event, name) for event in views]
        told[name] = next((value for value in values if value not in (None, "")), values[0] if values else None)
    return told


def _leg_findings(facts: LegFacts, standing: Standing, stored: list[AudioStored], days: set[date]) -> list[Finding]:
    found = [finding for fact in facts.seen.values() for finding in fact.event.findings]
    found += [finding for event in stored for finding in event.findings]
    if len(stored) > 1:
        found.append(Finding(FindingKind.CONFLICT, f"{len(stored)} different audios are kept"))
    if len(days) > 1:
        told = ", ".join(day.isoformat() for day in sorted(days))
        found.append(Finding(FindingKind.DAY_DISAGREEMENT, f"told to have ended on {told}"))
    if standing.conflict:
        found.append(Finding(FindingKind.DECISION_CONFLICT, f"both in force: {standing.conflict}"))
    return one_of_each(found)


def one_of_each(findings: Iterable[Finding]) -> list[Finding]:
    """One finding a kind, sorted; several details of one kind are joined."""
    details: dict[FindingKind, set[str]] = {}
    for finding in findings:
        details.setdefault(finding.kind, set()).add(finding.detail)
    return [Finding(kind, "; ".join(sorted(details[kind]))) for kind in sorted(details)]


def fold_call(facts: CallFacts, legs: int) -> tuple[CallNow, list[Finding]]:
    """A call record's row and findings. ``legs``: how many known legs carry its call record id or unique id."""
    answered = frozenset(name for fact in facts.appraised.values() for name in fact.event.supersedes)
    decisions = [event for event in _in_force(facts.appraised, answered) if event.verdict is Verdict.NO_RECORDING]
    decision = decisions[0] if decisions else None
    judged, cause = Judged.UNJUDGED, ""
    if legs:
        judged = Judged.RECORDED
    elif decision is not None:
        judged, cause = (Judged.EXPLAINED if decision.explained else Judged.UNEXPLAINED), decision.cause

    sightings = sorted(facts.seen.values(), key=lambda fact: (fact.last_time, fact.last_event_id))
    latest = sightings[-1].event if sightings else None
    discoveries = _in_order(fact.event for fact in facts.seen.values())
    first: CallSeen | CallAppraised = (
        discoveries[0] if discoveries else _in_order(fact.event for fact in facts.appraised.values())[0]
    )

    def told(name: str) -> Any:
        return getattr(latest, name) if latest is not None else None

    now = CallNow(
        call_id=first.call_id,
        site=first.site,
        day=first.day,
        judged=judged,
        cause=cause,
        legs=legs,
        open_facts=tuple(event.event_id for event in decisions),
        **{name: told(name) for name in CALL_TOLD},
    )
    found = [finding for fact in facts.seen.values() for finding in fact.event.findings]
    if judged is Judged.UNEXPLAINED:
        found.append(Finding(FindingKind.CALL_WITHOUT_RECORDING, cause or "no rule explains it"))
    return now, one_of_each(found)


CALL_TOLD = (
    "template_id", "call_record_id", "unique_id", "lead_id", "external_lead_id", "called", "called_text",
    "duration", "disposition", "dial_attempts", "dialled_number", "campaign", "allocation", "fields",
)  # fmt: skip


def object_findings(notes: Iterable[ObjectNoted]) -> list[tuple[ObjectNoted, Finding]]:
    """What is found about one object now: its notes that nothing supersedes, the earliest of each kind."""
    notes = list(notes)
    answered = frozenset(superseded for note in notes for superseded in note.supersedes)
    found: dict[FindingKind, ObjectNoted] = {}
    for note in _in_order(notes):
        if note.event_id not in answered and not note.cleared:
            found.setdefault(note.finding, note)
    return [(note, Finding(kind, note.detail)) for kind, note in sorted(found.items())]
