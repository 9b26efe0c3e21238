"""The site budget: what a phone system allows a site as a whole, kept for all processes of this machine.

It lives in an SQLite file of its own beside the catalogue's, so that neither applying nor rebuilding blocks a request.
Losing the file costs at most one early request. Two things are kept: the next instant of each rare kind of request,
taken one by one in a transaction; and leases of concurrent requests, taken by the process for longer than its read
time-out and renewed while it lives. Nothing is written per audio request.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import TypeVar

from noojee_ingest.catalogue.errors import CatalogueLocked, CatalogueUnavailable

T = TypeVar("T")

TABLES = """
CREATE TABLE IF NOT EXISTS turn (site TEXT, kind TEXT, next REAL NOT NULL, PRIMARY KEY (site, kind));
CREATE TABLE IF NOT EXISTS lease (holder TEXT PRIMARY KEY, site TEXT NOT NULL, slots INTEGER NOT NULL,
                                  expires REAL NOT NULL);
"""
NOW = "(julianday('now') - 2440587.5) * 86400.0"  # the database's clock, seconds since the epoch


class BudgetFile:
    """The budget's file. Every call is a short transaction."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._changed("opening", lambda connection: connection.executescript(TABLES))

    def take_turn(self, site: str, kind: str, interval: float) -> float:
        """Take the next instant of ``kind``, ``interval`` seconds after the one before. Gives the seconds to wait."""

        def take(connection: sqlite3.Connection) -> float:
            connection.execute("BEGIN IMMEDIATE")
            (now,) = connection.execute(f"SELECT {NOW}").fetchone()
            row = connection.execute("SELECT next FROM turn WHERE site = ? AND kind = ?", (site, kind)).fetchone()
            mine = max(now, row[0]) if row else now
            # A clock set back must not make everyone wait for the difference.
            mine = min(mine, now + 1000 * interval)
            connection.execute("REPLACE INTO turn VALUES (?, ?, ?)", (site, kind, mine + interval))
            connection.execute("COMMIT")
            return float(mine - now)

        return self._changed("taking a turn", take)

    def lease(self, site: str, holder: str, wanted: int, allowed: int, seconds: float) -> int:
        """Lease up to ``wanted`` of ``allowed`` concurrent requests for ``seconds``, in place of the holder's lease.

        Gives how many it got; a holder that asks again before its lease ran out gets at least as many as it had.
        """

        def take(connection: sqlite3.Connection) -> int:
            connection.execute("BEGIN IMMEDIATE")
            connection.execute(f"DELETE FROM lease WHERE expires <= {NOW} OR holder = ?", (holder,))  # noqa: S608  a constant
            (held,) = connection.execute("SELECT COALESCE(SUM(slots), 0) FROM lease WHERE site = ?", (site,)).fetchone()
            got = max(0, min(wanted, allowed - int(held)))
            if got:
                connection.execute(
                    f"INSERT INTO lease VALUES (?, ?, ?, {NOW} + ?)",  # noqa: S608  a constant
                    (holder, site, got, seconds),
                )
            connection.execute("COMMIT")
            return got

        return self._changed("leasing concurrent requests", take)

    def give_back(self, holder: str) -> None:
        """End a lease."""
        self._changed("giving back a lease", lambda c: c.execute("DELETE FROM lease WHERE holder = ?", (holder,)))

    def _changed(self, doing: str, change: Callable[[sqlite3.Connection], T]) -> T:
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with closing(sqlite3.connect(self.path, timeout=30.0, isolation_level=None)) as connection:
                return change(connection)
        except (sqlite3.Error, OSError) as error:
            kind = CatalogueLocked if "locked" in str(error) else CatalogueUnavailable
            raise kind(
                f"{doing} in the site budget {self.path}", str(error), "Check that the file's folder is writable."
            ) from error
