"""A new catalogue from the store alone."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from noojee_ingest.catalogue.apply import apply
from noojee_ingest.catalogue.database import Catalogue, sqlite_path
from noojee_ingest.catalogue.errors import CatalogueError, CatalogueLocked
from noojee_ingest.catalogue.runs import living_runs
from noojee_ingest.journal import segment
from noojee_ingest.storage.root import Root

WAL_FILES = ("-wal", "-shm")


def rebuild(root: Root, url: str, *, progress: Callable[[int], None] = lambda _: None) -> int:
    """Fold every segment below ``root`` (the archive) into a new catalogue, then put it in the place of the old one.

    The old catalogue stays as it is until the last moment, and stays for good when anything fails. ``progress`` is
    called with the number of segments applied so far. Gives that number at the end.
    Raises CatalogueLocked while a run is alive, JournalError for a damaged segment, StorageError, CatalogueError.
    """
    path = sqlite_path(url)
    _refuse_while_in_use(path, url)
    beside = path.with_name(path.name + ".rebuilt")
    _remove(beside)
    catalogue = Catalogue.open(f"sqlite:///{beside}")
    applied = 0
    try:
        for key in segment.keys(root):
            apply(catalogue, segment.read(root, key))
            applied += 1
            progress(applied)
        with catalogue.engine.connect() as connection:
            connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")
    finally:
        catalogue.close()
    _refuse_while_in_use(path, url)
    for ending in WAL_FILES:
        path.with_name(path.name + ending).unlink(missing_ok=True)
    os.replace(beside, path)
    _remove(beside)
    return applied


def _refuse_while_in_use(path: Path, url: str) -> None:
    """A damaged or foreign catalogue is no reason not to rebuild; a living run is."""
    if not path.exists():
        return
    try:
        catalogue = Catalogue.open(url, busy_seconds=1.0)
    except CatalogueLocked:
        raise
    except CatalogueError:
        return
    try:
        alive = living_runs(catalogue)
    except CatalogueError:
        return
    finally:
        catalogue.close()
    if alive:
        names = ", ".join(f"{run['flow']} of {run['site']} (process {run['pid']})" for run in alive)
        raise CatalogueLocked("rebuilding the catalogue", f"in use by {names}", "Wait for it to end, or end it.")


def _remove(path: Path) -> None:
    for ending in ("", *WAL_FILES):
        path.with_name(path.name + ending).unlink(missing_ok=True)
