"""The ``.tmp`` folder of one root: files while they are written, and the lock that puts name changes in one row.

A file here is locked (``flock``) by its writer for as long as it is being written, so the kernel itself says whether
the writer still lives: whatever can be locked belongs to nobody and is swept away when the root is opened. Unlike a
process id in the name, this also holds between containers that share a folder. The id is in the name for people.
"""

from __future__ import annotations

import errno
import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

FOLDER = ".tmp"
FILE_MODE = 0o440  # less the umask: nothing in a store is written twice
FOLDER_MODE = 0o750
_LOCK_FILE = "lock"


def write_bytes(descriptor: int, data: bytes | memoryview) -> None:
    """Write all of ``data``. Every byte of a folder store passes here and nowhere else."""
    rest = memoryview(data)
    while rest:
        rest = rest[os.write(descriptor, rest) :]


@dataclass(frozen=True, slots=True)
class StagedFile:
    """A file being written. At the end of its ``with`` it is gone, unless it was given a name outside."""

    path: Path
    descriptor: int

    def settle(self) -> None:
        """Return when the bytes would survive a power cut."""
        os.fsync(self.descriptor)

    def __enter__(self) -> StagedFile:
        return self

    def __exit__(self, *_: object) -> None:
        with suppress(OSError):  # what stays is swept at the next opening
            self.path.unlink(missing_ok=True)
        _close(self.descriptor)


class Staging:
    """Errors are plain OSErrors: the root knows what it was doing and says so."""

    def __init__(self, root: Path) -> None:
        self._folder = root / FOLDER

    def open(self) -> None:
        """Make the folder, sweep it, and prove that files can be made, locked and linked here."""
        self._folder.mkdir(mode=FOLDER_MODE, exist_ok=True)
        self._sweep()
        with self.lock(), self.new() as probe:
            second = probe.path.with_name(f"{probe.path.name}-link")
            try:
                os.link(probe.path, second)
            except OSError as error:
                raise OSError(errno.EOPNOTSUPP, "no hard links can be made on this file system") from error
            second.unlink()

    def new(self) -> StagedFile:
        while True:
            path = self._folder / f"{os.getpid()}-{uuid4().hex}"
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, FILE_MODE)
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            if os.fstat(descriptor).st_nlink:
                return StagedFile(path, descriptor)
            os.close(descriptor)  # a sweep came between the making and the locking

    @contextmanager
    def lock(self) -> Iterator[None]:
        """Exclude every other thread and process that changes names in this root. Held for a few system calls."""
        descriptor = os.open(self._folder / _LOCK_FILE, os.O_RDWR | os.O_CREAT, 0o640)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield
        finally:
            _close(descriptor)

    def _sweep(self) -> None:
        for path in self._folder.iterdir():
            if path.name == _LOCK_FILE:
                continue
            with suppress(FileNotFoundError):  # its writer finished, or another sweep was quicker
                descriptor = os.open(path, os.O_RDONLY)
                try:
                    fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
                    path.unlink()
                except BlockingIOError:
                    pass  # being written
                finally:
                    _close(descriptor)


def _close(descriptor: int) -> None:
    """Unlock, then close: a forked child may hold a copy of the descriptor, and with it the lock."""
    fcntl.flock(descriptor, fcntl.LOCK_UN)
    os.close(descriptor)
