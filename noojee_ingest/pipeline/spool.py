"""Where a recording waits while it is hashed and checked: in memory while small, then in a bounded disk area."""

from __future__ import annotations

import hashlib
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO, cast

from noojee_ingest.pipeline.errors import RecordingTooLarge, SpoolFailed, SpoolFull


class Spool:
    """A spool shared by all workers of a process.

    Memory is at most ``workers x memory_bytes`` (each worker holds one recording) and some 10 % that growing buffers
    take; the peak of a run until it publishes, less that of a run that finds no recordings, stays below
    ``workers x memory_bytes + 32 MiB`` whatever the size of the recordings. What is larger than ``memory_bytes`` goes
    to files under ``path`` that have no name, so that nothing is left of a dead run. Those files hold at most
    ``disk_bytes`` together. A recording may have ``largest`` bytes.
    """

    def __init__(self, path: Path, *, memory_bytes: int, disk_bytes: int, largest: int) -> None:
        self.path = path
        self.memory_bytes = memory_bytes
        self.disk_bytes = disk_bytes
        self.largest = largest
        self._reserved = 0
        self._freed = threading.Condition()

    @contextmanager
    def recording(self, expected: int | None, *, leg_id: str) -> Iterator[Spooled]:
        """A place for one recording; ``expected`` is its length in bytes where that is known.

        With a known length the room is reserved before the first byte, waiting for others to finish; without one it is
        reserved as it grows and a full area is an error at once: so two that grow cannot wait for each other.
        Raises RecordingTooLarge, SpoolFull, SpoolFailed.
        """
        if expected is not None and expected > self.largest:
            raise RecordingTooLarge(leg_id, expected, self.largest)
        try:
            self.path.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise SpoolFailed(self.path, leg_id, error) from error
        spooled = Spooled(self, leg_id)
        try:
            if expected is not None and expected > self.memory_bytes:
                spooled.reserve(expected, wait=True)
            yield spooled
        finally:
            with suppress(OSError):  # of bytes that a full disk did not take; nobody wants them any more
                spooled.file.close()
            self._give_back(spooled.reserved)

    def _reserve(self, size: int, leg_id: str, *, wait: bool) -> None:
        if size > self.disk_bytes:
            raise SpoolFull(leg_id, size, self.disk_bytes)
        with self._freed:
            if wait:
                self._freed.wait_for(lambda: self._reserved + size <= self.disk_bytes)
            elif self._reserved + size > self.disk_bytes:
                raise SpoolFull(leg_id, size, self.disk_bytes - self._reserved)
            self._reserved += size

    def _give_back(self, size: int) -> None:
        with self._freed:
            self._reserved -= size
            self._freed.notify_all()


class Spooled:
    """One recording in the spool. ``size`` in bytes and ``sha256`` (hex) follow what was written."""

    def __init__(self, spool: Spool, leg_id: str) -> None:
        self._spool = spool
        self._leg_id = leg_id
        self._digest = hashlib.sha256()
        self.size = 0
        self.reserved = 0
        temporary = tempfile.SpooledTemporaryFile(max_size=spool.memory_bytes, dir=str(spool.path))  # noqa: SIM115
        self.file = cast(BinaryIO, temporary)

    def write(self, chunk: bytes) -> None:
        self.size += len(chunk)
        if self.size > self._spool.largest:
            raise RecordingTooLarge(self._leg_id, self.size, self._spool.largest)
        if self.size > max(self.reserved, self._spool.memory_bytes):
            self.reserve(self.size - self.reserved, wait=False)
        self._digest.update(chunk)
        try:
            self.file.write(chunk)
            self.file.flush()  # else a full disk is met when nobody looks for it
        except OSError as error:
            raise SpoolFailed(self._spool.path, self._leg_id, error) from error

    def reserve(self, size: int, *, wait: bool) -> None:
        self._spool._reserve(size, self._leg_id, wait=wait)
        self.reserved += size

    @property
    def sha256(self) -> str:
        return self._digest.hexdigest()
