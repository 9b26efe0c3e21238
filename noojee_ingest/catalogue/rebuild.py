"""A new catalogue from the store alone."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from noojee_ingest.catalogue.apply import apply_within
from noojee_ingest.catalogue.database import BUSY_SECONDS, Catalogue, sqlite_path
from noojee_ingest.catalogue.errors import CatalogueError, CatalogueLocked, CatalogueUnavailable
from noojee_ingest.catalogue.in_use import InUse
from noojee_ingest.catalogue.runs import living_runs
from noojee_ingest.catalogue.tables import SegmentRow
from noojee_ingest.journal import segment
from noojee_ingest.journal.errors import SegmentsGone
from noojee_ingest.journal.segment import Segment

if TYPE_CHECKING:
    from noojee_ingest.storage.root import Root

REBUILDING = "rebuilding the catalogue"
AT_ONCE = 10_000
"""About so many events are applied together: a leg that several of their segments name is computed once."""


def rebuild(root: Root, url: str, *, progress: Callable[[int], None] = lambda _: None) -> int:
    """Fold every segment below ``root`` (the archive) into a new catalogue, then put it in the place of the old one.

    The old catalogue can be read until the last moment, whatever its state, and stays when anything fails.
    ``progress`` is called with the number of segments applied so far. Gives that number at the end.
    Raises CatalogueLocked while a run or another program has the catalogue open, JournalError for a damaged segment or
    where the store lacks segments that the old catalogue knows (the wrong store, or not mounted), StorageError,
    CatalogueError.
    """
    path = sqlite_path(url)
    beside = path.with_name(f"{path.name}.rebuilt")
    try:
        with closing(InUse(path)) as in_use:
            if not (in_use.alone(seconds=1.0) and in_use.together(seconds=1.0)):
                raise _locked(url)
            _remove(beside)
            try:
                applied = _fold(root, beside, in_use, url, progress)
                if gone := _known(path) - applied:
                    raise SegmentsGone(len(gone), min(gone))
                _flush(beside)
                _settle(path)
                os.replace(beside, path)
                _flush(path.parent)
            finally:
                _remove(beside)
    except OSError as error:
        raise CatalogueUnavailable(REBUILDING, str(error), "Check that its disk has room and is writable.") from error
    return len(applied)


def _fold(root: Root, beside: Path, in_use: InUse, url: str, progress: Callable[[int], None]) -> set[str]:
    """Everything that is in the journal once nobody can add to it; then the catalogue is held alone."""
    applied: set[str] = set()

    def catch_up() -> None:
        for segments in _batches(root, (key for key in segment.keys(root) if key not in applied)):
            with catalogue.write(REBUILDING) as connection:
                apply_within(connection, segments)
            applied.update(one.key for one in segments)
            progress(len(applied))

    with closing(Catalogue.unfinished(beside)) as catalogue:
        catch_up()
        if not in_use.alone(seconds=BUSY_SECONDS):
            raise _locked(url)
        catch_up()
    return applied


def _known(path: Path) -> set[str]:
    """The segments that the old catalogue was made from, as far as it can be read."""
    if path.exists():  # else connecting would make it
        with suppress(sqlite3.Error), closing(sqlite3.connect(path)) as old:
            return {key for (key,) in old.execute(f"SELECT key FROM {SegmentRow.__tablename__}")}  # noqa: S608
    return set()


def _batches(root: Root, keys: Iterable[str]) -> Iterator[list[Segment]]:
    batch: list[Segment] = []
    for key in keys:
        batch.append(segment.read(root, key))
        if sum(len(one.events) for one in batch) >= AT_ONCE:
            yield batch
            batch = []
    if batch:
        yield batch


def _locked(url: str) -> CatalogueLocked:
    """Names the runs that are alive, as far as the catalogue can tell."""
    alive = []
    if sqlite_path(url).exists():  # else opening would make it
        with suppress(CatalogueError), closing(Catalogue.open(url, busy_seconds=1.0)) as catalogue:
            alive = living_runs(catalogue)
    names = ", ".join(f"{run['flow']} of {run['site']} (process {run['pid']})" for run in alive)
    return CatalogueLocked(REBUILDING, f"in use by {names or 'another program'}", "Wait for it to end, or end it.")


def _settle(path: Path) -> None:
    """Leave the old catalogue in one piece: what follows must not find what SQLite kept beside it."""
    if path.exists():  # else connecting would make it
        with suppress(sqlite3.Error), closing(sqlite3.connect(path)) as old:
            old.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    _remove(path, endings=KEPT_BESIDE)


KEPT_BESIDE = ("-wal", "-shm", "-journal")


def _remove(path: Path, endings: Iterable[str] = ("", *KEPT_BESIDE)) -> None:
    for ending in endings:
        path.with_name(path.name + ending).unlink(missing_ok=True)


def _flush(path: Path) -> None:
    """Return when a file, or a folder's entries, would survive a power cut."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
