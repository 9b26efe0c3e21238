"""A store in four local folders.

The object ``audio/x.wav`` is the file of that name; ``audio/x.wav.json`` beside it is its sidecar (``sidecar.py``).
A new object is written to the root's ``.tmp`` and flushed to disk, then the sidecar gets its name, then the object,
which can only succeed while the name is free: an object that can be seen is whole and has its sidecar. A sidecar
without an object is what a writer left that died in between; it is not shown, and the next writer replaces it.

Names survive a power cut once ``sync`` has returned.
"""

from __future__ import annotations

import hashlib
import io
import os
import stat
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path, PurePosixPath
from threading import Lock
from typing import TYPE_CHECKING, BinaryIO

from noojee_ingest.storage import keys, policy, sidecar
from noojee_ingest.storage.errors import (
    AlreadyExists,
    BadKey,
    ChecksumMismatch,
    Damaged,
    ForbiddenByPolicy,
    NotFound,
    StoreReadOnly,
    StoreUnavailable,
    telling,
)
from noojee_ingest.storage.policy import Act
from noojee_ingest.storage.root import Listed, Retention, RootName, Store, Stored
from noojee_ingest.storage.sidecar import Facts, Sidecar
from noojee_ingest.storage.staging import FOLDER_MODE, StagedFile, Staging, write_bytes

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

_CHUNK = 256 * 1024  # bytes; the memory that one create or replace needs
_READING = "reading"
_NO_OBJECT = (FileNotFoundError, NotADirectoryError, IsADirectoryError)


def open_folder_store(path: Path, *, reading: bool = False) -> Store:
    """Open the store at ``path``, making the folder and its four roots where they are missing.

    With ``reading`` nothing is made or written, so that an archive on a read-only mount can be read; a store that is
    not there is StoreUnavailable, and writing is refused with StoreReadOnly.
    Raises StoreReadOnly, StoreFull or StoreUnavailable (not a folder; no hard links or locks on this file system).
    """
    if reading:
        if not (path / RootName.ARCHIVE).is_dir():
            raise StoreUnavailable("opening the store", str(path), "there is none: check [store] path and its mount")
    else:
        with _opening(path):
            path.mkdir(mode=FOLDER_MODE, parents=True, exist_ok=True)
    roots = {name: FolderRoot(name, path / name, reading=reading) for name in RootName}
    if not reading:
        with _opening(path):
            _settle_folder(path)
    return Store(
        archive=roots[RootName.ARCHIVE],
        evidence=roots[RootName.EVIDENCE],
        lake=roots[RootName.LAKE],
        scratch=roots[RootName.SCRATCH],
    )


class FolderRoot:
    """One root in one local folder; the promises are those of ``storage.root.Root``.

    Safe between threads, and between processes as far as the file system keeps ``flock`` and hard links.
    Raises, when made, what ``open_folder_store`` raises.
    """

    def __init__(self, name: RootName, path: Path, *, reading: bool = False) -> None:
        self.name = name
        self._reading = reading
        self._path = path
        self._staging = Staging(path)
        self._touched: set[Path] = set()  # folders whose entries may not be on disk yet
        self._touching = Lock()
        self._syncing = Lock()
        if not reading:
            with _opening(path):
                path.mkdir(mode=FOLDER_MODE, exist_ok=True)
                self._staging.open()

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
        """As ``Root.create``. A folder cannot lock, so ``retention`` raises ForbiddenByPolicy.

        An OSError of ``body`` itself is not the store's and passes unchanged.
        """
        self._check(Act.CREATE, key, metadata)
        if retention is not None:
            raise ForbiddenByPolicy(
                Act.CREATE,
                self._told(key),
                "a folder cannot lock an object: use a bucket with object lock, or no retention",
            )
        facts = Facts(size, sha256, dict(metadata))
        self._refuse_if_taken(key)
        with self._stage(Act.CREATE, key) as content, self._stage(Act.CREATE, key) as beside:
            self._fill(Act.CREATE, key, content, body, facts)
            with self._telling(Act.CREATE, key):
                _write_sidecar(beside, Sidecar(facts))
                self._make_folders(key)
            with self._locked(Act.CREATE, key):
                self._refuse_if_taken(key)
                beside.path.replace(self._sidecar(key))
                os.link(content.path, self._object(key))
        return self._stored(key, facts)

    def replace(self, key: str, body: BinaryIO, *, size: int, sha256: str, metadata: Mapping[str, str]) -> Stored:
        """As ``Root.replace``.

        Object and sidecar are two files and change one after the other. In between, and for ever if the writer dies
        there, the sidecar describes both objects, and ``head`` reads the bytes to tell which one it is.
        """
        self._check(Act.REPLACE, key, metadata)
        facts = Facts(size, sha256, dict(metadata))
        with (
            self._stage(Act.REPLACE, key) as content,
            self._stage(Act.REPLACE, key) as between,
            self._stage(Act.REPLACE, key) as beside,
        ):
            self._fill(Act.REPLACE, key, content, body, facts)
            with self._telling(Act.REPLACE, key):
                _write_sidecar(beside, Sidecar(facts))
                self._make_folders(key)
            with self._locked(Act.REPLACE, key):
                before: Facts | None = None
                with suppress(NotFound, Damaged):
                    before = self._look(key)
                _write_sidecar(between, Sidecar(facts, replacing=True, replaces=before))
                between.path.replace(self._sidecar(key))
                content.path.replace(self._object(key))
                beside.path.replace(self._sidecar(key))
        return self._stored(key, facts)

    def open(self, key: str, offset: int = 0, length: int | None = None, *, version_id: str = "") -> BinaryIO:
        """As ``Root.open``; the bytes are read as they are asked for. A folder store has no versions to name."""
        if offset < 0 or (length is not None and length < 0):
            raise ValueError(f"offset and length are not negative: {offset}, {length}")
        keys.check_key(_READING, self.name, key)
        if version_id:
            raise self._no_version(_READING, key, version_id)
        with self._telling(_READING, key, writing=False):
            try:
                file = self._object(key).open("rb", buffering=0)
            except _NO_OBJECT:
                raise self._not_found(_READING, key) from None
            file.seek(offset)
        return io.BufferedReader(_Reading(file, length, lambda: self._telling(_READING, key, writing=False)))

    def head(self, key: str) -> Stored:
        """As ``Root.head``. Raises Damaged when the sidecar is missing, unreadable, or of another size."""
        keys.check_key(_READING, self.name, key)
        try:
            facts = self._look(key)
        except Damaged:  # or looked at while it changed, which cannot happen under the lock
            if self._reading:
                raise
            with self._locked(_READING, key):
                facts = self._look(key)
        return self._stored(key, facts)

    def versions(self, key: str) -> Sequence[Stored]:
        """As ``Root.versions``: a folder store has none but what is there."""
        try:
            return [self.head(key)]
        except NotFound:
            return []

    def refuse_if_held(self, key: str) -> None:
        """As ``Root.refuse_if_held``: a folder store has no locks."""

    def list(self, prefix: str) -> Iterator[Listed]:
        """As ``Root.list``; sidecars, temporary files and names that are no keys are not shown."""
        folder, beginning = keys.split_prefix("listing", self.name, prefix)
        return self._listed(folder, beginning)

    def delete(self, key: str) -> None:
        """As ``Root.delete``."""
        self._check(Act.DELETE, key)
        self._remove(Act.DELETE, key, missing_ok=True)

    def withdraw(self, key: str, *, version_id: str, decision: str) -> None:
        """As ``Root.withdraw``; a folder store has no versions, so ``version_id`` is ``""``."""
        self._check(Act.WITHDRAW, key)
        if not decision:
            raise ForbiddenByPolicy(Act.WITHDRAW, self._told(key), "journal the decision first and name its event id")
        if version_id:
            raise self._no_version(Act.WITHDRAW, key, version_id)
        self._remove(Act.WITHDRAW, key, missing_ok=False)

    def sync(self) -> None:
        """As ``Root.sync``. Covers what this root created, found taken or read the head of, so also what is adopted."""
        with self._syncing:  # who comes second waits: the first may be at the second's folders
            with self._touching:
                touched, self._touched = self._touched, set()
            try:
                for folder in sorted(touched, reverse=True):
                    with telling("flushing", str(folder), writing=True):
                        _settle_folder(folder)
            except BaseException:
                with self._touching:
                    self._touched |= touched
                raise

    def _check(self, act: Act, key: str, metadata: Mapping[str, str] | None = None) -> None:
        if self._reading:
            raise StoreReadOnly(act, self._told(key), "this store was opened for reading only")
        keys.check_key(act, self.name, key)
        policy.require(act, self.name, key)
        keys.check_metadata(act, self.name, key, metadata or {})

    def _object(self, key: str) -> Path:
        return self._path / key

    def _sidecar(self, key: str) -> Path:
        return self._path / (key + keys.SIDECAR)

    def _told(self, key: str) -> str:
        return keys.told(self.name, key)

    @contextmanager
    def _telling(self, doing: str, key: str, *, writing: bool = True) -> Iterator[None]:
        with telling(doing, self._told(key), writing=writing):
            yield

    def _not_found(self, doing: str, key: str) -> NotFound:
        return NotFound(doing, self._told(key), "check the key, or list what is there")

    def _no_version(self, doing: str, key: str, version_id: str) -> NotFound:
        return NotFound(doing, self._told(key), f"a folder store has no version {version_id!a}")

    def _stage(self, doing: str, key: str) -> StagedFile:
        with self._telling(doing, key):
            return self._staging.new()

    @contextmanager
    def _locked(self, doing: str, key: str) -> Iterator[None]:
        with self._telling(doing, key), self._staging.lock():
            yield

    def _fill(self, doing: str, key: str, staged: StagedFile, body: BinaryIO, facts: Facts) -> None:
        """Copy ``body``, no further than one byte past what was announced, and compare."""
        digest, size = hashlib.sha256(), 0
        while size <= facts.size and (chunk := body.read(min(_CHUNK, facts.size + 1 - size))):
            digest.update(chunk)
            size += len(chunk)
            with self._telling(doing, key):
                write_bytes(staged.descriptor, chunk)
        if size != facts.size or digest.hexdigest() != facts.sha256:
            came = f"more than {facts.size:,}" if size > facts.size else f"{size:,}"
            raise ChecksumMismatch(
                doing,
                self._told(key),
                f"announced {facts.size:,} bytes with SHA-256 {facts.sha256}, came {came} with {digest.hexdigest()}: "
                "fetch it again",
            )
        with self._telling(doing, key):
            staged.settle()

    def _make_folders(self, key: str) -> None:
        if self._object(key).parent.is_dir():  # as it is for all but the first of a day
            return
        folder = self._path
        for part in PurePosixPath(key).parts[:-1]:
            folder /= part
            try:
                folder.mkdir(mode=FOLDER_MODE, exist_ok=True)
            except (FileExistsError, NotADirectoryError):
                raise BadKey(Act.CREATE, self._told(key), f"the part {part} is an object already") from None

    def _refuse_if_taken(self, key: str) -> None:
        try:
            found = self.head(key)
        except NotFound:
            if self._object(key).is_dir():
                raise BadKey(Act.CREATE, self._told(key), "it is the folder of other objects") from None
            return
        raise AlreadyExists(
            Act.CREATE, self._told(key), "compare the two and adopt what is there if it is the same", found
        )

    def _look(self, key: str) -> Facts:
        """What is recorded of the object that is there now. Raises NotFound, Damaged."""
        path = self._object(key)
        with self._telling(_READING, key, writing=False):
            try:
                status = path.stat()
            except _NO_OBJECT:
                raise self._not_found(_READING, key) from None
            if not stat.S_ISREG(status.st_mode):
                raise self._not_found(_READING, key)
            try:
                recorded = sidecar.decode(self._sidecar(key).read_bytes())
            except FileNotFoundError:
                raise self._damaged(key, "its sidecar is missing") from None
            except ValueError as error:
                raise self._damaged(key, f"its sidecar cannot be read ({error})") from None
            facts = self._tell_apart(path, recorded) if recorded.replacing else recorded.facts
        if facts is None or facts.size != status.st_size:
            raise self._damaged(key, f"it has {status.st_size:,} bytes, which is not what its sidecar says")
        return facts

    def _tell_apart(self, path: Path, recorded: Sidecar) -> Facts | None:
        with path.open("rb") as file:
            sha256 = hashlib.file_digest(file, "sha256").hexdigest()
        return next((facts for facts in (recorded.facts, recorded.replaces) if facts and facts.sha256 == sha256), None)

    def _damaged(self, key: str, hint: str) -> Damaged:
        return Damaged(_READING, self._told(key), f"{hint}: compare it with a copy or with the journal")

    def _stored(self, key: str, facts: Facts) -> Stored:
        self._touch(key)
        return Stored(
            root=self.name,
            bucket="",
            key=key,
            size=facts.size,
            sha256=facts.sha256,
            checksum_type="sha256-full-object",
            version_id="",
            metadata=facts.metadata,
        )

    def _touch(self, key: str) -> None:
        """Note every folder above ``key`` for ``sync``: who made one may have died before flushing it."""
        folders = [self._path / folder for folder in PurePosixPath(key).parents]
        with self._touching:
            self._touched.update(folders)

    def _remove(self, doing: str, key: str, *, missing_ok: bool) -> None:
        with self._locked(doing, key):
            try:
                self._object(key).unlink()
                self._touch(key)
            except _NO_OBJECT:
                if not missing_ok:
                    raise self._not_found(doing, key) from None
            with suppress(*_NO_OBJECT):
                self._sidecar(key).unlink()

    def _listed(self, folder: PurePosixPath, beginning: str) -> Iterator[Listed]:
        found: list[tuple[str, int | None]] = []  # a folder has no size
        with telling("listing", keys.told(self.name, str(folder)), writing=False):
            try:
                with os.scandir(self._path / folder) as entries:
                    for entry in entries:
                        if entry.name.startswith(beginning) and keys.is_part(entry.name):
                            with suppress(FileNotFoundError):  # removed since
                                found.append(
                                    (f"{entry.name}/", None) if entry.is_dir() else (entry.name, entry.stat().st_size)
                                )
            except (FileNotFoundError, NotADirectoryError):
                return
        for name, size in sorted(found):  # "a-b" comes before "a/": the order of whole keys
            if size is None:
                yield from self._listed(folder / name, "")
            else:
                yield Listed(str(folder / name), size)


class _Reading(io.RawIOBase):
    """``file`` from where it stands, at most ``length`` bytes; ``telling`` says what an OSError means. Closes it."""

    def __init__(
        self, file: io.FileIO, length: int | None, telling: Callable[[], AbstractContextManager[None]]
    ) -> None:
        self._file = file
        self._left = length
        self._telling = telling

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: WriteableBuffer, /) -> int:
        view = memoryview(buffer)[: self._left]
        with self._telling():
            count = self._file.readinto(view)
        if self._left is not None:
            self._left -= count
        return count

    def close(self) -> None:
        self._file.close()
        super().close()


@contextmanager
def _opening(path: Path) -> Iterator[None]:
    with telling("opening the store", str(path), writing=True):
        try:
            yield
        except (FileExistsError, NotADirectoryError):
            raise StoreUnavailable("opening the store", str(path), "it is or lies in a file: name a folder") from None


def _write_sidecar(staged: StagedFile, recorded: Sidecar) -> None:
    write_bytes(staged.descriptor, recorded.encode())
    staged.settle()


def _settle_folder(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
