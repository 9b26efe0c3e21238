"""Get: a leg's audio out of the archive, its checksum verified on the way.

Who gets it, and why, is journalled before the first byte is given out: where that cannot be written, nobody gets it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import groupby
from typing import BinaryIO
from zoneinfo import ZoneInfo

from noojee_ingest import model
from noojee_ingest.catalogue import queries
from noojee_ingest.catalogue.database import Catalogue
from noojee_ingest.journal.events import Accessed
from noojee_ingest.model import State
from noojee_ingest.pipeline.accountable import accountable
from noojee_ingest.pipeline.errors import AudioDamaged, NotArchived, NotKnown
from noojee_ingest.pipeline.index import refuse_other_archive
from noojee_ingest.pipeline.places import open_archive
from noojee_ingest.pipeline.progress import Tally
from noojee_ingest.pipeline.quarantine import later
from noojee_ingest.pipeline.record import record
from noojee_ingest.pipeline.work import present
from noojee_ingest.settings import Settings
from noojee_ingest.storage.errors import Damaged, NotFound
from noojee_ingest.storage.root import Root

CHUNK = 1024 * 1024


@dataclass(frozen=True, slots=True)
class ArchivedAudio:
    """Audio that the catalogue names. ``size`` in bytes, ``sha256`` in hex of the whole file, ``site`` a slug.

    ``version_id`` is that of the object that was stored, ``""`` where the store had no versions.
    """

    leg_id: str
    site: str
    call_record_id: str
    unique_id: str
    leg: str
    key: str
    version_id: str
    size: int
    sha256: str
    extension: str
    seconds: float


@dataclass(frozen=True, slots=True)
class LegWithout:
    """A leg of which no audio is archived, and why."""

    leg_id: str
    leg: str
    state: str
    cause: str


def find_audio(
    catalogue: Catalogue, name: str, *, leg: str | None = None, site: str | None = None
) -> tuple[list[ArchivedAudio], list[LegWithout]]:
    """The archived audio of a leg id, or of the legs of a call record id or unique id; ``leg`` picks one of them.

    Where a leg has several audios (a finding, ``conflict``) all are given, the earliest first. Then the legs that are
    not archived. Raises NotKnown, and NotArchived when no leg is, saying what is known.
    """
    rows = [row for row in queries.legs_named(catalogue, name, site) if leg is None or row["leg"] == leg]
    if not rows:
        raise NotKnown(name)
    archived = {row["leg_id"]: row for row in rows if row["state"] == State.ARCHIVED.value}
    if not archived:
        states = ", ".join(sorted({f"{row['state']} {row['cause']}".strip() for row in rows}))
        raise NotArchived(name, f"its state is {states}", SEE_HISTORY)
    found = [
        ArchivedAudio(
            leg_id=row["leg_id"],
            site=row["site"],
            call_record_id=archived[row["leg_id"]]["call_record_id"] or "",
            unique_id=archived[row["leg_id"]]["unique_id"] or "",
            leg=archived[row["leg_id"]]["leg"] or "",
            key=row["key"],
            version_id=row["version_id"],
            size=row["content_size"],
            sha256=row["content_sha256"],
            extension=row["extension"],
            seconds=row["seconds"],
        )
        for row in queries.audio_of(catalogue, archived)
    ]
    without = [
        LegWithout(row["leg_id"], row["leg"] or "", row["state"], row["cause"] or "")
        for row in rows
        if row["leg_id"] not in archived
    ]
    return found, without


@dataclass(frozen=True, slots=True)
class Place:
    """Of the store the archive alone: who gives audio out need have no right to the other roots."""

    archive: Root


@dataclass(frozen=True, slots=True)
class Counter:
    """Where audio of one site is given out, at one instant."""

    site: str
    store: Place
    catalogue: Catalogue
    at: datetime
    actor: str = "get"
    tally: Tally = field(default_factory=Tally)

    def clock(self) -> datetime:
        return self.at


def get(
    settings: Settings, catalogue: Catalogue, wanted: Sequence[ArchivedAudio], *, reason: str, name: str
) -> GivenOut:
    """Journal who gets this audio and why, then give it out: ``GivenOut.copy`` writes it, one after the other.

    ``reason`` and ``name`` (who gets it) are kept as what is personal. What is of one site is journalled in one
    segment. That somebody had it is said from then on, whether they came to copy it or not.
    Raises BadSearch for a reason or name without text, NotArchived where a leg is archived no more, SegmentsGone,
    StorageError, CatalogueError: then nothing is given out.
    """
    reason, name = accountable("giving audio out", reason=reason, name=name)
    archive = open_archive(settings)
    refuse_other_archive(catalogue, archive)
    for slug, of_site in groupby(sorted(wanted, key=lambda one: one.site), key=lambda one: one.site):
        site = settings.sites.get(slug)
        now = present(site) if site else model.now_utc()
        day = model.site_day(now, site.zone if site else ZoneInfo("UTC"))
        counter = Counter(slug, Place(archive), catalogue, now)
        those = list(of_site)
        times = later(counter, [one.leg_id for one in those])  # nobody gets what is not there yet
        record(
            counter,
            [
                Accessed(
                    time=times[one.leg_id],
                    actor=counter.actor,
                    site=slug,
                    day=day,
                    leg_id=one.leg_id,
                    sha256=one.sha256,
                    reason=reason,
                    name=name,
                )
                for one in those
            ],
        )
    legs = queries.legs_by_id(catalogue, {one.leg_id for one in wanted})
    for leg_id, row in legs.items():
        if row["state"] != State.ARCHIVED.value:  # somebody decided about it meanwhile
            raise NotArchived(leg_id, f"its state is {row['state']}", SEE_HISTORY)
    return GivenOut(catalogue, archive, tuple(wanted))


SEE_HISTORY = "See `noojee-ingest show` for its history."


@dataclass(frozen=True, slots=True)
class GivenOut:
    """Audio of which it is journalled who gets it."""

    catalogue: Catalogue
    archive: Root
    audio: tuple[ArchivedAudio, ...]

    def copy(self, audio: ArchivedAudio, target: BinaryIO, *, progress: Callable[[int], None] = lambda _: None) -> None:
        """Copy one of them into ``target``, as ``read_audio``. Raises ValueError for any other."""
        if audio not in self.audio:
            raise ValueError(f"leg {audio.leg_id} is not among what is given out")
        read_audio(self.catalogue, self.archive, audio, target, progress=progress)


def read_audio(
    catalogue: Catalogue,
    archive: Root,
    audio: ArchivedAudio,
    target: BinaryIO,
    *,
    progress: Callable[[int], None] = lambda _: None,
) -> None:
    """Copy audio into ``target`` and verify it. ``progress`` is told each number of bytes written.

    It is the version that was stored, whatever was put on top of it since; ``is_hidden`` tells. Raises AudioDamaged
    when size or checksum differ from what was archived, or the object is gone: then what was written must not be used.
    Raises SegmentsGone where it is gone because this is not the store that the catalogue is the index of, and
    StorageError.
    """
    digest, size = hashlib.sha256(), 0
    try:
        with _opened(archive, audio) as source:
            while chunk := source.read(CHUNK):
                digest.update(chunk)
                size += len(chunk)
                target.write(chunk)
                progress(len(chunk))
    except NotFound as error:
        refuse_other_archive(catalogue, archive)
        raise AudioDamaged(audio.leg_id, audio.key, "the store has it no more") from error
    if size != audio.size or digest.hexdigest() != audio.sha256:
        told = f"{size:,} bytes with SHA-256 {digest.hexdigest()}, archived were {audio.size:,} with {audio.sha256}"
        raise AudioDamaged(audio.leg_id, audio.key, told)


def _opened(archive: Root, audio: ArchivedAudio) -> BinaryIO:
    try:
        return archive.open(audio.key, version_id=audio.version_id)
    except NotFound:
        if not audio.version_id:
            raise
        return archive.open(audio.key)  # a copy of the store has versions of its own, or none


def is_hidden(archive: Root, audio: ArchivedAudio) -> bool:
    """Whether a delete marker or another object lies on top of the one that was stored. Raises StorageError."""
    if not audio.version_id:
        return False
    try:
        return archive.head(audio.key).sha256 != audio.sha256
    except (NotFound, Damaged):
        return True
