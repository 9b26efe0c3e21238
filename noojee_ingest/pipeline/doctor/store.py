"""The store, asked on scratch keys what the archive's promises rest on.

Nothing is left in the archive. What can be asked of it without leaving an object is asked: a put under a wrong
checksum, which a store that was seen to refuse such a put refuses there too, and which tells whether we may write.
"""

from __future__ import annotations

import hashlib
import io
import threading
from collections.abc import Iterator
from uuid import uuid4

from noojee_ingest.pipeline.doctor.report import Check, Result
from noojee_ingest.pipeline.places import open_root, open_store
from noojee_ingest.settings import Settings
from noojee_ingest.settings_store import FolderStore, S3Store
from noojee_ingest.storage.errors import AlreadyExists, ChecksumMismatch, StorageError
from noojee_ingest.storage.root import Root, RootName

PROOF = b"Put by the doctor of noojee-ingest to see what this store does. It may be deleted."


def digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


SHA256, WRONG = digest(PROOF), digest(b"other bytes")

CHECKSUM, CREATE_ONLY = "store: wrong checksum refused", "store: create-only"
VERSIONS, LOCKS = "store: versions", "store: locks"


def examine_store(settings: Settings, stop: threading.Event) -> Iterator[Check]:
    """Every check of the store; a root that cannot be opened costs its own checks only."""
    roots: dict[RootName, Root] = {}
    for name in RootName:
        try:
            roots[name] = _opened(settings, name)
        except StorageError as error:
            yield Check(f"store: {name} can be read", Result.FAILED, str(error))
        else:
            yield Check(f"store: {name} can be read", Result.OK, "it answers")
    key = f"proof/{uuid4().hex}"
    refuses = False
    if scratch := roots.get(RootName.SCRATCH):
        checksum = _wrong_checksum(scratch, f"{key}/wrong")
        refuses = checksum.result is Result.OK
        yield checksum
        yield _create_only(scratch, f"{key}/kept")
    else:
        for proof in (CHECKSUM, CREATE_ONLY):
            yield Check(proof, Result.SKIPPED, "scratch cannot be opened, so nothing can be put there")
    for name in (RootName.ARCHIVE, RootName.EVIDENCE, RootName.LAKE):
        if name in roots:
            yield _writable(roots[name], f"proof/{uuid4().hex}", refuses=refuses)
    if isinstance(settings.store, S3Store):
        from noojee_ingest.pipeline.doctor.buckets import examine_buckets  # noqa: PLC0415  boto3 is slow to import

        yield from examine_buckets(settings, roots, key, stop)
    else:
        yield Check(
            VERSIONS, Result.WARNING, "a folder keeps no versions: who may write there can change a file", needed=False
        )
        yield Check(
            LOCKS,
            Result.WARNING,
            "a folder cannot lock: who may write there can delete a recording",
            "Where that must be impossible, keep the archive in a bucket with Object Lock.",
            needed=False,
        )


def _opened(settings: Settings, name: RootName) -> Root:
    """A root to write to. Raises StorageError."""
    if isinstance(settings.store, FolderStore):
        root: Root = getattr(open_store(settings), name)
        return root
    return open_root(settings, name)


def put(root: Root, key: str, sha256: str = SHA256) -> None:
    root.create(key, io.BytesIO(PROOF), size=len(PROOF), sha256=sha256, metadata={})


def _wrong_checksum(scratch: Root, key: str) -> Check:
    try:
        put(scratch, key, WRONG)
    except ChecksumMismatch:
        return Check(CHECKSUM, Result.OK, "a put under another SHA-256 was refused, on scratch")
    except StorageError as error:
        return Check(CHECKSUM, Result.FAILED, f"it could not be asked: {error}")
    return Check(
        CHECKSUM,
        Result.FAILED,
        f"it took bytes under another SHA-256, on scratch{left(scratch, key)}",
        "No checksum of this store can be trusted: take one that checks x-amz-checksum-sha256.",
    )


def _create_only(scratch: Root, key: str) -> Check:
    found = ""
    try:
        put(scratch, key)
        put(scratch, key)
    except AlreadyExists as taken:
        found = taken.found.sha256
    except StorageError as error:
        return Check(CREATE_ONLY, Result.FAILED, f"it could not be asked: {error}{left(scratch, key)}")
    leaves = left(scratch, key)
    if found == SHA256:
        told = "a second put on the same key was refused, on scratch; on archive that cannot be tried"
        return Check(CREATE_ONLY, Result.OK, f"{told} without leaving an object there{leaves}")
    return Check(
        CREATE_ONLY,
        Result.FAILED,
        f"a second put on the same key was taken, on scratch{leaves}",
        "It would overwrite recordings: take a store that honours If-None-Match.",
    )


def _writable(root: Root, key: str, *, refuses: bool) -> Check:
    """Whether we may write to a root, without leaving anything there."""
    name = f"store: {root.name} can be written"
    if not refuses:
        told = (
            "it cannot be tried without leaving an object there, as the store was not seen to refuse a wrong checksum"
        )
        return Check(name, Result.SKIPPED, told)
    try:
        put(root, key, WRONG)
    except ChecksumMismatch:
        told = "a put was let in, and refused for its wrong checksum: nothing is left there"
        return Check(name, Result.OK, told)
    except StorageError as error:
        return Check(name, Result.FAILED, str(error))
    return Check(
        name,
        Result.FAILED,
        f"it took bytes under another SHA-256, though scratch does not; left there: {key}",
        "Remove that object by hand, and let one and the same store hold all four roots.",
    )


def left(scratch: Root, key: str) -> str:
    """Take away what a proof put; a clause that names it where that is not possible."""
    try:
        scratch.delete(key)
    except StorageError as error:
        return f"; left behind: scratch/{key} ({error})"
    return ""
