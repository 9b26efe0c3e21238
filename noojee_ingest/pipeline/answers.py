"""Answers of the phone system's lists as events, and what in them is new."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from noojee_ingest.catalogue import queries
from noojee_ingest.catalogue.changes import WITH_AUDIO, lengths_told
from noojee_ingest.catalogue.comparing import told_by_others
from noojee_ingest.journal.events import CallChanged, CallSeen, EntryRefused, Event, LegChanged, LegSeen, ListAnswered
from noojee_ingest.model import (
    CallEntry,
    Finding,
    FindingKind,
    Leg,
    LegEntry,
    RefusedEntry,
    TimeMark,
    View,
    WireTime,
    call_id,
    identity_digest,
    leg_end,
    site_day,
)
from noojee_ingest.noojee import Answer
from noojee_ingest.pipeline.disagreement import disagreements
from noojee_ingest.pipeline.match import Known, Match
from noojee_ingest.pipeline.record import record
from noojee_ingest.pipeline.work import Work


@dataclass(frozen=True, slots=True)
class Question:
    """What was asked: ``scope`` names it in the journal, ``text`` as it was put. Entries that do not say when they
    ended belong to ``day`` and ``hour`` (site time)."""

    view: View
    scope: str
    text: str
    day: date
    hour: int | None = None


def _answered(work: Work, question: Question, answer: Answer[Any], overlaps: bool | None = None) -> Event:
    return ListAnswered(
        time=work.clock(),
        actor=work.actor,
        site=work.site,
        day=question.day,
        view=question.view,
        scope=question.scope,
        asked_at=work.clock(),
        entries=len(answer.entries),
        refused=len(answer.refused),
        answer_digest=answer.digest,
        overlaps=overlaps,
        question=question.text,
    )


def _refused(work: Work, question: Question, entries: Sequence[RefusedEntry]) -> list[Event]:
    known = queries.refused_digests(work.catalogue, work.site, question.view, [entry.raw.digest for entry in entries])
    new = {entry.raw.digest: entry for entry in entries if entry.raw.digest not in known}
    return [
        EntryRefused(
            time=work.clock(),
            actor=work.actor,
            site=work.site,
            day=question.day,
            view=question.view,
            raw=entry.raw.text,
            digest=digest,
            reason=entry.reason,
        )
        for digest, entry in new.items()
    ]


def take_legs(work: Work, question: Question, answer: Answer[LegEntry]) -> list[Leg]:
    """Journal an answer about legs; the legs that are new. The answer itself comes last: without it the list is due."""
    known = Known(work, answer.entries)
    told = queries.told_last(work.catalogue, question.view, [row["leg_id"] for row in known.legs])
    with_audio = [row["leg_id"] for row in known.legs if row["state"] in WITH_AUDIO]
    lengths = lengths_told(work.catalogue, question.view, with_audio)
    others = told_by_others(work.catalogue, question.view, [row["leg_id"] for row in known.legs])
    events: list[Event] = []
    new: dict[str, Leg] = {}
    for entry in answer.entries:
        match = known.match(entry)
        if told.get(match.leg_id) == entry.raw.digest:
            continue
        told[match.leg_id] = entry.raw.digest
        odd = _changed_later(entry, lengths.get(match.leg_id)) + disagreements(entry, others.get(match.leg_id, ()))
        event = _leg_event(work, question, entry, match, odd)
        events.append(event)
        if match.is_new:
            new[match.leg_id] = Leg(
                site=work.site,
                leg_id=match.leg_id,
                day=event.day,
                call_record_id=entry.call_record_id,
                unique_id=entry.unique_id,
                leg=entry.leg,
                end=leg_end(entry),
                duration=entry.duration,
            )
    events += _refused(work, question, answer.refused)
    events.append(_answered(work, question, answer))
    record(work, events)
    work.tally.add(legs_found=len(new))
    return list(new.values())


def _changed_later(entry: LegEntry, before: tuple[float | None, datetime | None] | None) -> list[Finding]:
    """What is to be said of a leg with audio of which this view told another length before: it may be another audio."""
    if before is None:
        return []
    duration, end = before
    told = []
    if entry.duration is not None and entry.duration != duration:
        told.append(f"its length: {entry.duration:g} s, {'unknown' if duration is None else f'{duration:g} s'} before")
    if entry.end.utc is not None and entry.end.utc != end:
        told.append("its end")
    return [Finding(FindingKind.CHANGED_LATER, f"once archived, told otherwise: {', '.join(told)}")] if told else []


def _leg_event(
    work: Work, question: Question, entry: LegEntry, match: Match, changed: Sequence[Finding] = ()
) -> LegSeen:
    end = leg_end(entry)
    local = end.astimezone(work.zone) if end is not None else None
    return (LegSeen if match.is_new else LegChanged)(
        time=work.clock(),
        actor=work.actor,
        site=work.site,
        day=local.date() if local is not None else question.day,
        leg_id=match.leg_id,
        hour=local.hour if local is not None else question.hour,
        view=question.view,
        findings=(*match.findings, *_oddities(entry.unreadable, entry.start, entry.end), *changed),
        raw=entry.raw.text,
        digest=entry.raw.digest,
        call_record_id=entry.call_record_id,
        unique_id=entry.unique_id,
        leg=entry.leg,
        start=entry.start.utc,
        start_text=entry.start.text,
        start_mark=entry.start.mark,
        end=entry.end.utc,
        end_text=entry.end.text,
        end_mark=entry.end.mark,
        duration=entry.duration,
        source=entry.source,
        destination=entry.destination,
        did=entry.did,
        direction=entry.direction,
        tag=entry.tag,
        username=entry.username,
    )


def _oddities(unreadable: Sequence[str], *times: WireTime) -> list[Finding]:
    found = []
    if unreadable:
        found.append(Finding(FindingKind.UNREADABLE_FIELD, f"cannot be read: {', '.join(sorted(unreadable))}"))
    if any(time.mark is TimeMark.TWICE for time in times):
        found.append(Finding(FindingKind.AMBIGUOUS_TIME, "the hour happened twice, the earlier is taken"))
    if any(time.mark is TimeMark.NEVER for time in times):
        found.append(Finding(FindingKind.AMBIGUOUS_TIME, "the hour never happened, read as before the change"))
    return found


def take_calls(work: Work, template_id: str, answer: Answer[CallEntry]) -> None:
    """Journal a poll, unless it told just what the one before told."""
    scope = identity_digest(work.site, "template", template_id)
    before = queries.answers(work.catalogue, work.site, View.CALL_RECORDS, [scope]).get(scope, [])
    if before and before[-1].digest == answer.digest:
        return
    ids = [call_id(work.site, entry) for entry in answer.entries]
    told = queries.told_last(work.catalogue, View.CALL_RECORDS, ids)
    overlaps = None
    if before and before[-1].entries and answer.entries:
        overlaps = bool(told)
    events: list[Event] = []
    today = work.today()
    for identity, entry in zip(ids, answer.entries, strict=True):
        if told.get(identity) == entry.raw.digest:
            continue
        events.append(_call_event(work, entry, identity, identity not in told, today))
        told[identity] = entry.raw.digest
    question = Question(View.CALL_RECORDS, scope, template_id, today)
    events += _refused(work, question, answer.refused)
    events.append(_answered(work, question, answer, overlaps))
    record(work, events)


def _call_event(work: Work, entry: CallEntry, identity: str, is_new: bool, today: date) -> CallSeen:
    called = entry.date.utc
    return (CallSeen if is_new else CallChanged)(
        time=work.clock(),
        actor=work.actor,
        site=work.site,
        day=site_day(called, work.zone) if called is not None else today,
        call_id=identity,
        findings=tuple(_oddities(entry.unreadable, entry.date)),
        raw=entry.raw.text,
        digest=entry.raw.digest,
        template_id=entry.template_id,
        call_record_id=entry.call_record_id,
        unique_id=entry.unique_id,
        lead_id=entry.lead_id,
        external_lead_id=entry.external_lead_id,
        called=called,
        called_text=entry.date.text,
        called_mark=entry.date.mark,
        duration=entry.duration,
        disposition=entry.disposition,
        dial_attempts=entry.dial_attempts,
        dialled_number=entry.dialled_number,
        campaign=entry.campaign,
        allocation=entry.allocation,
        fields=dict(entry.fields),
    )
