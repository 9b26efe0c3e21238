"""Fixity: one name checked against what the journal says of it. Nothing is written."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from noojee_ingest.journal import segment
from noojee_ingest.journal.errors import DamagedSegment
from noojee_ingest.journal.events import AudioStored, Strength
from noojee_ingest.journal.segment import Segment
from noojee_ingest.model import FindingKind
from noojee_ingest.pipeline.work import Streak
from noojee_ingest.storage.errors import Damaged, NotFound, StoreUnavailable
from noojee_ingest.storage.root import Root, Stored

CHUNK = 1024 * 1024

MOST_UNREADABLE = 16
"""Names in a row that cannot be read: then it is the store, not one object of it."""


class Stopped(Exception):
    """The run was asked to stop."""


@dataclass(frozen=True, slots=True)
class Failure:
    """A name that is not as it should be; ``leg_id`` where it is a leg's audio."""

    name: str
    kind: FindingKind
    detail: str
    leg_id: str = ""


@dataclass(frozen=True, slots=True)
class Reader:
    """How bytes are read: until ``stop`` is set, each number of them told to ``told``.

    ``unreadable`` counts names in a row that the store lists and cannot read.
    """

    stop: threading.Event
    told: Callable[[int], None] = lambda _: None
    unreadable: Streak = field(default_factory=lambda: Streak(MOST_UNREADABLE))

    def cannot(self, root: Root, key: str, error: StoreUnavailable) -> str:
        """What is wrong with an object that cannot be read while its store answers: a bad sector, its permissions.

        Raises the error where it is the store's: it lists nothing either, or so many in a row cannot be read.
        """
        self.unreadable.met(error)
        if self.unreadable.is_on:
            raise error
        for _ in root.list(key):
            break
        return f"it cannot be read: {error.hint}"

    def digest(self, root: Root, key: str, version_id: str = "") -> tuple[str, int]:
        """SHA-256 (hex) and size of an object's bytes, in bounded memory. Raises NotFound, Stopped, StorageError."""
        digest, size = hashlib.sha256(), 0
        with opened(root, key, version_id) as source:
            while chunk := source.read(CHUNK):
                if self.stop.is_set():
                    raise Stopped
                digest.update(chunk)
                size += len(chunk)
                self.told(len(chunk))
        return digest.hexdigest(), size


def opened(root: Root, key: str, version_id: str) -> Any:
    """The version that the journal names; where there is none of that name, the one in sight."""
    if version_id:
        with suppress(NotFound):
            return root.open(key, version_id=version_id)
    return root.open(key)


def check_audio(
    reader: Reader, root: Root, key: str, audio: AudioStored, strength: Strength, *, name: str = ""
) -> Failure | None:
    """What is wrong with an audio object that a listing shows; ``name``: how it is called, where not by its key."""
    if strength is Strength.EXISTS:
        return None

    def failure(kind: FindingKind, detail: str) -> Failure:
        return Failure(name or key, kind, detail, audio.leg_id)

    try:
        stored = root.head(key)
        if wrong := _recorded(stored, audio):
            return failure(FindingKind.DAMAGED_OBJECT, wrong)
        if strength is Strength.READ and (wrong := _read(reader, root, stored, audio)):
            return failure(FindingKind.DAMAGED_OBJECT, wrong)
    except NotFound:
        return failure(FindingKind.GONE_OBJECT, f"the journal names it for leg {audio.leg_id}, it cannot be read")
    except (Damaged, StoreUnavailable) as error:
        told = error.hint if isinstance(error, Damaged) else reader.cannot(root, key, error)
        return failure(FindingKind.DAMAGED_OBJECT, told)
    reader.unreadable.broken()
    return None


def _read(reader: Reader, root: Root, stored: Stored, audio: AudioStored) -> str:
    """How the bytes differ from what was journalled; ``""``: they do not."""
    version = audio.version_id if root.name == "archive" else ""
    in_sight = [""] if version and stored.version_id != version else []  # put back by a release, say
    for version_id in (version, *in_sight):
        digest, size = reader.digest(root, stored.key, version_id)
        if digest != audio.stored_sha256:
            return f"it holds {size:,} bytes with SHA-256 {digest[:16]}…, {_journalled(audio)}"
    return ""


def _recorded(stored: Stored, audio: AudioStored) -> str:
    """How what the store recorded differs from what was journalled; ``""``: it does not."""
    if audio.encoding == "identity" and audio.stored_sha256 != audio.content_sha256:
        return "what was journalled of it contradicts itself: its bytes are not encoded, and have two checksums"
    if (stored.sha256, stored.size) != (audio.stored_sha256, audio.stored_size):
        told = f"{stored.size:,} bytes with SHA-256 {stored.sha256[:16]}…"
        return f"the store recorded {told}, {_journalled(audio)}"
    for member, told in (("sha256", audio.content_sha256), ("leg-id", audio.leg_id)):
        if stored.metadata.get(member) != told:
            return f"its metadata has another {member} than was journalled"
    return ""


def _journalled(audio: AudioStored) -> str:
    return f"journalled are {audio.stored_size:,} with {audio.stored_sha256[:16]}…"


def read_segment(reader: Reader, root: Root, key: str) -> Segment | Failure:
    """A journal segment, read whole and compared with what the store recorded. Raises UnknownVersion, StorageError."""
    try:
        with root.open(key) as source:
            data = source.read()
        reader.told(len(data))
        found = segment.read_bytes(key, data)
        if root.head(key).sha256 != hashlib.sha256(data).hexdigest():
            return Failure(key, FindingKind.DAMAGED_SEGMENT, "its bytes are not those that the store recorded")
    except NotFound:
        return Failure(key, FindingKind.GONE_SEGMENT, "it cannot be read: the store has it no more")
    except DamagedSegment as error:
        return Failure(key, FindingKind.DAMAGED_SEGMENT, str(error).partition(" (")[0])
    except Damaged as error:
        return Failure(key, FindingKind.DAMAGED_SEGMENT, error.hint)
    except StoreUnavailable as error:
        return Failure(key, FindingKind.DAMAGED_SEGMENT, reader.cannot(root, key, error))
    reader.unreadable.broken()
    return found
