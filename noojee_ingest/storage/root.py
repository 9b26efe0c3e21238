"""The one small interface to an object store: a root.

An archive has four roots, each its own folder, bucket or prefix with its own policy:

=========  ==========================================================
archive    create only; ``withdraw`` by a journalled decision
evidence   what was rejected or quarantined; may be deleted by policy
lake       may be replaced
scratch    may be deleted
=========  ==========================================================

Keys are relative to the root, ``/`` between parts, and are made by us from digests, slugs and dates: nothing from the
wire is ever part of one. ``storage.keys`` says which keys and which metadata every store takes.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import BinaryIO, Protocol


class RootName(StrEnum):
    ARCHIVE = "archive"
    EVIDENCE = "evidence"
    LAKE = "lake"
    SCRATCH = "scratch"


@dataclass(frozen=True, slots=True)
class Retention:
    """Write-once protection asked for one object; a store that cannot give it refuses the object."""

    mode: str  # "governance" or "compliance"
    until: datetime  # aware, UTC


@dataclass(frozen=True, slots=True)
class Stored:
    """An object as the store knows it."""

    root: RootName
    bucket: str  # "" in a folder store
    key: str
    size: int  # bytes
    sha256: str  # hex, verified by the store when it took the bytes
    checksum_type: str  # "sha256-full-object"
    version_id: str  # "" where the store has no versions
    metadata: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Listed:
    """One line of a listing."""

    key: str
    size: int  # bytes


class Root(Protocol):
    """One root of a store. Safe to share between threads.

    Every error is a ``StorageError`` (``storage.errors``). Besides those named below, every verb raises BadKey for a
    key that no store takes, and a StoreFailure (StoreFull, StoreReadOnly, StoreUnavailable) when the store is at fault.
    """

    name: RootName

    def create(
        self,
        key: str,
        body: BinaryIO,
        *,
        size: int,
        sha256: str,
        metadata: Mapping[str, str],
        retention: Retention | None = None,
    ) -> Stored:
        """Put a new object in one piece; the store checks ``size`` (bytes) and ``sha256`` (hex) before it is visible.

        ``body`` is read from its present position; an OSError of its own passes unchanged. ``metadata`` has names of
        a-z, 0-9 and ``-``, values of printable ASCII, and less than 2 KB in all; an empty value is as good as none, and
        a store may drop it. Never overwrites.
        Raises AlreadyExists (``found`` is what is there, so that the caller can adopt it), Damaged (something is there,
        but what is recorded of it cannot be right), ChecksumMismatch, BadMetadata, and ForbiddenByPolicy where
        ``retention`` is asked of a store that cannot give it.
        """
        ...

    def open(self, key: str, offset: int = 0, length: int | None = None, *, version_id: str = "") -> BinaryIO:
        """The object's bytes from ``offset``, at most ``length``; close it. Raises NotFound.

        ``version_id`` names one version, whatever hides it; ``""``: the one that is in sight. To read raises as well.
        """
        ...

    def head(self, key: str) -> Stored:
        """What the store recorded of the object, without reading it. Raises NotFound, Damaged."""
        ...

    def versions(self, key: str) -> Sequence[Stored]:
        """Every version of one object, whatever hides it; without versions one or none. Raises Damaged."""
        ...

    def refuse_if_held(self, key: str) -> None:
        """Return where no lock is seen on the object that is in sight. Raises Held, NotFound."""
        ...

    def list(self, prefix: str) -> Iterator[Listed]:
        """All objects whose key starts with ``prefix``, sorted by key. A prefix that names nothing lists nothing."""
        ...

    def replace(self, key: str, body: BinaryIO, *, size: int, sha256: str, metadata: Mapping[str, str]) -> Stored:
        """Create or replace in one step; readers see the old object or the new. Lake only, else ForbiddenByPolicy.

        Raises ChecksumMismatch and BadMetadata as ``create`` does; the old object then stays.
        """
        ...

    def delete(self, key: str) -> None:
        """Remove an object; absent is fine. Evidence and scratch only, else ForbiddenByPolicy."""
        ...

    def withdraw(self, key: str, *, version_id: str, decision: str) -> None:
        """Remove one version of one archived object under a journalled decision (its event id).

        Archive only, else ForbiddenByPolicy. Raises NotFound, and Held (until when) where a lock holds it. The key may
        be created again; whether it should be is the journal's to say.
        """
        ...

    def sync(self) -> None:
        """Return when every object that this root created, found taken or read the head of would survive a power cut.

        Called before the segment that names them: for the archive once a batch.
        """
        ...


@dataclass(frozen=True, slots=True)
class Store:
    """The four roots together."""

    archive: Root
    evidence: Root
    lake: Root
    scratch: Root
