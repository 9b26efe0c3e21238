"""Applying a segment: the only way in which the rebuildable tables change, every night and in a rebuild.

Facts are merged into those known, then every leg and call that they touch is computed again by ``journal.fold``. So the
same segments give the same rows in any order and with repeats.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import fields
from typing import Any

from sqlalchemy import Connection, select

from noojee_ingest.catalogue.database import Catalogue
from noojee_ingest.catalogue.facts import TABLES, chunks, plain, upsert
from noojee_ingest.catalogue.sums import Sums
from noojee_ingest.catalogue.tables import (
    AudioStoredRow,
    CallRow,
    FindingRow,
    LegRow,
    OpenSegmentRow,
    SegmentRow,
    table,
)
from noojee_ingest.journal.events import (
    AudioNotStored,
    AudioStored,
    CallAppraised,
    CallSeen,
    EntryRefused,
    Event,
    LegAppraised,
    LegSeen,
    ListAnswered,
    ObjectNoted,
)
from noojee_ingest.journal.fold import (
    CallFacts,
    CallNow,
    Fact,
    Facts,
    LegFacts,
    LegNow,
    fold_call,
    fold_leg,
    object_findings,
    put_fact,
)
from noojee_ingest.journal.segment import Segment
from noojee_ingest.model import Finding, FindingKind

LEG, CALL, AUDIO, FINDING = table(LegRow), table(CallRow), table(AudioStoredRow), table(FindingRow)
SEGMENT, OPEN_SEGMENT = table(SegmentRow), table(OpenSegmentRow)


def apply(catalogue: Catalogue, segment: Segment) -> bool:
    """Apply a segment in one transaction. Gives ``False`` when it had been applied before.

    Raises CatalogueError; then nothing of it was applied, and applying it again later loses nothing.
    """
    with catalogue.write(f"applying journal segment {segment.key}") as connection:
        return apply_within(connection, segment)


def apply_within(connection: Connection, segment: Segment) -> bool:
    """As ``apply``, in a transaction that the caller began."""
    connection.execute(OPEN_SEGMENT.delete().where(OPEN_SEGMENT.c.key == segment.key))
    if connection.execute(select(SEGMENT.c.key).where(SEGMENT.c.key == segment.key)).first():
        return False
    facts = [Fact.of(event, segment.key) for event in segment.events]
    sums = Sums()
    linked = _apply_legs(connection, facts, sums)
    _apply_calls(connection, facts, linked, sums)
    _apply_notes(connection, facts, sums)
    _apply_answers(connection, facts, sums)
    sums.save(connection)
    upsert(connection, SEGMENT, [{"key": segment.key}])
    return True


def _of_kind(facts: Iterable[Fact[Any]], *kinds: type[Event]) -> list[Fact[Any]]:
    return [fact for fact in facts if isinstance(fact.event, kinds)]


def _merge(
    connection: Connection, kind: type[Event], object_ids: Sequence[str], facts: Iterable[Fact[Any]]
) -> dict[str, Facts[Any]]:
    """The facts of one kind about these objects, those of this segment merged in and saved."""
    target = TABLES[kind]
    known = target.load(connection, object_ids)
    changed: dict[tuple[str, str], Fact[Any]] = {}
    for fact in _of_kind(facts, kind):
        object_id = getattr(fact.event, target.object_column)
        merged = put_fact(known.setdefault(object_id, {}), fact)
        if merged is not None:
            changed[object_id, merged.key] = merged
    upsert(connection, target.table, [target.to_row(fact) for fact in changed.values()])
    return known


def _apply_legs(connection: Connection, facts: Sequence[Fact[Any]], sums: Sums) -> set[tuple[str, str, str]]:
    """Gives (site, call record id, unique id) of the legs that were told of, for the calls that they belong to."""
    about = _of_kind(facts, LegSeen, AudioStored, AudioNotStored, LegAppraised)
    if not about:
        return set()
    told = {fact.event.leg_id for fact in about}
    leg_ids = sorted(told | _same_audio(connection, told, about))
    seen, stored, not_stored, appraised = (
        _merge(connection, kind, leg_ids, about) for kind in (LegSeen, AudioStored, AudioNotStored, LegAppraised)
    )
    rows, found = [], {}
    for leg_id in leg_ids:
        leg_facts = LegFacts(
            seen.get(leg_id, {}), stored.get(leg_id, {}), not_stored.get(leg_id, {}), appraised.get(leg_id, {})
        )
        now, findings = fold_leg(leg_facts)
        rows.append(_row(now))
        found[leg_id] = findings
    for row in _rows(connection, LEG, "leg_id", leg_ids):
        sums.leg(row, -1)
    for row in rows:
        sums.leg(row, +1)
    upsert(connection, LEG, rows)
    for leg_id, finding in _doubles(connection, stored):
        found.get(leg_id, []).append(finding)
    _save_findings(connection, "leg", {row["leg_id"]: (row, found[row["leg_id"]]) for row in rows}, sums)
    return {
        (fact.event.site, fact.event.call_record_id or "", fact.event.unique_id or "")
        for fact in _of_kind(about, LegSeen)
    }


def _row(now: LegNow | CallNow) -> dict[str, Any]:
    return {item.name: plain(getattr(now, item.name)) for item in fields(now)}


def _rows(connection: Connection, target: Any, column: str, ids: Iterable[str]) -> Iterable[dict[str, Any]]:
    for some in chunks(ids):
        for row in connection.execute(select(target).where(target.c[column].in_(some))).mappings():
            yield dict(row)


def _same_audio(connection: Connection, leg_ids: set[str], facts: Iterable[Fact[Any]]) -> set[str]:
    """Legs that share audio with these: a finding on one may be a finding on the other."""
    digests = {fact.event.content_sha256 for fact in _of_kind(facts, AudioStored)}
    for some in chunks(leg_ids):
        digests.update(connection.execute(select(AUDIO.c.content_sha256).where(AUDIO.c.leg_id.in_(some))).scalars())
    sharing: set[str] = set()
    for some in chunks(digests):
        sharing.update(connection.execute(select(AUDIO.c.leg_id).where(AUDIO.c.content_sha256.in_(some))).scalars())
    return sharing


def _doubles(connection: Connection, stored: dict[str, Facts[Any]]) -> list[tuple[str, Finding]]:
    """A finding for every leg that has the same audio and the same start as another leg of its site."""
    groups: dict[tuple[str, str, Any], set[str]] = {}
    joined = AUDIO.join(LEG, AUDIO.c.leg_id == LEG.c.leg_id)
    columns = select(AUDIO.c.content_sha256, LEG.c.site, LEG.c.start, LEG.c.leg_id).select_from(joined)
    for some in chunks(digest for facts in stored.values() for digest in facts):
        for digest, site, start, leg_id in connection.execute(columns.where(AUDIO.c.content_sha256.in_(some))):
            if start is not None:
                groups.setdefault((digest, site, start), set()).add(leg_id)
    return [
        (leg_id, Finding(FindingKind.DOUBLE, f"same audio and start as {', '.join(sorted(group - {leg_id}))}"))
        for group in groups.values()
        if len(group) > 1
        for leg_id in sorted(group)
    ]


def _apply_calls(
    connection: Connection, facts: Sequence[Fact[Any]], linked: set[tuple[str, str, str]], sums: Sums
) -> None:
    about = _of_kind(facts, CallSeen, CallAppraised)
    call_ids = {fact.event.call_id for fact in about}
    for column, ids in (("call_record_id", {link[1] for link in linked}), ("unique_id", {link[2] for link in linked})):
        for some in chunks(ids - {""}):
            call_ids.update(connection.execute(select(CALL.c.call_id).where(CALL.c[column].in_(some))).scalars())
    if not call_ids:
        return
    ordered = sorted(call_ids)
    seen = _merge(connection, CallSeen, ordered, about)
    appraised = _merge(connection, CallAppraised, ordered, about)
    folded = {}
    for call_id in ordered:
        call_facts = CallFacts(seen.get(call_id, {}), appraised.get(call_id, {}))
        folded[call_id] = (call_facts, fold_call(call_facts, 0)[0])
    counts = _legs_of(connection, [now for _, now in folded.values()])
    rows, found = [], {}
    for call_id, (call_facts, _) in folded.items():
        now, findings = fold_call(call_facts, counts.get(call_id, 0))
        row = _row(now)
        rows.append(row)
        found[call_id] = (row, findings)
    for row in _rows(connection, CALL, "call_id", ordered):
        sums.call(row, -1)
    for row in rows:
        sums.call(row, +1)
    upsert(connection, CALL, rows)
    _save_findings(connection, "call", found, sums)


def _legs_of(connection: Connection, calls: Sequence[Any]) -> dict[str, int]:
    """How many legs carry a call's record id or unique id, for each call that has any."""
    by_record: dict[tuple[str, str], set[str]] = {}
    by_unique: dict[tuple[str, str], set[str]] = {}
    for index, column, ids in (
        (by_record, LEG.c.call_record_id, {call.call_record_id for call in calls}),
        (by_unique, LEG.c.unique_id, {call.unique_id for call in calls}),
    ):
        for some in chunks(name for name in ids if name):
            for site, name, leg_id in connection.execute(
                select(LEG.c.site, column, LEG.c.leg_id).where(column.in_(some))
            ):
                index.setdefault((site, name), set()).add(leg_id)
    counts = {}
    for call in calls:
        legs = by_record.get((call.site, call.call_record_id or ""), set()) | by_unique.get(
            (call.site, call.unique_id or ""), set()
        )
        counts[call.call_id] = len(legs)
    return counts


def _apply_notes(connection: Connection, facts: Sequence[Fact[Any]], sums: Sums) -> None:
    keys = sorted({fact.event.key for fact in _of_kind(facts, ObjectNoted)})
    if not keys:
        return
    merged = _merge(connection, ObjectNoted, keys, facts)
    found: dict[str, tuple[dict[str, Any], list[Finding]]] = {}
    for key, notes in merged.items():
        now = object_findings(fact.event for fact in notes.values())
        for note, finding in now:
            found.setdefault(key, ({"site": note.site, "day": note.day}, []))[1].append(finding)
        found.setdefault(key, ({}, []))
    _save_findings(connection, "object", found, sums)


def _apply_answers(connection: Connection, facts: Sequence[Fact[Any]], sums: Sums) -> None:
    for kind in (ListAnswered, EntryRefused):
        about = _of_kind(facts, kind)
        _merge(connection, kind, [getattr(fact.event, TABLES[kind].object_column) for fact in about], about)
    found = {}
    for fact in _of_kind(facts, ListAnswered):
        if fact.event.overlaps is False:
            what = Finding(FindingKind.CALL_RECORDS_INCOMPLETE, "nothing in this poll was known from the one before")
            found[fact.event.event_id] = ({"site": fact.event.site, "day": fact.event.day}, [what])
    _save_findings(connection, "answer", found, sums)
    refused = {
        fact.event.event_id: (
            {"site": fact.event.site, "day": fact.event.day},
            [Finding(FindingKind.REFUSED_ENTRY, f"in the {fact.event.view} list")],
        )
        for fact in _of_kind(facts, EntryRefused)
    }
    _save_findings(connection, "entry", refused, sums)


def _save_findings(
    connection: Connection, object_type: str, found: dict[str, tuple[dict[str, Any], list[Finding]]], sums: Sums
) -> None:
    """Put what is found about these objects in the place of what was."""
    for some in chunks(found):
        those = (FINDING.c.object_type == object_type) & FINDING.c.object_id.in_(some)
        before = connection.execute(select(FINDING.c.site, FINDING.c.day).where(those)).all()
        for site, day in before:
            sums.finding({"site": site, "day": day}, -1)
        if before:
            connection.execute(FINDING.delete().where(those))
    rows = [
        {
            "object_type": object_type,
            "object_id": object_id,
            "kind": finding.kind.value,
            "site": owner["site"],
            "day": owner["day"],
            "detail": finding.detail,
        }
        for object_id, (owner, findings) in found.items()
        for finding in findings
    ]
    for row in rows:
        sums.finding(row, +1)
    upsert(connection, FINDING, rows)
