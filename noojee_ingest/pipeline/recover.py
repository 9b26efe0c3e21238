"""Recover: what runs before this one left unfinished. The cost follows the days that are touched."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import date

from noojee_ingest.catalogue import queries
from noojee_ingest.catalogue.apply import apply
from noojee_ingest.catalogue.decisions import to_be_withdrawn, withdrawn_keys
from noojee_ingest.catalogue.runs import drop_open_segments, is_alive, open_segments
from noojee_ingest.journal import segment
from noojee_ingest.journal.events import Event, ObjectNoted
from noojee_ingest.model import FindingKind
from noojee_ingest.pipeline.archivist import Archivist
from noojee_ingest.pipeline.quarantine import (
    ENDED_BY_RELEASE,
    evidence_key,
    finish_quarantines,
    is_quarantined,
    is_there,
)
from noojee_ingest.pipeline.record import Writer, record
from noojee_ingest.pipeline.store import audio_in, audio_prefix, stored_event
from noojee_ingest.storage.errors import Damaged, NotFound
from noojee_ingest.storage.root import Stored


@dataclass
class Recovery:
    """What was mended: segments applied late, objects adopted, objects that no leg explains, objects that are gone.

    ``withdrawn``: quarantined legs of which what was still in the archive is withdrawn now; ``problems``: why others'
    is not.
    """

    applied: int = 0
    adopted: int = 0
    orphans: int = 0
    gone: int = 0
    withdrawn: int = 0
    problems: list[str] = field(default_factory=list)


def recover(work: Archivist, days: Iterable[date]) -> Recovery:
    """Apply what was put and not applied, then compare each day's audio objects with what the journal names.

    An object that no segment names is adopted without a download where its leg is known, else noted as an orphan. One
    that the journal names and the store lacks is noted as gone and never fetched again in silence, unless a decision
    withdrew it. Quarantines of any day that were cut short are finished.
    """
    done = Recovery()
    done.applied += apply_announced(work)
    days = sorted(set(days))
    for day in days:
        _apply_unapplied(work, day, done)
    _finish(work, to_be_withdrawn(work.catalogue, work.site), done)
    for day in days:
        record(work, _compare(work, day, done))
    return done


def apply_announced(work: Writer) -> int:
    """Segments that were announced: apply those that are there, forget those of dead writers that never came.

    Gives how many were applied. Raises JournalError, StorageError, CatalogueError.
    """
    applied = 0
    never_put = []
    for row in open_segments(work.catalogue):
        alive = is_alive(work.catalogue, row)
        try:
            found = segment.read(work.store.archive, row["key"])
        except NotFound:
            if not alive:
                never_put.append(row["key"])
            continue
        applied += apply(work.catalogue, found)
    if never_put:
        drop_open_segments(work.catalogue, never_put)
    return applied


def _apply_unapplied(work: Archivist, day: date, done: Recovery) -> None:
    keys = list(segment.keys(work.store.archive, segment.day_prefix(work.site, day)))
    applied = queries.segments_applied(work.catalogue, keys)
    for key in keys:
        if key not in applied:
            done.applied += apply(work.catalogue, segment.read(work.store.archive, key))


def _finish(work: Archivist, leg_ids: Iterable[str], done: Recovery) -> None:
    withdrawn, problems = finish_quarantines(work, sorted(leg_ids))
    done.withdrawn += withdrawn
    done.problems += problems


def _compare(work: Archivist, day: date, done: Recovery) -> list[Event]:
    named = queries.audio_keys(work.catalogue, work.site, day)
    there = {listed.key for listed in work.store.archive.list(audio_prefix(work.site, day))}
    noted = queries.notes_of_day(work.catalogue, work.site, day)
    events: list[Event] = []
    unnamed = sorted(there - named.keys())
    legs = queries.legs_by_id(work.catalogue, {_leg_id_in(key) for key in unnamed})
    for key in unnamed:
        row = legs.get(_leg_id_in(key))
        stored, why = _looked_at(work, key)
        audio = audio_in(stored) if stored is not None else None
        if row is None or stored is None or audio is None or row["leg"] is None or row["day"] != day:
            if (key, FindingKind.ORPHAN_OBJECT) not in noted:
                done.orphans += 1
                events.append(_note(work, day, key, FindingKind.ORPHAN_OBJECT, why or "no known leg explains it"))
            continue
        done.adopted += 1
        leg = replace(queries.leg_of(row), day=day)
        if is_quarantined(row):
            leg = replace(leg, answers=())  # the decision stays; the next run withdraws this one too
        repeated = stored.metadata.get("repeated") == "yes"
        events.append(stored_event(work, leg, stored, audio, repeated=repeated, adopted=True))
    back = {key for key, kind in noted if kind is FindingKind.WITHDRAWN_OBJECT} & there & named.keys()
    _finish(work, {named[key] for key in back}, done)  # who put it back died before the release
    for key in _gone(work, {key: named[key] for key in named.keys() - there}):
        if (key, FindingKind.GONE_OBJECT) not in noted:
            done.gone += 1
            detail = f"the journal names it for leg {named[key]}, the store shows it no more"
            events.append(_note(work, day, key, FindingKind.GONE_OBJECT, detail))
    owners = queries.legs_by_id(work.catalogue, {named[key] for key, kind in noted if kind in ENDED_BY_RELEASE})
    for (key, kind), event_ids in sorted(noted.items()):
        if kind in ENDED_BY_RELEASE:
            over = key in there and not is_quarantined(owners.get(named.get(key, "")))
        elif kind is FindingKind.GONE_OBJECT:
            over = key in there
        elif kind is FindingKind.ORPHAN_OBJECT:
            over = key not in unnamed or key in _adopted(events)
        else:
            over = False  # found by a closer look than this one
        if over:
            events.append(_note(work, day, key, kind, "no longer so", cleared=True, supersedes=event_ids))
    return events


def _gone(work: Archivist, away: dict[str, str]) -> list[str]:
    """The keys, of those that a listing lacks, that no quarantine took away and no release is about to put back.

    ``away``: by key whose audio it is.
    """
    withdrawn = withdrawn_keys(work.catalogue, away)
    legs = queries.legs_by_id(work.catalogue, set(away.values()))
    return [
        key
        for key, leg_id in sorted(away.items())
        if not (
            is_quarantined(legs.get(leg_id)) and (key in withdrawn or is_there(work.store.evidence, evidence_key(key)))
        )
        and not is_there(work.store.archive, key)  # put there since
    ]


def _adopted(events: Iterable[Event]) -> set[str]:
    return {key for event in events if (key := getattr(event, "key", "")) and not isinstance(event, ObjectNoted)}


def _leg_id_in(key: str) -> str:
    return key.rpartition("/")[2].partition("-")[0]


def _looked_at(work: Archivist, key: str) -> tuple[Stored | None, str]:
    """What the store recorded of an object, or why that cannot be told: it may be nobody's, or damaged."""
    try:
        return work.store.archive.head(key), ""
    except Damaged as error:
        return None, error.hint


def _note(
    work: Archivist,
    day: date,
    key: str,
    kind: FindingKind,
    detail: str,
    *,
    cleared: bool = False,
    supersedes: tuple[str, ...] = (),
) -> ObjectNoted:
    return ObjectNoted(
        time=work.clock(),
        actor=work.actor,
        supersedes=supersedes,
        site=work.site,
        day=day,
        key=key,
        finding=kind,
        detail=detail,
        cleared=cleared,
    )
