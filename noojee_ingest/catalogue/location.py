"""Where a catalogue lives: what SQLite and PostgreSQL do each in its own way, behind one interface.

``SqliteFile`` (catalogue.sqlite) and ``PostgresqlSchema`` (catalogue.postgresql) are the two; everything else in this
room speaks to both through SQLAlchemy.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager
from typing import Any, Protocol

from sqlalchemy import Connection, Engine, Table
from sqlalchemy.exc import ArgumentError

from noojee_ingest.catalogue.errors import OPENING, URLS, CatalogueUnavailable
from noojee_ingest.catalogue.postgresql import PostgresqlSchema, is_postgresql
from noojee_ingest.catalogue.sqlite import SqliteFile

SCHEMA = "noojee_ingest"
"""The schema of a catalogue on PostgreSQL, unless another is named."""


class Hold(Protocol):
    """That a catalogue is in use: all who work with it hold it together, who replaces it holds it alone.

    However a process ends, its hold ends with it.
    """

    def together(self, *, seconds: float) -> bool:
        """Hold it beside others who do. ``False`` when someone has held it alone for ``seconds``."""

    def alone(self, *, seconds: float) -> bool:
        """Hold it alone. ``False`` when others hold it still after ``seconds``: what we held before we hold still."""

    def lasts(self) -> bool:
        """Whether what was held is held still: a server that was started again knows of no hold."""

    def close(self) -> None:
        """Let go; a second time does nothing."""


class Location(Protocol):
    """The place of one catalogue."""

    @property
    def name(self) -> str:
        """For messages; holds no password."""

    @property
    def schema(self) -> str | None:
        """Where its tables are; ``None`` = there is but one place."""

    def hold(self) -> Hold:
        """Raises CatalogueError."""

    def engine(self, busy_seconds: float) -> Engine:
        """Connections; one that writes waits ``busy_seconds`` for another writer."""

    def explained(self, doing: str) -> AbstractContextManager[None]:
        """Turns the driver's errors into ours; they never lose anything, and say so."""

    def question(self, connection: Connection) -> Connection:
        """A connection whose questions all see one state, and that changes nothing."""

    def tables(self, tables: Sequence[Table]) -> Sequence[Table]:
        """The tables as they are to be made here."""

    def make_room(self, connection: Connection) -> None:
        """Make what tables are made in, in the transaction that makes them."""

    def count(self, connection: Connection, tables: Sequence[Table]) -> None:
        """Let the engine see how many rows new tables have, and which, if it plans by that."""

    def is_alive(self, connection: Connection, process: Any) -> bool:
        """Whether the process of a run or announced segment lives."""

    # -- being replaced

    def tables_there(self) -> set[str]:
        """The tables that are here; none where nothing is, or what cannot be read. Raises CatalogueLocked."""

    def beside(self) -> Location:
        """The place where its successor is built."""

    def remove(self) -> None:
        """Take away all that is here, if anything."""

    def segments_known(self, table: str) -> set[str]:
        """The segments that what is here was made from, as far as it can be read."""

    def give_way_to(self, successor: Any) -> None:
        """Put what was built ``beside`` in the place of what is here, in one step."""


def locate(url: str, schema: str = SCHEMA) -> SqliteFile | PostgresqlSchema:
    """The place that a url names. Raises CatalogueUnavailable for any other url, and one with a password."""
    try:
        return PostgresqlSchema.of(url, schema) if is_postgresql(url) else SqliteFile.of(url)
    except (ArgumentError, ValueError):
        raise CatalogueUnavailable(OPENING, "its url cannot be read", URLS) from None  # the cause may hold a password
