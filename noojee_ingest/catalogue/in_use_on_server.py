"""Who has a catalogue on PostgreSQL open, as advisory locks of a session of its own.

The locks mean what those of ``in_use`` mean, for all hosts. Each session holds a second one that says which process it
belongs to, so that any host can ask whether a process lives. The server lets go of both when the connection ends.
"""

from __future__ import annotations

import hashlib
import threading
import time
from collections.abc import Callable
from typing import Any

from sqlalchemy import Connection, text
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from noojee_ingest.catalogue.processes import identity, this_process

LOOK_SECONDS = 0.05  # between two tries


def advisory_key(*words: object) -> int:
    """The number of an advisory lock: 64 bits, signed."""
    digest = hashlib.sha256(repr(("noojee-ingest", *words)).encode()).digest()
    return int.from_bytes(digest[:8], "big", signed=True)


def process_key(schema: str, process: Any) -> int:
    return advisory_key(schema, "process", *identity(process))


def lives(connection: Connection, schema: str, process: Any) -> bool:
    """Whether the session of a process that has the catalogue in ``schema`` open is there."""
    question = text(
        "SELECT EXISTS (SELECT FROM pg_locks WHERE locktype = 'advisory' AND objsubid = 1 AND granted"
        " AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"
        " AND classid::bigint = :high AND objid::bigint = :low)"
    )
    key = process_key(schema, process) % 2**64
    return bool(connection.execute(question, {"high": key >> 32, "low": key % 2**32}).scalar_one())


class InUseOnServer:
    """A hold on the catalogue in ``schema``; ``close`` it. ``connect`` gives a connection that commits by itself."""

    def __init__(self, connect: Callable[[], Connection], schema: str) -> None:
        self._connect = connect
        self._schema = schema
        self._key = advisory_key(schema, "in use")
        self._used = threading.Lock()  # threads share the catalogue, and so its hold
        self._begin()

    def _begin(self) -> None:
        self._shared = self._exclusive = False
        self._connection = self._connect()
        try:
            self._ask("pg_advisory_lock_shared", process_key(self._schema, this_process()))
        except DBAPIError:
            self._connection.close()
            raise

    def together(self, *, seconds: float) -> bool:
        """As InUse.together; on a new connection where the one before was lost."""
        with self._used:
            if not self._answers():
                self._begin()
            if not self._shared:
                self._shared = self._try("pg_try_advisory_lock_shared", seconds)
            if self._exclusive and self._shared:
                self._exclusive = not self._ask("pg_advisory_unlock", self._key)
            return self._shared

    def alone(self, *, seconds: float) -> bool:
        """As InUse.alone."""
        with self._used:
            if not self._exclusive:
                self._exclusive = self._try("pg_try_advisory_lock", seconds)
            if self._exclusive and self._shared:
                self._shared = not self._ask("pg_advisory_unlock_shared", self._key)
            return self._exclusive

    def lasts(self) -> bool:
        with self._used:
            return self._shared and self._answers()

    def _answers(self) -> bool:
        """Closes a connection that was cut: SQLAlchemy would connect it anew, without its locks."""
        if self._connection.closed:
            return False
        try:
            self._connection.execute(text("SELECT"))
        except SQLAlchemyError:
            self._connection.close()
            return False
        return True

    def _try(self, function: str, seconds: float) -> bool:
        until = time.monotonic() + seconds
        while not self._ask(function, self._key):
            if time.monotonic() >= until:
                return False
            time.sleep(LOOK_SECONDS)
        return True

    def _ask(self, function: str, key: int) -> bool:
        return bool(self._connection.execute(text(f"SELECT {function}(:key)"), {"key": key}).scalar_one())

    def close(self) -> None:
        with self._used:
            self._connection.close()
