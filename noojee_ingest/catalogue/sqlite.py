"""A catalogue in an SQLite file: one machine, one writer at a time."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Connection, Engine, Table, create_engine, event, make_url
from sqlalchemy.exc import DBAPIError

from noojee_ingest.catalogue.errors import OPENING, URLS, CatalogueLocked, CatalogueUnavailable
from noojee_ingest.catalogue.in_use import InUse, lives

SAFE = ("journal_mode=WAL", "synchronous=FULL")
QUICK = ("journal_mode=OFF", "synchronous=OFF", "locking_mode=EXCLUSIVE", "cache_size=-65536")  # 64 MiB
"""For a file that is thrown away unless it is finished."""
LOCKED = "Another program is writing to it: wait for it to end, or end it, and run again."
KEPT_BESIDE = ("-wal", "-shm", "-journal")
REBUILD = "Check that its disk has room and is writable; `noojee-ingest catalogue rebuild` makes it anew."


@dataclass(frozen=True)
class SqliteFile:
    """The Location of a file. ``quick``: a crash may leave it unusable."""

    path: Path
    quick: bool = False
    schema: None = None

    @classmethod
    def of(cls, url: str) -> SqliteFile:
        return cls(sqlite_path(url))

    @property
    def name(self) -> str:
        return str(self.path)

    def hold(self) -> InUse:
        try:
            return InUse(self.path)
        except OSError as error:
            why = error.strerror or str(error)
            raise CatalogueUnavailable(f"{OPENING} {self.path}", why, "Check [catalogue] url.") from error

    def engine(self, busy_seconds: float) -> Engine:
        url = URL.create("sqlite", database=str(self.path))
        engine = create_engine(
            url, connect_args={"timeout": busy_seconds, "check_same_thread": False}, hide_parameters=True
        )
        pragmas = QUICK if self.quick else SAFE

        @event.listens_for(engine, "connect")
        def _connected(connection: Any, _record: Any) -> None:
            connection.isolation_level = None  # we say BEGIN ourselves, below
            cursor = connection.cursor()
            for pragma in pragmas:
                cursor.execute(f"PRAGMA {pragma}")
            cursor.close()

        @event.listens_for(engine, "begin")
        def _begun(connection: Connection) -> None:
            writing = connection.get_execution_options().get("writing", False)
            connection.exec_driver_sql("BEGIN IMMEDIATE" if writing else "BEGIN")

        return engine

    def question(self, connection: Connection) -> Connection:
        """A transaction in WAL mode sees one state of the file as it is."""
        return connection

    @contextmanager
    def explained(self, doing: str) -> Iterator[None]:
        try:
            yield
        except DBAPIError as error:
            why = str(error.orig)
            ours = CatalogueLocked(doing, why, LOCKED) if _is_held(why) else CatalogueUnavailable(doing, why, REBUILD)
            raise ours.with_traceback(error.__traceback__) from None  # the driver's error may hold values of rows

    def tables(self, tables: Sequence[Table]) -> Sequence[Table]:
        return tables

    def make_room(self, connection: Connection) -> None:
        """Connecting made the file."""

    def count(self, connection: Connection, tables: Sequence[Table]) -> None:
        """SQLite plans by the indexes alone, and so the same for a small archive and a large one."""

    def is_alive(self, connection: Connection, process: Any) -> bool:
        return lives(self.path, process)

    # -- being replaced

    def beside(self) -> SqliteFile:
        return SqliteFile(self.path.with_name(f"{self.path.name}.rebuilt"), quick=True)

    def tables_there(self) -> set[str]:
        if not self.path.exists():  # else connecting would make it
            return set()
        try:
            with closing(sqlite3.connect(self.path)) as old:
                return {name for (name,) in old.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
        except sqlite3.Error as error:
            if _is_held(str(error)):
                raise CatalogueLocked(f"looking at {self.path}", str(error), LOCKED) from error
            return set()

    def segments_known(self, table: str) -> set[str]:
        if self.path.exists():  # else connecting would make it
            with suppress(sqlite3.Error), closing(sqlite3.connect(self.path)) as old:
                return {key for (key,) in old.execute(f"SELECT key FROM {table}")}  # noqa: S608
        return set()

    def give_way_to(self, successor: SqliteFile) -> None:
        _flush(successor.path)
        self._settle()
        os.replace(successor.path, self.path)
        _flush(self.path.parent)

    def _settle(self) -> None:
        """Leave the old catalogue in one piece: what follows must not find what SQLite kept beside it."""
        if self.path.exists():  # else connecting would make it
            with suppress(sqlite3.Error), closing(sqlite3.connect(self.path)) as old:
                old.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        self._remove(KEPT_BESIDE)

    def remove(self) -> None:
        self._remove(("", *KEPT_BESIDE))

    def _remove(self, endings: Iterable[str]) -> None:
        for ending in endings:
            self.path.with_name(self.path.name + ending).unlink(missing_ok=True)


def _is_held(why: str) -> bool:
    return "locked" in why or "busy" in why


def sqlite_path(url: str) -> Path:
    """The file of a SQLite url. Raises CatalogueUnavailable for any other kind."""
    parsed = make_url(url)
    if parsed.get_backend_name() != "sqlite" or parsed.database in (None, "", ":memory:"):
        raise CatalogueUnavailable(OPENING, "its url names no file", URLS)
    return Path(str(parsed.database))


def _flush(path: Path) -> None:
    """Return when a file, or a folder's entries, would survive a power cut."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
