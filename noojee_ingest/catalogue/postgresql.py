"""A catalogue in a schema of a PostgreSQL database: many hosts, many writers."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from typing import Any

import psycopg
from sqlalchemy import (
    URL,
    Connection,
    Engine,
    NullPool,
    QueuePool,
    Table,
    create_engine,
    event,
    inspect,
    make_url,
    text,
)
from sqlalchemy.exc import DBAPIError
from sqlalchemy.schema import CreateSchema, DropSchema

from noojee_ingest.catalogue.dialects import as_made
from noojee_ingest.catalogue.errors import (
    BUSY_SECONDS,
    OPENING,
    URLS,
    CatalogueError,
    CatalogueLocked,
    CatalogueUnavailable,
    Collided,
)
from noojee_ingest.catalogue.grants import carry_grants
from noojee_ingest.catalogue.in_use_on_server import InUseOnServer, advisory_key, lives
from noojee_ingest.catalogue.processes import is_running_here

CONNECT: dict[str, Any] = {
    "connect_timeout": 10,
    "application_name": "noojee-ingest",
    "keepalives_idle": 30,  # seconds; then, of a server that is gone, 3 x 10 more
    "keepalives_interval": 10,
    "keepalives_count": 3,
    "tcp_user_timeout": 60_000,  # milliseconds: of one that is gone while we wait for it to take what we say
}
ANEW = "`noojee-ingest catalogue rebuild` makes it anew."
LOG = "See the server's log; then run again: nothing is lost."
READ_ONLY = "The server lets nobody write, a standby perhaps: check [catalogue] url."
ROOM = "The server lacks room, memory or connections: see its log; then run again, nothing is lost."
SERVER = "Check that the server runs and can be reached, and [catalogue] url; then run again: nothing is lost."
RIGHTS = "Check what the role may do (docs/operations.md, PostgreSQL); nothing is lost."
LOCKED = "Another program holds what is to be changed: wait for it to end, or end it, and run again."
DATABASE = "Make it (docs/operations.md, PostgreSQL), or check [catalogue] url."
SIGN_IN = "Check the user in [catalogue] url, and its password: libpq reads PGPASSWORD, PGPASSFILE and ~/.pgpass."

COLLIDED = ("40001", "40P01")  # serialization failure, deadlock
HELD = ("55P03",)  # lock_timeout
HINTS = {"3D": DATABASE, "28": SIGN_IN, "42501": RIGHTS, "53": ROOM, "08": SERVER, "57P": SERVER, "25006": READ_ONLY}
HINTS |= dict.fromkeys(("42P01", "42703", "3F000"), ANEW)  # no such table, column, schema
"""By the beginning of PostgreSQL's error code."""
SAID = {r"database .* does not exist": DATABASE, r"password|authentication|role .* does not exist|pg_hba": SIGN_IN}
"""By what is said where signing in fails: libpq tells no code then."""
OF_NAMES = re.compile(r"[a-z_][a-z0-9_]{0,47}")
"""Schemas: plain names alone, and short enough for what is appended to them."""


@dataclass(frozen=True)
class PostgresqlSchema:
    """The Location of a schema. ``quick``: a crash of the server may leave it behind what was committed."""

    url: URL
    schema: str
    quick: bool = False

    @classmethod
    def of(cls, url: str, schema: str) -> PostgresqlSchema:
        """Raises CatalogueUnavailable."""
        parsed = make_url(url)
        if not parsed.database:
            raise CatalogueUnavailable(OPENING, "its url names no database", URLS)
        if parsed.password is not None or "password" in parsed.query:
            raise CatalogueUnavailable(OPENING, "its url holds a password", SIGN_IN)
        if not OF_NAMES.fullmatch(schema) or schema.startswith("pg_"):
            hint = "Use at most 48 of a-z, 0-9 and _, not beginning with a digit or pg_."
            raise CatalogueUnavailable(OPENING, f"{schema!r} is no name for its schema", hint)
        return cls(parsed.set(drivername="postgresql+psycopg"), schema)

    @property
    def name(self) -> str:
        host = self.url.host or self.url.query.get("host", "")
        who = f"{self.url.username}@" if self.url.username else ""
        port = f":{self.url.port}" if self.url.port else ""
        return f"postgresql://{who}{host}{port}/{self.url.database}, schema {self.schema}"

    def hold(self) -> InUseOnServer:
        with self.explained(OPENING):
            engine = self._engine(BUSY_SECONDS, poolclass=NullPool, isolation_level="AUTOCOMMIT")
            return InUseOnServer(engine.connect, self.schema)

    def engine(self, busy_seconds: float) -> Engine:
        return self._engine(busy_seconds, poolclass=QueuePool, pool_pre_ping=True, isolation_level="READ COMMITTED")

    def _engine(self, busy_seconds: float, **told: Any) -> Engine:
        engine = create_engine(self.url, connect_args=CONNECT, hide_parameters=True, **told)
        ways = [
            f'SET search_path TO "{self.schema}"',  # what others have in public is not ours
            "SET timezone TO 'UTC'",
            "SET client_min_messages TO warning",
            f"SET lock_timeout TO {round(busy_seconds * 1000)}",
            "SET plan_cache_mode TO force_custom_plan",  # a plan for 3 ids is none for 3,000
            "SET idle_session_timeout TO 0",  # a hold is idle while a run is under way
        ]
        if self.quick:
            ways.append("SET synchronous_commit TO off")

        @event.listens_for(engine, "connect")
        def _connected(connection: Any, _record: Any) -> None:
            autocommit, connection.autocommit = connection.autocommit, True
            connection.execute("; ".join(ways))
            connection.autocommit = autocommit

        return engine

    def question(self, connection: Connection) -> Connection:
        """One snapshot for all that is asked on this connection, as SQLite gives it: sums and rows agree."""
        return connection.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)

    @contextmanager
    def explained(self, doing: str) -> Iterator[None]:
        try:
            yield
        except (DBAPIError, psycopg.Error) as error:  # COPY raises the driver's own
            raise _ours(doing, error).with_traceback(error.__traceback__) from None  # that one holds values of rows

    def tables(self, tables: Sequence[Table]) -> Sequence[Table]:
        return [as_made(one) for one in tables]

    def make_room(self, connection: Connection) -> None:
        key = {"key": advisory_key(self.schema, "made")}
        connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), key)  # of two at once one would fail
        if not self._is_there(connection):  # else the right to make schemas is not needed
            connection.execute(CreateSchema(self.schema))

    def _is_there(self, connection: Connection) -> bool:
        question = text("SELECT to_regnamespace(:name) IS NOT NULL")
        return bool(connection.execute(question, {"name": self.schema}).scalar_one())

    def count(self, connection: Connection, tables: Sequence[Table]) -> None:
        names = ", ".join(connection.dialect.identifier_preparer.quote(table.name) for table in tables)
        connection.exec_driver_sql(f"ANALYZE {names}")

    def is_alive(self, connection: Connection, process: Any) -> bool:
        # a restart of the server cuts the session of a process that lives
        return is_running_here(process) or lives(connection, self.schema, process)

    # -- being replaced

    def beside(self) -> PostgresqlSchema:
        return replace(self, schema=f"{self.schema}_rebuilt", quick=True)

    def remove(self) -> None:
        with self._changing() as connection:
            connection.execute(DropSchema(self.schema, cascade=True, if_exists=True))

    def tables_there(self) -> set[str]:
        with self.explained(f"looking at {self.name}"), self._changing() as connection:
            return set(inspect(connection).get_table_names(schema=self.schema))

    def segments_known(self, table: str) -> set[str]:
        with suppress(DBAPIError), self._changing() as connection:
            return set(connection.execute(text(f'SELECT key FROM "{self.schema}".{table}')).scalars())  # noqa: S608
        return set()

    def give_way_to(self, successor: PostgresqlSchema) -> None:
        """The old schema is renamed and then dropped: who reads it in that moment cannot hold up the new one."""
        old = replace(self, schema=f"{self.schema}_replaced")
        old.remove()
        with self._changing() as connection:
            if self._is_there(connection):
                carry_grants(connection, self.schema, successor.schema)
                connection.execute(text(f'ALTER SCHEMA "{self.schema}" RENAME TO "{old.schema}"'))
            connection.execute(text(f'ALTER SCHEMA "{successor.schema}" RENAME TO "{self.schema}"'))
        try:
            old.remove()
        except DBAPIError as error:
            raise CatalogueLocked(
                f"dropping the old catalogue, schema {old.schema}",
                f"the new one is in place, but {_said(error)}",
                "Someone reads the old one: the next rebuild drops it, or DROP SCHEMA ... CASCADE.",
            ) from None

    @contextmanager
    def _changing(self) -> Iterator[Connection]:
        engine = self._engine(BUSY_SECONDS, poolclass=NullPool)
        with engine.begin() as connection:
            yield connection


def is_postgresql(url: str) -> bool:
    return make_url(url).get_backend_name() == "postgresql"


def _ours(doing: str, error: DBAPIError | psycopg.Error) -> CatalogueError:
    """The driver's error in our words."""
    state, why = getattr(_driver_error(error), "sqlstate", None), _said(error)
    if state in COLLIDED:
        return Collided(doing, why, LOCKED)
    if state in HELD:
        return CatalogueLocked(doing, why, LOCKED)
    if state is None:
        hints = [hint for words, hint in SAID.items() if re.search(words, why)] or [SERVER]
    else:
        hints = [hint for begin, hint in HINTS.items() if state.startswith(begin)] or [LOG]
    return CatalogueUnavailable(doing, why, hints[0])


def _said(error: DBAPIError | psycopg.Error) -> str:
    """Only its first sentence, for those that follow hold values of rows; and of a refused value not even that."""
    told: Any = _driver_error(error)
    if isinstance(told, psycopg.DataError):
        return f"a value is refused ({told.sqlstate or type(told).__name__})"
    return " ".join((told.diag.message_primary or str(told)).split())


def _driver_error(error: DBAPIError | psycopg.Error) -> Any:
    return error.orig if isinstance(error, DBAPIError) else error
