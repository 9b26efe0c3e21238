"""Repair: mend of what was found of a site's objects what can be mended, and say what a person must do about the rest.

Nothing is overwritten. An object that is gone is put back under its key with the bytes that were archived, and no
others. One that is damaged is first copied to ``evidence``, then withdrawn under a journalled decision, then put back;
the right bytes are in ``evidence`` before anything is withdrawn, so who dies in between loses nothing.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, replace
from datetime import date

from noojee_ingest import noojee
from noojee_ingest.audio import NotAudio
from noojee_ingest.catalogue import fixity as asked
from noojee_ingest.catalogue import queries
from noojee_ingest.catalogue.decisions import notes_of
from noojee_ingest.journal.events import AudioStored, Event, LegAppraised, Strength, Verdict
from noojee_ingest.journal.segment import Segment
from noojee_ingest.model import DAMAGE, FindingKind
from noojee_ingest.pipeline.archive import told as told_of
from noojee_ingest.pipeline.errors import PipelineError
from noojee_ingest.pipeline.fixity import CHUNK, Failure, Reader, check_audio, read_segment
from noojee_ingest.pipeline.quarantine import MOST_VERSIONS, evidence_key, is_quarantined, later
from noojee_ingest.pipeline.record import record
from noojee_ingest.pipeline.recover import recover
from noojee_ingest.pipeline.retrieve import checked, retrieved
from noojee_ingest.pipeline.spool import Spooled
from noojee_ingest.pipeline.store import audio_facts, create_or_adopt, store_audio
from noojee_ingest.pipeline.verify import note
from noojee_ingest.pipeline.withhold import held_back, record_withheld, withhold_audio
from noojee_ingest.pipeline.work import Work
from noojee_ingest.storage.errors import Damaged, Held, NotFound, StorageError, StoreFailure
from noojee_ingest.storage.root import Root

REPAIR = "repair"
MENDED = DAMAGE | {FindingKind.ORPHAN_OBJECT}


@dataclass(frozen=True, slots=True)
class Repaired:
    """What became of a finding. ``mended``: it is over; else ``words`` say why not, and what a person must do."""

    name: str
    kind: FindingKind
    day: date
    mended: bool
    words: str


@dataclass(frozen=True, slots=True)
class Decider:
    """Who has what is damaged withdrawn, and why."""

    reason: str
    name: str


def repairable(work: Work, first: date | None, last: date | None) -> list[Repaired]:
    """The findings that a repair would look at, and in words what it would try. Nothing is done."""
    found = asked.objects_found(work.catalogue, work.site, MENDED, first, last)
    return [Repaired(name, kind, day, False, WOULD[kind]) for name, kind, day, _ in found]


WOULD = {
    FindingKind.ORPHAN_OBJECT: "adopt it, if its leg is known",
    FindingKind.GONE_OBJECT: "put it back: from an older version, from evidence, or from the phone system",
    FindingKind.DAMAGED_OBJECT: "put it back so, and the damaged bytes into evidence; needs --by and --reason",
    FindingKind.GONE_SEGMENT: "look again; only a copy of the store has it",
    FindingKind.DAMAGED_SEGMENT: "look again; only a copy of the store has it",
    FindingKind.CATALOGUE_DISAGREEMENT: "apply what is not applied; the rest needs `noojee-ingest catalogue rebuild`",
}


class CannotMend(Exception):
    """Why not, and what a person must do."""


def repair(work: Work, first: date | None, last: date | None, decider: Decider | None = None) -> Iterator[Repaired]:
    """Mend what was found of the objects of these days; what became of each finding comes as it is done.

    Without a ``decider`` nothing that is damaged is withdrawn. Raises StoreFailure, CatalogueError, JournalError.
    """
    before = asked.objects_found(work.catalogue, work.site, MENDED, first, last)
    recover(work, {day for _, kind, day, _ in before if kind in BY_RECOVERY})
    still = {(key, kind) for key, kind, _, _ in asked.objects_found(work.catalogue, work.site, MENDED, first, last)}
    for key, kind, day, _ in before:
        if work.stop.is_set():
            return
        if (key, kind) not in still:
            yield Repaired(key, kind, day, True, "adopted" if kind is FindingKind.ORPHAN_OBJECT else "there again")
            continue
        try:
            words = _mended(work, key, kind, day, decider)
        except (CannotMend, Held, StorageError, PipelineError) as error:
            if isinstance(error, StoreFailure):
                raise
            yield Repaired(key, kind, day, False, str(error))
            continue
        if notes := notes_of(work.catalogue, key).get(kind):
            over = note(work, day, key, kind, words, cleared=True, supersedes=notes.event_ids)
            record(work, [over])
        yield Repaired(key, kind, day, True, words)


BY_RECOVERY = {FindingKind.ORPHAN_OBJECT, FindingKind.GONE_OBJECT, FindingKind.CATALOGUE_DISAGREEMENT}


def _mended(work: Work, key: str, kind: FindingKind, day: date, decider: Decider | None) -> str:
    """How it was mended. Raises CannotMend and what the rooms below raise."""
    if kind is FindingKind.ORPHAN_OBJECT:
        raise CannotMend("no known leg explains it. Find out who put it there, and have them take it away")
    if kind in {FindingKind.GONE_SEGMENT, FindingKind.DAMAGED_SEGMENT}:
        if isinstance(read_segment(Reader(work.stop), work.store.archive, key), Segment):
            return "it can be read again"
        raise CannotMend("restore it from a copy of the store. Until then keep the catalogue: nothing else knows it")
    if kind is FindingKind.CATALOGUE_DISAGREEMENT:
        if asked.segments_of_day(work.catalogue, work.site, day) >= {key}:
            return "applied"
        raise CannotMend(f"run `noojee-ingest catalogue rebuild`, then `noojee-ingest verify --day {day}`")
    audio = asked.audio_of_day(work.catalogue, work.site, day).get(key)
    if audio is None:
        raise CannotMend("the catalogue does not know whose it is: restore it from a copy of the store")
    return _audio_mended(work, key, audio, decider)


def _audio_mended(work: Work, key: str, audio: AudioStored, decider: Decider | None) -> str:
    failure = check_audio(Reader(work.stop), work.store.archive, key, audio, Strength.READ)
    if failure is None:
        return "it is right again"
    leg = queries.legs_by_id(work.catalogue, [audio.leg_id]).get(audio.leg_id)
    if is_quarantined(leg):
        raise CannotMend("its leg is quarantined: restore it from a copy of the store, or release the leg first")
    gone = failure.kind is FindingKind.GONE_OBJECT
    if not gone and decider is None:
        raise CannotMend("what is there would be withdrawn, and that is a decision: say --by and --reason")
    with _right_bytes(work, key, audio, leg) as (spooled, source):
        if not gone and decider is not None:
            _keep_right(work, key, audio, spooled)
            _withdraw(work, key, audio, failure, decider)
        _put(work.store.archive, key, audio, spooled)
        work.store.archive.sync()
    return f"put back with the bytes that were archived, from {source}"


EVIDENCE = "their copy in evidence"


def _put(root: Root, key: str, audio: AudioStored, spooled: Spooled) -> None:
    create_or_adopt(root, key, spooled.file, sha256=spooled.sha256, metadata=audio_facts(audio))


@contextmanager
def _right_bytes(work: Work, key: str, audio: AudioStored, leg: queries.Row | None) -> Iterator[tuple[Spooled, str]]:
    """The bytes that were archived, from where they still are. Raises CannotMend where nobody has them."""
    with ExitStack() as stack:
        sources = ((work.store.archive, key, audio.version_id), (work.store.evidence, evidence_key(key), ""))
        for root, name, version_id in sources:
            if root.name == "archive" and not version_id:
                continue
            spooled = stack.enter_context(work.spool.recording(audio.stored_size, leg_id=audio.leg_id))
            with suppress(NotFound), root.open(name, version_id=version_id) as body:
                while chunk := body.read(CHUNK):
                    spooled.write(chunk)
            if spooled.sha256 == audio.stored_sha256:
                yield spooled, "the version that was archived" if version_id else EVIDENCE
                return
        yield stack.enter_context(_from_the_phone_system(work, audio, leg)), "the phone system"


@contextmanager
def _from_the_phone_system(work: Work, audio: AudioStored, row: queries.Row | None) -> Iterator[Spooled]:
    """Other audio that comes is kept as a second one of its leg. Raises CannotMend."""
    if row is None or row["leg"] is None:
        raise CannotMend("nobody knows by which ids to ask for it: restore it from a copy of the store")
    leg = replace(queries.leg_of(row), answers=())
    try:
        with retrieved(work, leg) as spooled:
            if spooled.sha256 == audio.content_sha256:
                yield spooled
                return
            other = checked(spooled)
            held = held_back(work, [leg])
            if held:
                record_withheld(work, [withhold_audio(work, leg, spooled, other, repeated=False)], held)
            else:
                record(work, [store_audio(work, leg, spooled, other, repeated=False)])
    except noojee.NoojeeError as error:
        raise CannotMend(f"the phone system gives it no more ({told_of(error)}): {FROM_A_COPY}") from error
    except NotAudio as error:
        raise CannotMend(f"the phone system gives something else than audio: {FROM_A_COPY}") from error
    kept = "kept in evidence until a person releases it" if held else "kept as a second one of the leg"
    raise CannotMend(f"the phone system gives other audio now, {kept}: {FROM_A_COPY}")


FROM_A_COPY = "restore it from a copy of the store"


def _withdraw(work: Work, key: str, audio: AudioStored, failure: Failure, decider: Decider) -> None:
    """Take what is damaged out of the archive, once it is decided. Raises Held, StorageError."""
    decision = LegAppraised(
        time=later(work, [audio.leg_id])[audio.leg_id],
        actor=work.actor,
        site=work.site,
        day=audio.day,
        leg_id=audio.leg_id,
        verdict=Verdict.REPLACE,
        cause=failure.detail,
        reason=decider.reason,
        name=decider.name,
    )
    events: list[Event] = [decision]
    record(work, events)
    for _ in range(MOST_VERSIONS):
        try:
            version_id = work.store.archive.head(key).version_id
        except NotFound:
            return
        except Damaged as error:
            version_id = error.version_id
        if (
            check_audio(Reader(work.stop), work.store.archive, key, replace(audio, version_id=""), Strength.READ)
            is None
        ):
            return
        _keep_damaged(work, key, audio)
        work.store.archive.withdraw(key, version_id=version_id, decision=decision.event_id)


def _keep_right(work: Work, key: str, audio: AudioStored, right: Spooled) -> None:
    """The right bytes into evidence, before anything is withdrawn, and read back: a copy there may have rotted too.

    It stays: a quarantine of the leg may count on it from now on. Raises CannotMend.
    """
    evidence, name = work.store.evidence, evidence_key(key)
    for _ in range(2):
        try:
            _put(evidence, name, audio, right)
        except StoreFailure:
            raise
        except StorageError:
            pass  # something else has the name: it is looked at, and makes room
        if check_audio(Reader(work.stop), evidence, name, audio, Strength.READ) is None:
            evidence.sync()
            return
        evidence.delete(name)
    raise CannotMend(f"no right copy of it can be made in evidence: {FROM_A_COPY}")


def _keep_damaged(work: Work, key: str, audio: AudioStored) -> None:
    """What is there in place of the right bytes, into evidence, before it is withdrawn."""
    evidence = work.store.evidence
    with work.spool.recording(None, leg_id=audio.leg_id) as spooled:
        with work.store.archive.open(key) as body:
            while chunk := body.read(CHUNK):
                spooled.write(chunk)
        metadata = {"leg-id": audio.leg_id, "whole-sha256": spooled.sha256, "whole-size": str(spooled.size)}
        folder = key.removeprefix("audio/").rpartition("/")[0]
        name = f"damaged/{folder}/{audio.leg_id}-{spooled.sha256[:16]}.bin"
        create_or_adopt(evidence, name, spooled.file, sha256=spooled.sha256, metadata=metadata)
    evidence.sync()
