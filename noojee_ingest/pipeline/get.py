"""Get: a leg's audio out of the archive, its checksum verified on the way."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import BinaryIO

from noojee_ingest.catalogue import queries
from noojee_ingest.catalogue.database import Catalogue
from noojee_ingest.model import State
from noojee_ingest.pipeline.errors import AudioDamaged, NotArchived, NotKnown
from noojee_ingest.storage.errors import NotFound
from noojee_ingest.storage.root import Root

CHUNK = 1024 * 1024


@dataclass(frozen=True, slots=True)
class ArchivedAudio:
    """Audio that the catalogue names. ``size`` in bytes, ``sha256`` in hex of the whole file."""

    leg_id: str
    call_record_id: str
    unique_id: str
    leg: str
    key: str
    size: int
    sha256: str
    extension: str
    seconds: float


def find_audio(
    catalogue: Catalogue, name: str, *, leg: str | None = None, site: str | None = None
) -> list[ArchivedAudio]:
    """The archived audio of a leg id, or of the legs of a call record id or unique id; ``leg`` picks one of them.

    Where a leg has several audios (a finding, ``conflict``) all are given, the earliest first. Legs that are not
    archived are left out. Raises NotKnown, and NotArchived when none is left, saying what is known.
    """
    rows = [row for row in queries.legs_named(catalogue, name, site) if leg is None or row["leg"] == leg]
    if not rows:
        raise NotKnown(name)
    archived = {row["leg_id"]: row for row in rows if row["state"] == State.ARCHIVED.value}
    if not archived:
        states = ", ".join(sorted({f"{row['state']} {row['cause']}".strip() for row in rows}))
        raise NotArchived(name, f"its state is {states}", "See `noojee-ingest show` for its history.")
    return [
        ArchivedAudio(
            leg_id=row["leg_id"],
            call_record_id=archived[row["leg_id"]]["call_record_id"] or "",
            unique_id=archived[row["leg_id"]]["unique_id"] or "",
            leg=archived[row["leg_id"]]["leg"] or "",
            key=row["key"],
            size=row["content_size"],
            sha256=row["content_sha256"],
            extension=row["extension"],
            seconds=row["seconds"],
        )
        for row in queries.audio_of(catalogue, archived)
    ]


def get(
    archive: Root, audio: ArchivedAudio, target: BinaryIO, *, progress: Callable[[int], None] = lambda _: None
) -> None:
    """Copy audio into ``target`` and verify it. ``progress`` is told each number of bytes written.

    Raises AudioDamaged when size or checksum differ from what was archived, or the object is gone: then what was
    written must not be used. Raises StorageError.
    """
    digest, size = hashlib.sha256(), 0
    try:
        with archive.open(audio.key) as source:
            while chunk := source.read(CHUNK):
                digest.update(chunk)
                size += len(chunk)
                target.write(chunk)
                progress(len(chunk))
    except NotFound as error:
        raise AudioDamaged(audio.leg_id, audio.key, "the store has it no more") from error
    if size != audio.size or digest.hexdigest() != audio.sha256:
        told = f"{size:,} bytes with SHA-256 {digest.hexdigest()}, archived were {audio.size:,} with {audio.sha256}"
        raise AudioDamaged(audio.leg_id, audio.key, told)
