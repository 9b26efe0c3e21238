"""Applying segments: the only way in which the rebuildable tables change, every night and in a rebuild.

Facts are merged into those known, then every leg and call that they touch is computed again by ``journal.fold``. So the
same segments give the same rows in any order and with repeats.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import date, datetime
from typing import Any

from sqlalchemy import Connection, Select, Table, and_, func, or_, select

from noojee_ingest.catalogue.database import Catalogue
from noojee_ingest.catalogue.dialects import among, among_instants, lock_sites
from noojee_ingest.catalogue.dirty import mark_dirty
from noojee_ingest.catalogue.errors import Collided
from noojee_ingest.catalogue.fact_tables import AudioStoredRow
from noojee_ingest.catalogue.facts import TABLES
from noojee_ingest.catalogue.folding import (
    LEG_KINDS,
    Folded,
    Found,
    Known,
    finding_rows,
    folded_call,
    folded_leg,
    found_of_answers,
    found_of_days,
    found_of_entries,
    found_of_objects,
    of_kind,
)
from noojee_ingest.catalogue.rows import upsert
from noojee_ingest.catalogue.search_index import LINKS, LegChange, keep_in_step, links_of
from noojee_ingest.catalogue.sums import Sums
from noojee_ingest.catalogue.tables import CallRow, FindingRow, LegRow, OpenSegmentRow, SegmentRow, table
from noojee_ingest.journal.events import (
    Accessed,
    CallAppraised,
    CallSeen,
    DayStated,
    EntryRefused,
    Event,
    FixityChecked,
    ListAnswered,
    ObjectNoted,
)
from noojee_ingest.journal.facts import CallFacts, Fact, Facts, put_fact
from noojee_ingest.journal.fold import (
    call_links,
    one_of_each,
)
from noojee_ingest.journal.segment import Segment
from noojee_ingest.model import Finding, FindingKind, State

LEG, CALL, AUDIO, FINDING = table(LegRow), table(CallRow), table(AudioStoredRow), table(FindingRow)
SEGMENT, OPEN_SEGMENT = table(SegmentRow), table(OpenSegmentRow)


CHUNK = 5_000
"""So many legs, or links of calls, are settled together."""
TRIES = 4
"""Of a transaction that collided with another program's: ours do not with each other."""


def apply(catalogue: Catalogue, segment: Segment) -> bool:
    """Apply a segment in one transaction. Gives ``False`` when it had been applied before.

    Raises CatalogueError; then nothing of it was applied, and applying it again later loses nothing.
    """
    for _ in range(TRIES - 1):
        with suppress(Collided):
            return _apply(catalogue, segment)
    return _apply(catalogue, segment)


def _apply(catalogue: Catalogue, segment: Segment) -> bool:
    with catalogue.write(f"applying journal segment {segment.key}") as connection:
        return apply_within(connection, [segment]) > 0


def apply_within(connection: Connection, segments: Sequence[Segment]) -> int:
    """Apply segments together, in a transaction that the caller began. Gives how many had not been applied before."""
    lock_sites(connection, (event.site for segment in segments for event in segment.events))
    new = {segment.key: segment for segment in segments}
    connection.execute(OPEN_SEGMENT.delete().where(OPEN_SEGMENT.c.key.in_(among(new))))
    for applied in connection.execute(select(SEGMENT.c.key).where(SEGMENT.c.key.in_(among(new)))).scalars():
        del new[applied]
    facts = [Fact.of(event, key) for key, segment in new.items() for event in segment.events]
    sums = Sums()
    changes = _apply_legs(connection, facts, sums)
    told_of = _apply_calls(connection, facts, _links_that_changed(changes), sums)
    keep_in_step(connection, changes, told_of)
    _apply_notes(connection, facts, sums)
    _apply_statements(connection, facts, sums)
    _apply_answers(connection, facts, sums)
    sums.save(connection)
    mark_dirty(connection, sums.days | _days_of_calls(connection, changes))
    upsert(connection, SEGMENT, [{"key": key} for key in new])
    return len(new)


def settle(connection: Connection) -> None:
    """See to what hangs together across objects that were folded apart: calls and their legs, legs of one audio.

    In a transaction that the caller began, after any number of ``FoldedBatch`` were saved.
    """
    sums = Sums()
    for leg_ids in _chunks(connection.execute(_possible_doubles()).scalars().all()):
        keep_in_step(connection, _apply_legs(connection, (), sums, leg_ids), set())
    links = {link for row in connection.execute(_miscounted()).mappings() for link in links_of(dict(row))}
    for some in _chunks(sorted(links)):
        keep_in_step(connection, (), _apply_calls(connection, (), set(some), sums))
    sums.save(connection)


def _chunks(ids: Sequence[str]) -> Iterator[Sequence[str]]:
    return (ids[first : first + CHUNK] for first in range(0, len(ids), CHUNK))


def _possible_doubles() -> Select[Any]:
    """The legs that have the same audio and the same start as another one of their site."""
    often = select(AUDIO.c.content_sha256).group_by(AUDIO.c.content_sha256).having(func.count() > 1)
    compared = (LEG.c.site, AUDIO.c.content_sha256, LEG.c.start)
    legs = (
        select(*compared, LEG.c.leg_id)
        .join_from(AUDIO, LEG, AUDIO.c.leg_id == LEG.c.leg_id)
        .where(AUDIO.c.content_sha256.in_(often), LEG.c.start.is_not(None))
        .cte()
    )
    other = legs.alias()
    same = [legs.c[column.name] == other.c[column.name] for column in compared]
    return select(legs.c.leg_id).join_from(legs, other, and_(*same, legs.c.leg_id != other.c.leg_id)).distinct()


def _miscounted() -> Select[Any]:
    """The links of calls that have another number of legs than their row says."""
    same = or_(*(and_(LEG.c[name] == CALL.c[name], CALL.c[name] != "") for name in LINKS))
    legs = select(func.count()).where(same).scalar_subquery()
    return select(*(CALL.c[name] for name in LINKS)).where(CALL.c.legs != legs)


def _merge(
    connection: Connection, kind: type[Event], object_ids: Iterable[str], facts: Iterable[Fact[Any]]
) -> dict[str, Facts[Any]]:
    """The facts of one kind about these objects, those of these segments merged in and saved."""
    target = TABLES[kind]
    known = target.load(connection, object_ids)
    changed: dict[tuple[str, str], Fact[Any]] = {}
    for fact in of_kind(facts, kind):
        object_id = getattr(fact.event, target.object_column)
        merged = put_fact(known.setdefault(object_id, {}), fact)
        if merged is not None:
            changed[object_id, merged.key] = merged
    upsert(connection, target.table, [target.to_row(fact) for fact in changed.values()])
    return known


def _apply_legs(
    connection: Connection, facts: Sequence[Fact[Any]], sums: Sums, again: Iterable[str] = ()
) -> list[LegChange]:
    """``again``: legs of which nothing is told, and that are to be computed anyway."""
    about = of_kind(facts, *LEG_KINDS)
    told = sorted({*(fact.event.leg_id for fact in about), *again})
    if not told:
        return []
    before = {row["leg_id"]: row for row in _rows(connection, LEG, "leg_id", told)}
    folded = _fold_legs(connection, told, about)
    now = [folded[leg_id].row for leg_id in told]
    for row in before.values():
        sums.leg(row, -1)
    for row in now:
        sums.leg(row, +1)
    upsert(connection, LEG, now)
    digests = {digest for leg in folded.values() for digest in leg.digests}
    alike = legs_with_the_same(connection, digests, [*before.values(), *now])
    others = {leg_id for group in alike.values() for leg_id in group} - folded.keys()
    for leg_id, leg in _fold_legs(connection, others, ()).items():  # nothing new of them but who is like them
        folded[leg_id], before[leg_id] = leg, leg.row
    if theirs := {digest for leg in folded.values() for digest in leg.digests} - digests:
        alike |= legs_with_the_same(connection, theirs, [leg.row for leg in folded.values()])  # and whom they are like
    found = {leg_id: list(leg.findings) for leg_id, leg in folded.items()}
    for leg_id, finding in found_double(alike):
        if leg_id in found:
            found[leg_id].append(finding)
    known = _save_findings(
        connection, "leg", {one: (leg.row, one_of_each(found[one])) for one, leg in folded.items()}, sums
    )
    return [
        LegChange(
            before=before.get(leg_id),
            now=leg.row,
            kinds_before=known.get(leg_id, set()),
            kinds={finding.kind.value for finding in found[leg_id]},
        )
        for leg_id, leg in folded.items()
    ]


def _fold_legs(connection: Connection, leg_ids: Collection[str], facts: Sequence[Fact[Any]]) -> dict[str, Folded]:
    """Each leg as it is now that these facts are merged into those known."""
    if not leg_ids:
        return {}
    known: Known = {kind: _merge(connection, kind, leg_ids, facts) for kind in LEG_KINDS}
    return {leg_id: folded_leg(known, leg_id) for leg_id in leg_ids}


def _links_that_changed(changes: Iterable[LegChange]) -> set[str]:
    """The links that a leg has got or lost: the calls that share one may have another number of legs now."""
    return {link for change in changes for link in links_of(change.now) ^ links_of(change.before or {})}


def _rows(connection: Connection, target: Table, column: str, ids: Iterable[str]) -> Iterator[dict[str, Any]]:
    for row in connection.execute(select(target).where(target.c[column].in_(among(ids)))).mappings():
        yield dict(row)


Alike = dict[tuple[str, str, datetime], set[str]]
"""By site, digest and start: the legs that have all three."""


def legs_with_the_same(connection: Connection, digests: set[str], legs: Iterable[Mapping[str, Any]]) -> Alike:
    """The legs that have audio of these digests and began when these ``legs`` did: rows from before, and now.

    Found by their start: few share that, while silence of one length is the same audio all over the archive.
    """
    starts: dict[str, set[datetime]] = {}
    for row in legs if digests else ():
        if row["start"] is not None:
            starts.setdefault(row["site"], set()).add(row["start"])
    found: Alike = {}
    for site, instants in starts.items():
        question = (
            select(AUDIO.c.content_sha256, LEG.c.start, LEG.c.leg_id)
            .join_from(LEG, AUDIO, AUDIO.c.leg_id == LEG.c.leg_id)
            .where(LEG.c.site == site, LEG.c.start.in_(among_instants(instants)))
        )
        for digest, start, leg_id in connection.execute(question):
            if digest in digests:
                found.setdefault((site, digest, start), set()).add(leg_id)
    return found


def found_double(alike: Alike) -> Iterator[tuple[str, Finding]]:
    """A finding for every leg that has the same audio and the same start as another leg of its site."""
    for group in alike.values():
        for leg_id in group if len(group) > 1 else ():
            others = ", ".join(sorted(group - {leg_id}))
            yield leg_id, Finding(FindingKind.DOUBLE, f"same audio and start as {others}")


def _days_of_calls(connection: Connection, changes: Iterable[LegChange]) -> set[tuple[str, date]]:
    """The site-days of the call records that count the audio of these legs: it may be another day than the leg's."""
    links = {link for one in changes if _audio(one.before) != _audio(one.now) for link in links_of(one.now)}
    found: set[tuple[str, date]] = set()
    for name in LINKS if links else ():
        question = select(CALL.c.site, CALL.c.day).where(CALL.c[name].in_(among(links))).distinct()
        found.update((row.site, row.day) for row in connection.execute(question))
    return found


def _audio(leg: Mapping[str, Any] | None) -> float | None:
    """The seconds of a leg that is archived."""
    return leg["seconds"] if leg is not None and leg["state"] == State.ARCHIVED.value else None


def _apply_calls(connection: Connection, facts: Sequence[Fact[Any]], links: set[str], sums: Sums) -> set[str]:
    """Gives the links, from before and now, of the calls that changed: their legs are found by other words."""
    about = of_kind(facts, CallSeen, CallAppraised)
    call_ids = {fact.event.call_id for fact in about}
    for name in LINKS:
        call_ids.update(connection.execute(select(CALL.c.call_id).where(CALL.c[name].in_(among(links)))).scalars())
    if not call_ids:
        return set()
    ordered = sorted(call_ids)
    seen = _merge(connection, CallSeen, ordered, about)
    appraised = _merge(connection, CallAppraised, ordered, about)
    folded = {call_id: CallFacts(seen.get(call_id, {}), appraised.get(call_id, {})) for call_id in ordered}
    legs = legs_of_links(connection, set().union(*(call_links(call_facts) for call_facts in folded.values())))
    before = {row["call_id"]: row for row in _rows(connection, CALL, "call_id", ordered)}
    told = {fact.event.call_id for fact in about}
    rows, found = [], {}
    for call_id, call_facts in folded.items():
        row, findings = folded_call(call_facts, legs)
        found[call_id] = (row, findings)
        if call_id in told or row != before.get(call_id):
            rows.append(row)
    for row in rows:
        if was := before.get(row["call_id"]):
            sums.call(was, -1)
        sums.call(row, +1)
    upsert(connection, CALL, rows)
    _save_findings(connection, "call", found, sums)
    changed = [
        one for row in rows for one in (row, before.get(row["call_id"], {})) if row != before.get(row["call_id"])
    ]
    return {link for row in changed for link in links_of(row)}


def legs_of_links(connection: Connection, links: Iterable[str]) -> dict[str, set[str]]:
    """The legs that have each of these links."""
    found: dict[str, set[str]] = {}
    for name in LINKS:
        question = select(LEG.c[name], LEG.c.leg_id).where(LEG.c[name].in_(among(links)))
        for link, leg_id in connection.execute(question):
            found.setdefault(link, set()).add(leg_id)
    return found


def _apply_notes(connection: Connection, facts: Sequence[Fact[Any]], sums: Sums) -> None:
    keys = sorted({fact.event.key for fact in of_kind(facts, ObjectNoted)})
    if not keys:
        return
    merged = _merge(connection, ObjectNoted, keys, facts)
    _save_findings(connection, "object", found_of_objects(merged), sums)


def _apply_statements(connection: Connection, facts: Sequence[Fact[Any]], sums: Sums) -> None:
    days = sorted({fact.event.site_day for fact in of_kind(facts, DayStated)})
    if not days:
        return
    merged = _merge(connection, DayStated, days, facts)
    _save_findings(connection, "day", found_of_days(merged), sums)


def _apply_answers(connection: Connection, facts: Sequence[Fact[Any]], sums: Sums) -> None:
    for kind in (ListAnswered, EntryRefused, FixityChecked, Accessed):
        about = of_kind(facts, kind)
        _merge(connection, kind, [fact.event.event_id for fact in about], about)
    _save_findings(connection, "answer", found_of_answers(facts), sums)
    _save_findings(connection, "entry", found_of_entries(facts), sums)


def _save_findings(connection: Connection, object_type: str, found: Found, sums: Sums) -> dict[str, set[str]]:
    """Put what is found about these objects in the place of what was. Gives the kinds that were, by object."""
    those = (FINDING.c.object_type == object_type) & FINDING.c.object_id.in_(among(found))
    before: dict[str, list[dict[str, Any]]] = {}
    for known in connection.execute(select(FINDING).where(those).order_by(FINDING.c.kind)).mappings():
        before.setdefault(known["object_id"], []).append(dict(known))
    gone, new = [], []
    for object_id, (owner, findings) in found.items():
        now = finding_rows(object_type, object_id, owner, findings)
        if now != before.get(object_id, []):
            gone += before.get(object_id, [])
            new += now
    for row in gone:
        sums.finding(row, -1)
    for row in new:
        sums.finding(row, +1)
    if gone:
        changed = among(row["object_id"] for row in gone)
        connection.execute(
            FINDING.delete().where(FINDING.c.object_type == object_type, FINDING.c.object_id.in_(changed))
        )
    upsert(connection, FINDING, new)
    return {object_id: {row["kind"] for row in rows} for object_id, rows in before.items()}
