"""Quarantine: audio out of the archive while a decision is in force, and back into it when it is over.

The decision is journalled first: from then on nobody gets the audio. Then for each object of the leg: its bytes are
copied to ``evidence``, the copy is read back and hashed, the object is withdrawn, and that is noted in the journal.
Each step looks at what is there and not at what a run before it did, so whoever dies in between loses nothing, and the
next run, or the same verb, goes on: at every moment the bytes are in ``archive`` or, checked, in ``evidence``.

Back: what is noted of the object is ended, so that the next night withdraws it again should the release not come about;
the object is put under its own key; and only then is the release journalled. What is withdrawn at that very moment by
another process is put back by whichever of the two looks last.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from datetime import datetime, timedelta
from typing import Any, Protocol

from noojee_ingest.catalogue import queries
from noojee_ingest.catalogue.database import Catalogue
from noojee_ingest.catalogue.decisions import Note, last_told, notes_of, quarantine_of
from noojee_ingest.journal.events import ObjectNoted
from noojee_ingest.journal.lines import instant_text
from noojee_ingest.model import FindingKind, State
from noojee_ingest.pipeline.errors import AudioDamaged, CannotRelease, PipelineError
from noojee_ingest.pipeline.record import Writer, record
from noojee_ingest.pipeline.spool import Spool, Spooled
from noojee_ingest.pipeline.store import create_or_adopt
from noojee_ingest.storage.errors import Held, NotFound, StorageError
from noojee_ingest.storage.root import Root, Store, Stored

log = logging.getLogger(__name__)

CHUNK = 1024 * 1024

MOST_VERSIONS = 100
"""Of one key that are withdrawn in one go: more is not ours."""

MUCH_AHEAD = timedelta(minutes=5)
"""A clock that is so far ahead of another is wrong, one of the two."""

Audio = queries.Row
"""A row of ``audio``."""


class Custodian(Writer, Protocol):
    """Who moves audio: it has the whole store, and a spool besides."""

    @property
    def store(self) -> Store: ...

    @property
    def spool(self) -> Spool: ...


def evidence_key(key: str) -> str:
    """Where the copy of an object of the archive is kept."""
    return f"quarantined/{key.removeprefix('audio/')}"


def withdraw_audio(work: Custodian, leg_id: str) -> datetime | None:
    """Take the audio of a quarantined leg out of the archive; done already is fine.

    Gives until when (UTC) a lock holds any of it, the latest; ``None``: nothing is held. What is held stays where it
    is, noted as such. A leg that is quarantined no more is left as it is.
    Raises AudioDamaged (neither archive nor evidence has the bytes that were archived; nothing is withdrawn), Held for
    a legal hold, which has no end, and StorageError, CatalogueError, PipelineError.
    """
    held: list[Held] = []
    away = False
    for audio in queries.audio_of(work.catalogue, [leg_id]):
        decision = quarantine_of(work.catalogue, leg_id)
        if decision is None:
            break
        notes = notes_of(work.catalogue, audio["key"])
        if FindingKind.WITHDRAWN_OBJECT in notes and not is_there(work.store.archive, audio["key"]):
            continue
        try:
            _withdraw(work, audio, decision, was_held=FindingKind.HELD_OBJECT in notes)
        except Held as lock:
            held.append(lock)
            _note(work, audio, notes, FindingKind.HELD_OBJECT, _held_words(lock))
            continue
        work.store.archive.sync()
        away = True
        if quarantine_of(work.catalogue, leg_id) is not None:
            _note(work, audio, notes, FindingKind.WITHDRAWN_OBJECT, f"kept as evidence/{evidence_key(audio['key'])}")
    if away and quarantine_of(work.catalogue, leg_id) is None:  # released meanwhile
        put_back(work, leg_id)
    if endless := next((lock for lock in held if lock.until is None), None):
        raise endless
    return max((lock.until for lock in held if lock.until is not None), default=None)


def _held_words(lock: Held) -> str:
    return f"a lock holds it until {instant_text(lock.until) if lock.until else 'it is lifted'}"


def is_there(root: Root, key: str) -> bool:
    """Whether the root shows an object of this key."""
    try:
        root.head(key)
    except NotFound:
        return False
    return True


def _keep_copy(work: Custodian, audio: Audio) -> None:
    """See to it that evidence has the bytes, read back and hashed, so that they survive a power cut."""
    evidence, key = work.store.evidence, evidence_key(audio["key"])
    if not is_there(evidence, key):
        metadata = _whole(audio, _metadata(work.store.archive, audio))
        with _spooled(work, audio, work.store.archive, audio["key"]) as spooled:
            create_or_adopt(evidence, key, spooled.file, sha256=spooled.sha256, metadata=metadata)
    digest = hashlib.sha256()
    with evidence.open(key) as source:
        while chunk := source.read(CHUNK):
            digest.update(chunk)
    if digest.hexdigest() != audio["content_sha256"]:
        raise AudioDamaged(audio["leg_id"], f"evidence/{key}", "its bytes are not those that were archived")
    evidence.sync()


def _metadata(archive: Root, audio: Audio) -> dict[str, str]:
    """What the object said of itself, so that it says the same when it is put back."""
    try:
        told = archive.head(audio["key"])
    except NotFound:  # hidden in a bucket with versions, or gone
        return {}
    return dict(told.metadata) if told.sha256 == audio["content_sha256"] else {}


@contextmanager
def _spooled(work: Custodian, audio: Audio, source: Root, key: str) -> Iterator[Spooled]:
    """Audio read whole and compared. Raises AudioDamaged where it is other bytes, or there no more."""
    with work.spool.recording(audio["content_size"], leg_id=audio["leg_id"]) as spooled:
        try:
            with _opened(source, key, audio) as body:
                while chunk := body.read(CHUNK):
                    spooled.write(chunk)
        except NotFound as error:
            raise AudioDamaged(audio["leg_id"], f"{source.name}/{key}", "the store has it no more") from error
        if spooled.sha256 != audio["content_sha256"]:
            raise AudioDamaged(audio["leg_id"], f"{source.name}/{key}", "its bytes are not those that were archived")
        yield spooled


def _whole(audio: Audio, told: dict[str, str]) -> dict[str, str]:
    """The metadata of docs/format.md: as the object had them, what is missing from the journal."""
    known = {
        "leg-id": audio["leg_id"],
        "sha256": audio["content_sha256"],
        "extension": audio["extension"],
        "codec": audio["codec"],
        "channels": str(audio["channels"]),
        "sample-rate": str(audio["sample_rate"]),
        "seconds": repr(audio["seconds"]),
    }
    return known | told


def _opened(root: Root, key: str, audio: Audio) -> Any:
    if root.name == "archive" and audio["version_id"]:
        with suppress(NotFound):  # a copy of the store has versions of its own, or none
            return root.open(key, version_id=audio["version_id"])
    return root.open(key)


def _withdraw(work: Custodian, audio: Audio, decision: str, *, was_held: bool) -> None:
    """Withdraw every version with these bytes, whatever hides it, once evidence has them.

    ``was_held``: first ask whether it still is, for then the copy need not be read. Raises Held, AudioDamaged.
    """
    archive, key = work.store.archive, audio["key"]
    if was_held:
        with suppress(NotFound):
            archive.refuse_if_held(key)
    _keep_copy(work, audio)
    for _ in range(MOST_VERSIONS):
        there = _versions(archive, audio)
        if not there:
            break
        for stored in there:
            with suppress(NotFound):  # another process was first
                archive.withdraw(key, version_id=stored.version_id, decision=decision)
    if is_there(archive, key):
        raise AudioDamaged(audio["leg_id"], f"archive/{key}", "another object is there in its place")


def _versions(archive: Root, audio: Audio) -> list[Stored]:
    return [stored for stored in archive.versions(audio["key"]) if stored.sha256 == audio["content_sha256"]]


def _note(work: Writer, audio: Audio, notes: dict[FindingKind, Note], kind: FindingKind, detail: str) -> None:
    """Journal what became of an object; the same words again would say nothing. Any other note on it is over."""
    if kind in notes and notes[kind].detail == detail:
        return
    now = later(work, [audio["leg_id"]])[audio["leg_id"]]
    events = _cleared(work, audio, [note for other, note in notes.items() if other is not kind], now)
    events.append(
        ObjectNoted(
            time=now,
            actor=work.actor,
            supersedes=notes[kind].event_ids if kind in notes else (),
            site=work.site,
            day=audio["day"],
            key=audio["key"],
            finding=kind,
            detail=detail,
        )
    )
    record(work, events)


ENDED_BY_RELEASE = frozenset({FindingKind.WITHDRAWN_OBJECT, FindingKind.HELD_OBJECT})
"""What is noted of the objects of quarantined legs alone."""


def _cleared(work: Writer, audio: Audio, notes: list[Note], now: datetime) -> list[ObjectNoted]:
    """The events that end these notes."""
    return [
        ObjectNoted(
            time=now,
            actor=work.actor,
            supersedes=note.event_ids,
            site=work.site,
            day=audio["day"],
            key=audio["key"],
            finding=note.kind,
            detail="no longer so",
            cleared=True,
        )
        for note in notes
        if note.kind in ENDED_BY_RELEASE
    ]


def later(
    work: Writer, ids: Sequence[str], last: Callable[[Catalogue, Sequence[str]], Mapping[str, datetime]] = last_told
) -> dict[str, datetime]:
    """Of each leg the present, or, where the clock of another writer is ahead, just after what it said last of it.

    ``last`` tells when that was; of calls another asks.
    """
    now = work.clock()
    times = dict.fromkeys(ids, now)
    for one, told in last(work.catalogue, ids).items():
        times[one] = max(now, told + timedelta(microseconds=1))
    ahead = [one for one in ids if times[one] - now > MUCH_AHEAD]
    if ahead:
        latest = instant_text(max(times[one] for one in ahead))
        log.warning("the journal is ahead of this clock about %d ids, as far as %s: compare", len(ahead), latest)
    return times


def put_back(work: Custodian, leg_id: str) -> None:
    """Put withdrawn audio of a leg back into the archive, under its own keys; what is there already stays.

    Where the leg is still quarantined afterwards, the next night withdraws it again.
    Raises CannotRelease where evidence has it no more, AudioDamaged where evidence or archive has other bytes, and
    StorageError, PipelineError.
    """
    archive, evidence = work.store.archive, work.store.evidence
    away: list[tuple[Audio, str, dict[str, str]]] = []
    for audio in queries.audio_of(work.catalogue, [leg_id]):
        name = evidence_key(audio["key"])
        try:
            there = archive.head(audio["key"])
        except NotFound:
            try:
                away.append((audio, name, _whole(audio, dict(evidence.head(name).metadata))))
            except NotFound as error:
                raise CannotRelease(leg_id, name) from error
            continue
        if there.sha256 != audio["content_sha256"]:
            raise AudioDamaged(leg_id, f"archive/{audio['key']}", "another object is there in its place")
        _end_notes(work, audio)
    for audio, name, metadata in away:
        with _spooled(work, audio, evidence, name) as spooled:
            _end_notes(work, audio)  # before the first byte: else nobody would know that it is to be withdrawn again
            create_or_adopt(archive, audio["key"], spooled.file, sha256=spooled.sha256, metadata=metadata)
    archive.sync()


def _end_notes(work: Writer, audio: Audio) -> None:
    notes = notes_of(work.catalogue, audio["key"])
    record(work, _cleared(work, audio, list(notes.values()), later(work, [audio["leg_id"]])[audio["leg_id"]]))


def finish_quarantines(work: Custodian, leg_ids: Iterable[str]) -> tuple[int, list[str]]:
    """Withdraw what is still in the archive of these legs: who decided them died, or a lock held it.

    Gives how many legs were done, and what went wrong in words. Raises CatalogueError, JournalError.
    """
    done, problems = 0, []
    for leg_id in leg_ids:
        try:
            done += withdraw_audio(work, leg_id) is None
        except Held:
            continue  # noted
        except (StorageError, PipelineError) as error:
            problems.append(f"leg {leg_id} is quarantined and its audio is not withdrawn: {error}")
    return done, problems


def is_quarantined(row: queries.Row | None) -> bool:
    """Whether a row of ``leg`` says so."""
    return row is not None and row["state"] == State.QUARANTINED.value
