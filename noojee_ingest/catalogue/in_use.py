"""Who has a catalogue open, as locks that the kernel keeps on ``<catalogue>.lock`` beside it.

All who work with a catalogue hold its first byte together; who puts another file in its place holds it alone. Each
holds besides the byte of its own process, so that others can ask whether that lives: in another container too. However
a process ends, its hold ends with it. The lock's file is empty and stays.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import struct
import time
from pathlib import Path
from typing import Any

from noojee_ingest.catalogue.processes import identity, this_process

LOOK_SECONDS = 0.05  # between two tries
IN_USE = 0
"""The byte that all hold."""
FLOCK = "hhqqi"
"""The kernel's ``struct flock``: kind of lock, from where, first byte, how many, 0."""


class InUse:
    """A hold on the catalogue at ``path``; ``close`` it. Raises OSError where the lock's file cannot be made."""

    def __init__(self, path: Path) -> None:
        if not hasattr(fcntl, "F_OFD_SETLK"):
            raise OSError("the locks that keep two programs apart are those of Linux, which this system has not")
        path.parent.mkdir(parents=True, exist_ok=True)
        self._descriptor = os.open(_lock_file(path), os.O_RDWR | os.O_CREAT, 0o640)
        _lock(self._descriptor, fcntl.F_RDLCK, _byte_of(this_process()))

    def together(self, *, seconds: float) -> bool:
        """Hold it beside others who do. ``False`` when someone has held it alone for ``seconds``."""
        return self._hold(fcntl.F_RDLCK, seconds)

    def alone(self, *, seconds: float) -> bool:
        """Hold it alone. ``False`` when others hold it still after ``seconds``: what we held before we hold still."""
        return self._hold(fcntl.F_WRLCK, seconds)

    def lasts(self) -> bool:
        return self._descriptor >= 0  # the kernel forgets nothing

    def _hold(self, how: int, seconds: float) -> bool:
        until = time.monotonic() + seconds
        while True:
            try:
                _lock(self._descriptor, how, IN_USE)
            except BlockingIOError:
                if time.monotonic() >= until:
                    return False
                time.sleep(LOOK_SECONDS)
            else:
                return True

    def close(self) -> None:
        """Let go; a second time does nothing."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1


def lives(path: Path, process: Any) -> bool:
    """Whether a process that has the catalogue at ``path`` open lives. Raises OSError."""
    descriptor = os.open(_lock_file(path), os.O_RDWR | os.O_CREAT, 0o640)
    try:
        wanted = struct.pack(FLOCK, fcntl.F_WRLCK, os.SEEK_SET, _byte_of(process), 1, 0)
        found: int = struct.unpack(FLOCK, fcntl.fcntl(descriptor, fcntl.F_OFD_GETLK, wanted))[0]
    finally:
        os.close(descriptor)
    return found != fcntl.F_UNLCK


def _lock_file(path: Path) -> Path:
    return path.with_name(f"{path.name}.lock")


def _lock(descriptor: int, how: int, byte: int) -> None:
    """A lock of the open file, not of the process: threads and other holds of ours count. Raises BlockingIOError."""
    fcntl.fcntl(descriptor, fcntl.F_OFD_SETLK, struct.pack(FLOCK, how, os.SEEK_SET, byte, 1, 0))


def _byte_of(process: Any) -> int:
    """Behind the one that all hold, and below 2**62."""
    digest = hashlib.sha256(repr(identity(process)).encode()).digest()
    return 1 + (int.from_bytes(digest[:8]) >> 2)
