"""Opening a catalogue, and the two ways to use it: reading, and writing in one transaction."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event, inspect, select
from sqlalchemy.engine import make_url
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from noojee_ingest.catalogue.errors import CatalogueError, CatalogueLocked, CatalogueUnavailable, WrongRevision
from noojee_ingest.catalogue.tables import REBUILDABLE, REVISION, VOLATILE, RevisionRow, table

BUSY_SECONDS = 30.0
"""How long a writer waits for another one."""


class Catalogue:
    """One catalogue. Safe to share between threads; ``close`` it."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine

    @classmethod
    def open(cls, url: str, *, busy_seconds: float = BUSY_SECONDS) -> Catalogue:
        """Open the catalogue at a SQLAlchemy ``url`` (``sqlite:///path``), making it when there is none.

        Raises CatalogueUnavailable, CatalogueLocked, and WrongRevision where another version made it.
        """
        path = sqlite_path(url)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise CatalogueUnavailable(
                f"opening the catalogue {path}", error.strerror or str(error), "Check [catalogue] url."
            ) from error
        catalogue = cls(_sqlite_engine(url, busy_seconds))
        try:
            catalogue._prepare()
        except BaseException:
            catalogue.close()
            raise
        return catalogue

    def _prepare(self) -> None:
        with self.read("opening the catalogue") as connection:
            made = inspect(connection).has_table(RevisionRow.__tablename__)
        with self.write("opening the catalogue") as connection:
            if not made:
                tables = [table(row) for row in (*REBUILDABLE, *VOLATILE)]
                table(RevisionRow).metadata.create_all(connection, tables=tables)
                revisions = table(RevisionRow)
                if connection.execute(select(revisions.c.revision)).first() is None:
                    connection.execute(revisions.insert(), {"revision": REVISION})
            found = connection.execute(select(table(RevisionRow).c.revision)).scalar_one_or_none()
        if found != REVISION:
            raise WrongRevision(
                "opening the catalogue",
                f"it has revision {found}, this program works with {REVISION}",
                "Run `noojee-ingest catalogue rebuild`: it makes a new one from the store.",
            )

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


def sqlite_path(url: str) -> Path:
    """The file of a SQLite url. Raises CatalogueUnavailable for any other kind."""
    parsed = make_url(url)
    if parsed.get_backend_name() != "sqlite" or not parsed.database:
        raise CatalogueUnavailable(
            "opening the catalogue", f"{parsed.render_as_string()} is not supported", "Use sqlite:///FILE."
        )
    return Path(parsed.database)


def _sqlite_engine(url: str, busy_seconds: float) -> Engine:
    engine = create_engine(url, connect_args={"timeout": busy_seconds, "check_same_thread": False})

    @event.listens_for(engine, "connect")
    def _connected(connection: Any, _record: Any) -> None:
        connection.isolation_level = None  # we say BEGIN ourselves, below
        cursor = connection.cursor()
        cursor.execute("PRAGMA journal_mode=WAL")
        cursor.execute("PRAGMA synchronous=FULL")
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
