"""Opening a catalogue, and the two ways to use it: reading, and writing in one transaction."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Connection, Engine, create_engine, event, inspect, make_url, select
from sqlalchemy.exc import ArgumentError, DBAPIError, SQLAlchemyError

from noojee_ingest.catalogue.errors import CatalogueError, CatalogueLocked, CatalogueUnavailable, WrongRevision
from noojee_ingest.catalogue.in_use import InUse
from noojee_ingest.catalogue.tables import REBUILDABLE, REVISION, VOLATILE, RevisionRow, table

OPENING = "opening the catalogue"
BUSY_SECONDS = 30.0
"""How long a writer waits for another one."""


SAFE = ("journal_mode=WAL", "synchronous=FULL")
QUICK = ("journal_mode=OFF", "synchronous=OFF", "locking_mode=EXCLUSIVE", "cache_size=-65536")  # 64 MiB
"""For a file that is thrown away unless it is finished."""


class Catalogue:
    """One catalogue. Safe to share between threads; ``close`` it."""

    def __init__(self, engine: Engine, in_use: InUse | None = None) -> None:
        self.engine = engine
        self._in_use = in_use

    @classmethod
    def open(cls, url: str, *, busy_seconds: float = BUSY_SECONDS) -> Catalogue:
        """Open the catalogue at a SQLAlchemy ``url`` (``sqlite:///path``), making it when there is none.

        Raises CatalogueUnavailable, CatalogueLocked, and WrongRevision where another version made it.
        """
        path = sqlite_path(url)
        try:
            in_use = InUse(path)
        except OSError as error:
            why = error.strerror or str(error)
            raise CatalogueUnavailable(f"{OPENING} {path}", why, "Check [catalogue] url.") from error
        catalogue = cls(_sqlite_engine(path, busy_seconds, SAFE), in_use)
        try:
            if in_use.alone(seconds=0):  # of two that make a new file at once SQLite refuses one
                catalogue.prepare()
                catalogue.engine.dispose()  # it may be replaced before we hold it together with others
            catalogue._share(busy_seconds)
            catalogue.prepare()
        except BaseException:
            catalogue.close()
            raise
        return catalogue

    def _share(self, seconds: float) -> None:
        if self._in_use is not None and not self._in_use.together(seconds=seconds):
            raise CatalogueLocked(OPENING, "it is being rebuilt", "Wait for that to end, and run again.")

    @classmethod
    def unfinished(cls, path: Path) -> Catalogue:
        """A new, empty catalogue in a file of the caller's own. A crash leaves it unusable. Raises CatalogueError."""
        catalogue = cls(_sqlite_engine(path, BUSY_SECONDS, QUICK))
        catalogue.prepare()
        return catalogue

    def prepare(self) -> None:
        """Make the tables where there are none, and check whose they are."""
        with self.read(OPENING) as connection:
            known = inspect(connection).get_table_names()
        if not known:
            self._make()
        elif RevisionRow.__tablename__ not in known:
            raise CatalogueUnavailable(OPENING, "it is a database of something else", "Check [catalogue] url.")
        with self.read(OPENING) as connection:
            found = connection.execute(select(table(RevisionRow).c.revision)).scalar_one_or_none()
        if found != REVISION:
            raise WrongRevision(
                OPENING,
                f"it has revision {found}, this program works with {REVISION}",
                "Run `noojee-ingest catalogue rebuild`: it makes a new one from the store.",
            )

    def _make(self) -> None:
        tables = [table(row) for row in (*REBUILDABLE, *VOLATILE)]
        revisions = table(RevisionRow)
        with self.write("making the catalogue") as connection:
            revisions.metadata.create_all(connection, tables=tables)
            if connection.execute(select(revisions.c.revision)).first() is None:  # else another one was quicker
                connection.execute(revisions.insert(), {"revision": REVISION})

    @contextmanager
    def read(self, doing: str) -> Iterator[Connection]:
        """A connection for questions. ``doing`` begins the message of any error."""
        with _explained(doing), self.engine.connect() as connection:
            yield connection

    @contextmanager
    def write(self, doing: str) -> Iterator[Connection]:
        """One transaction, committed at the end, that keeps other writers out from its first moment."""
        connecting = self.engine.connect
        with _explained(doing), connecting().execution_options(immediate=True) as connection, connection.begin():
            yield connection

    def close(self) -> None:
        self.engine.dispose()
        if self._in_use is not None:
            self._in_use.close()


def sqlite_path(url: str) -> Path:
    """The file of a SQLite url. Raises CatalogueUnavailable for any other kind."""
    try:
        parsed = make_url(url)
    except ArgumentError as error:
        raise CatalogueUnavailable(OPENING, "its url cannot be read", "Use sqlite:///FILE.") from error
    if parsed.get_backend_name() != "sqlite" or parsed.database in (None, "", ":memory:"):
        raise CatalogueUnavailable(OPENING, f"{parsed.render_as_string()} is not supported", "Use sqlite:///FILE.")
    return Path(str(parsed.database))


def _sqlite_engine(path: Path, busy_seconds: float, pragmas: Iterable[str]) -> Engine:
    url = URL.create("sqlite", database=str(path))
    engine = create_engine(url, connect_args={"timeout": busy_seconds, "check_same_thread": False})

    @event.listens_for(engine, "connect")
    def _connected(connection: Any, _record: Any) -> None:
        connection.isolation_level = None  # we say BEGIN ourselves, below
        cursor = connection.cursor()
        for pragma in pragmas:
            cursor.execute(f"PRAGMA {pragma}")
        cursor.close()

    @event.listens_for(engine, "begin")
    def _begun(connection: Connection) -> None:
        immediate = connection.get_execution_options().get("immediate", False)
        connection.exec_driver_sql("BEGIN IMMEDIATE" if immediate else "BEGIN")

    return engine


@contextmanager
def _explained(doing: str) -> Iterator[None]:
    """Turn the driver's errors into ours; they never lose anything, and say so."""
    try:
        yield
    except DBAPIError as error:
        why = str(error.orig)
        if "locked" in why or "busy" in why:
            raise CatalogueLocked(
                doing, why, "Another program is writing to it: wait for it to end, or end it, and run again."
            ) from error
        raise CatalogueUnavailable(
            doing, why, "Check that its disk has room and is writable; `noojee-ingest catalogue rebuild` makes it anew."
        ) from error
    except SQLAlchemyError as error:
        raise CatalogueError(doing, str(error), "This is a defect of noojee-ingest: please report it.") from error
