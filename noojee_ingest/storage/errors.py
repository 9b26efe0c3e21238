"""What can go wrong in a store.

::

    StorageError
    ├── BadKey              a key that no store of ours takes
    ├── BadMetadata         metadata that not every store could keep
    ├── AlreadyExists       the key is taken; ``found`` is what holds it
    ├── NotFound            no such object
    ├── Damaged             the object and what is recorded of it disagree
    ├── ChecksumMismatch    the bytes are not those that were announced
    ├── ForbiddenByPolicy   this root does not allow it
    ├── Held                a lock holds the object, ``until`` when; ``None`` for a legal hold
    └── StoreFailure        the store itself, not what was asked of it
        ├── StoreFull
        ├── StoreReadOnly
        └── StoreUnavailable

Every error says what was being done, to which key, and what a person can do next.
"""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import ClassVar

from noojee_ingest.storage.root import Stored


class StorageError(Exception):
    """``doing`` is a verb phrase ("storing"), ``key`` names root and key, ``hint`` says what a person can do."""

    what: ClassVar[str] = "the store refused"

    def __init__(self, doing: str, key: str, hint: str) -> None:
        super().__init__(doing, key, hint)
        self.doing = doing
        self.key = key
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.doing} {self.key}: {self.what}; {self.hint}"


class BadKey(StorageError):
    what = "not a key"


class BadMetadata(StorageError):
    what = "not metadata that every store can keep"


class AlreadyExists(StorageError):
    """The key is taken. ``found`` is what holds it, so that the caller can compare and adopt it."""

    what = "there is an object already"

    def __init__(self, doing: str, key: str, hint: str, found: Stored) -> None:
        super().__init__(doing, key, hint)
        self.args = (doing, key, hint, found)  # a pickled error comes back whole
        self.found = found


class NotFound(StorageError):
    what = "no such object"


class Damaged(StorageError):
    """``version_id``: of the object that is there, ``""`` where the store has no versions."""

    what = "the object and what is recorded of it disagree"

    def __init__(self, doing: str, key: str, hint: str, version_id: str = "") -> None:
        super().__init__(doing, key, hint)
        self.args = (doing, key, hint, version_id)
        self.version_id = version_id


class ChecksumMismatch(StorageError):
    what = "the bytes are not those that were announced"


class ForbiddenByPolicy(StorageError):
    what = "this root does not allow it"


class Held(StorageError):
    """A lock holds the object until the instant ``until`` (aware, UTC), or, a legal hold (``None``), until lifted."""

    what = "a lock holds it"

    def __init__(self, doing: str, key: str, hint: str, until: datetime | None) -> None:
        super().__init__(doing, key, hint)
        self.args = (doing, key, hint, until)
        self.until = until

    def __str__(self) -> str:
        return f"{super().__str__()} (until {self.until.isoformat() if self.until else 'it is lifted'})"


class StoreFailure(StorageError):
    """The store itself is at fault; the same request may succeed once it is mended."""


class StoreFull(StoreFailure):
    what = "the store is full"


class StoreReadOnly(StoreFailure):
    what = "the store cannot be written"


class StoreUnavailable(StoreFailure):
    what = "the store does not answer as it should"


_FULL = {errno.ENOSPC, errno.EDQUOT}
_READ_ONLY = {errno.EROFS, errno.EACCES, errno.EPERM}


@contextmanager
def telling(doing: str, key: str, *, writing: bool) -> Iterator[None]:
    """Turn an OSError of the block into the StoreFailure that it means; the OSError stays as the cause."""
    try:
        yield
    except OSError as error:
        said = error.strerror or str(error)
        if writing and error.errno in _FULL:
            raise StoreFull(doing, key, f"{said}: free space or raise the quota, then run again") from error
        if writing and error.errno in _READ_ONLY:
            raise StoreReadOnly(
                doing, key, f"{said}: make the folder writable for the user that runs this, then run again"
            ) from error
        raise StoreUnavailable(doing, key, f"{said}: check the disk or mount and its permissions") from error
