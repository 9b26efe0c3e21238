"""From facts to state: pure functions, the same for every night's work and for a rebuild.

No function here reads a clock or a configuration, and none depends on the order of the facts.
"""

from __future__ import annotations

from collections.abc import Iterable, Set
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from typing import Any

from noojee_ingest.journal.events import (
    AudioStored,
    CallAppraised,
    CallSeen,
    DayStated,
    LegSeen,
    ObjectNoted,
    Outcome,
    Verdict,
)
from noojee_ingest.journal.facts import CallFacts, E, Fact, Facts, LegFacts
from noojee_ingest.model import Finding, FindingKind, State, View


@dataclass(frozen=True, slots=True, kw_only=True)
class LegNow:
    """A leg as its facts make it. One row of the catalogue.

    ``open_facts`` are the ids of the conclusions and decisions in force: what the next one must supersede.
    ``content_sha256`` and what follows describe the earliest stored audio that is in force.
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
    record_link: str
    unique_link: str
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
    record_link: str
    unique_link: str
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
    found = list(events)
    if len(found) > 1:
        found.sort(key=lambda event: (event.time, event.event_id))
    return found


def _in_force(facts: Facts[E], answered: Set[str]) -> list[E]:
    """The events that nothing supersedes, in order. Of what was said more than once, the last time counts."""
    return _in_order(fact.event for fact in facts.values() if fact.last_event_id not in answered)


# Which conclusion counts where several are in force, first one first, and the state that it gives.
CONCLUSIONS = {
    Outcome.GONE: State.MISSING,
    Outcome.REJECTED: State.REJECTED,
    Outcome.GAVE_UP: State.FAILED,
    Outcome.NOT_YET: State.PENDING,
}
RANK = {outcome: rank for rank, outcome in enumerate(CONCLUSIONS)}

STANDING = {
    Verdict.QUARANTINE: State.QUARANTINED,
    Verdict.EXCUSE: State.EXCUSED,
    Verdict.MISSING: State.MISSING,
}
"""Decisions that give a state by themselves; retry and release only end what they supersede."""


@dataclass(frozen=True, slots=True)
class Standing:
    """A leg's state and why. ``stored``: its audio in force, the earliest first."""

    state: State
    cause: str = ""
    due: datetime | None = None
    tries: int = 0
    open_facts: tuple[str, ...] = ()
    conflict: str = ""
    stored: tuple[AudioStored, ...] = ()


def state(facts: LegFacts) -> Standing:
    """The state of a leg, from its facts alone.

    What any fact of the leg supersedes is out of force. Of the decisions in force a quarantine counts, for it keeps
    audio from being heard; else the earliest (two that differ are a finding). Then: quarantined by decision; archived
    if audio is stored; excused or missing by decision; what the conclusions say (``CONCLUSIONS``); discovered.
    """
    answered = frozenset(superseded for event in facts.events() for superseded in event.supersedes)
    stored = tuple(_in_force(facts.stored, answered))
    decisions = [event for event in _in_force(facts.appraised, answered) if event.verdict in STANDING]
    decisions.sort(key=lambda event: event.verdict is not Verdict.QUARANTINE)
    conclusions = _in_force(facts.not_stored, answered)
    conclusions.sort(key=lambda event: RANK[event.outcome])
    verdicts = sorted({event.verdict.value for event in decisions})
    in_common: dict[str, Any] = {
        "open_facts": tuple(sorted(event.event_id for event in (*decisions, *conclusions))),
        "conflict": " and ".join(verdicts) if len(verdicts) > 1 else "",
        "stored": stored,
    }
    tries = max((event.tries for event in conclusions), default=0)
    decision = decisions[0] if decisions else None

    if decision is not None and (decision.verdict is Verdict.QUARANTINE or not stored):
        return Standing(STANDING[decision.verdict], decision.cause, None, tries, **in_common)
    if stored:
        return Standing(State.ARCHIVED, **in_common)
    if conclusions:
        first = conclusions[0]
        return Standing(CONCLUSIONS[first.outcome], first.cause, first.due, tries, **in_common)
    return Standing(State.DISCOVERED)


def fold_leg(facts: LegFacts) -> tuple[LegNow, list[Finding]]:
    """A leg's row and findings. ``facts`` holds at least one event.

    Day and hour are those of the discovery (the earliest LegSeen), else of the earliest event. What the phone system
    says now is what each view said last: the by-hour list first, what it leaves empty from the other views.
    """
    standing = state(facts)
    discoveries = _in_order(fact.event for fact in facts.seen.values())
    first = discoveries[0] if discoveries else _in_order(facts.events())[0]
    audio = standing.stored[0] if standing.stored else None
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
    return now, _leg_findings(facts, standing, {event.day for event in discoveries})


TOLD = (
    ("record_link",), ("unique_link",), ("call_record_id",), ("unique_id",), ("leg",),
    ("start", "start_text"), ("end", "end_text"), ("duration",),
    ("source",), ("destination",), ("did",), ("direction",), ("tag",), ("username",),
)  # fmt: skip
"""What views tell of a leg. An instant and its text come from one view: one whose text names an instant, if any."""

TOLD_NAMES = tuple(name for group in TOLD for name in group)
NOTHING_TOLD = dict.fromkeys(TOLD_NAMES) | {"record_link": "", "unique_link": ""}


def _told(seen: Facts[LegSeen]) -> dict[str, Any]:
    latest: dict[View, Fact[LegSeen]] = {}
    for fact in seen.values():
        known = latest.get(fact.event.view)
        if known is None or fact.last > known.last:
            latest[fact.event.view] = fact
    views = [latest[view].event for view in View if view in latest]
    if not views:
        return dict(NOTHING_TOLD)
    told = {name: getattr(views[0], name) for name in TOLD_NAMES}
    for group in TOLD if len(views) > 1 else ():
        tellers = (event for name in group for event in views if getattr(event, name) not in (None, ""))
        teller = next(tellers, views[0])
        told.update({name: getattr(teller, name) for name in group})
    return told


def _leg_findings(facts: LegFacts, standing: Standing, days: set[date]) -> list[Finding]:
    found = [finding for fact in facts.seen.values() for finding in fact.event.findings]
    found += [finding for event in standing.stored for finding in event.findings]
    if len(standing.stored) > 1:
        found.append(Finding(FindingKind.CONFLICT, f"{len(standing.stored)} different audios are kept"))
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


ON_CALLS = (Verdict.NO_RECORDING, Verdict.EXCUSE, Verdict.RETRY)
"""The verdicts on calls: each says of itself whether the call is explained."""


def fold_call(facts: CallFacts, legs: int) -> tuple[CallNow, list[Finding]]:
    """A call record's row and findings. ``facts`` holds at least one event; ``legs``: how many known legs share a link.

    Of the decisions in force an excuse counts, for a person said it; else the earliest (two that differ are a finding).
    """
    answered = frozenset(name for fact in facts.appraised.values() for name in fact.event.supersedes)
    decisions = [event for event in _in_force(facts.appraised, answered) if event.verdict in ON_CALLS]
    decisions.sort(key=lambda event: event.verdict is not Verdict.EXCUSE)
    decision = decisions[0] if decisions else None
    judged, cause = Judged.UNJUDGED, ""
    if legs:
        judged = Judged.RECORDED
    elif decision is not None:
        judged, cause = _judged(decision), decision.cause

    latest = _latest(facts)
    events: Iterable[CallSeen | CallAppraised] = (
        fact.event for fact in (facts.seen.values() if facts.seen else facts.appraised.values())
    )
    first = _in_order(events)[0]
    now = CallNow(
        call_id=first.call_id,
        site=first.site,
        day=first.day,
        judged=judged,
        cause=cause,
        legs=legs,
        open_facts=tuple(event.event_id for event in decisions),
        record_link=latest.record_link if latest is not None else "",
        unique_link=latest.unique_link if latest is not None else "",
        **{name: getattr(latest, name, None) for name in CALL_TOLD},
    )
    found = [finding for fact in facts.seen.values() for finding in fact.event.findings]
    if judged is Judged.UNEXPLAINED:
        found.append(Finding(FindingKind.CALL_WITHOUT_RECORDING, cause or "no rule explains it"))
    judgements = sorted({f"{_judged(event)} {event.cause}".strip() for event in decisions})
    if len(judgements) > 1:
        found.append(Finding(FindingKind.DECISION_CONFLICT, f"both in force: {' and '.join(judgements)}"))
    return now, one_of_each(found)


def _latest(facts: CallFacts) -> CallSeen | None:
    return max(facts.seen.values(), key=lambda fact: fact.last).event if facts.seen else None


def call_links(facts: CallFacts) -> set[str]:
    """The links by which a call record's legs are known."""
    latest = _latest(facts)
    return {latest.record_link, latest.unique_link} - {""} if latest is not None else set()


def _judged(decision: CallAppraised) -> Judged:
    return Judged.EXPLAINED if decision.explained else Judged.UNEXPLAINED


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


def statement_findings(statements: Iterable[DayStated]) -> list[Finding]:
    """What is found about one day's statements. Of those that have one number the earliest counts."""
    numbers: dict[int, set[str]] = {}
    for statement in statements:
        numbers.setdefault(statement.number, set()).add(statement.event_id)
    double = [f"{len(ids)} have the number {number}" for number, ids in sorted(numbers.items()) if len(ids) > 1]
    return [Finding(FindingKind.STATEMENT_CONFLICT, "; ".join(double))] if double else []
