"""Proof that a store does what the archive's promises rest on, made before anything is kept in it.

A store that takes bytes under a wrong SHA-256, or overwrites what it should only create, would let the archive say
what is not so. Both are asked for real, on two keys of the scratch root: one that is never stored, and one that stays
there, so that nothing piles up.
"""

from __future__ import annotations

import hashlib
import io
from collections.abc import Hashable
from threading import Lock
from uuid import uuid4

from noojee_ingest.storage.errors import AlreadyExists, ChecksumMismatch, StoreUnavailable
from noojee_ingest.storage.root import Root

_PROVING = "proving"
_BYTES = b"Kept by noojee-ingest to see whether this store checks what it is given."
_SHA256 = hashlib.sha256(_BYTES).hexdigest()
_proven: set[Hashable] = set()
_proving = Lock()


def prove(scratch: Root, store: Hashable) -> None:
    """Return when the store refuses a wrong checksum, keeps the right one, and creates without overwriting.

    ``store`` names it: each is proved once in a process. Three requests, five the very first time. Raises
    StoreUnavailable for a store that fails, and what ``Root.create`` raises.
    """
    with _proving:
        if store not in _proven:
            _prove_checksums(scratch)
            _prove_create_only(scratch)
            _proven.add(store)


def _prove_checksums(scratch: Root) -> None:
    wrong = hashlib.sha256(b"other bytes").hexdigest()
    try:
        scratch.create("proof/wrong", io.BytesIO(_BYTES), size=len(_BYTES), sha256=wrong, metadata={})
    except ChecksumMismatch:
        return
    except AlreadyExists:  # taken by an earlier proof
        pass
    raise StoreUnavailable(
        _PROVING,
        f"{scratch.name}/proof/wrong",
        "it took bytes under a wrong SHA-256, so no checksum of its can be trusted: keep the archive in a store that "
        "checks x-amz-checksum-sha256, and delete this key before you try this one again",
    )


def _prove_create_only(scratch: Root) -> None:
    for _ in range(2):  # the first may be the first of all
        try:
            scratch.create(
                "proof/kept", io.BytesIO(_BYTES), size=len(_BYTES), sha256=_SHA256, metadata={"asked": uuid4().hex}
            )
        except AlreadyExists as taken:
            if taken.found.sha256 == _SHA256:
                return
            break
    raise StoreUnavailable(
        _PROVING,
        f"{scratch.name}/proof/kept",
        "it overwrites what it was asked only to create: keep the archive in a store that honours If-None-Match",
    )
