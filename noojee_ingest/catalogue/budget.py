"""The site budget: what a phone system allows a site as a whole, kept for all processes that work for it.

It lives beside the catalogue, in an SQLite file or a PostgreSQL schema of its own, so that neither applying nor
rebuilding blocks a request. Losing it costs at most one early request. Two things are kept: the next instant of each
rare kind of request, taken one by one in a transaction; and leases of concurrent requests, taken by the process for
longer than its read time-out and renewed while it lives. Nothing is written per audio request.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Protocol, TypeVar

from noojee_ingest.catalogue.budget_on_server import BudgetOnServer
from noojee_ingest.catalogue.errors import CatalogueLocked, CatalogueUnavailable
from noojee_ingest.catalogue.location import SCHEMA, locate
from noojee_ingest.catalogue.postgresql import PostgresqlSchema

T = TypeVar("T")

TABLES = """
CREATE TABLE IF NOT EXISTS turn (site TEXT, kind TEXT, taken REAL NOT NULL, next REAL NOT NULL,
                                 PRIMARY KEY (site, kind));
CREATE TABLE IF NOT EXISTS lease (holder TEXT PRIMARY KEY, site TEXT NOT NULL, slots INTEGER NOT NULL,
                                  taken REAL NOT NULL, expires REAL NOT NULL);
"""


class Budget(Protocol):
    """Every call is a short transaction, by the database's clock, and raises CatalogueError where that fails."""

    def take_turn(self, site: str, kind: str, interval: float) -> float:
        """Take the next instant of ``kind``, ``interval`` seconds after the one before. Gives the seconds to wait."""

    def lease(self, site: str, holder: str, wanted: int, allowed: int, seconds: float) -> int:
        """Lease up to ``wanted`` of ``allowed`` concurrent requests for ``seconds``, in place of the holder's lease.

        Gives how many it got; a holder that asks again before its lease ran out gets at least as many as it had.
        """

    def give_back(self, holder: str) -> None:
        """End a lease."""

    def holders(self, site: str) -> list[str]:
        """Who leases any of the site's requests now."""

    def leased_sites(self) -> list[str]:
        """The sites of which any request is leased now."""

    def close(self) -> None:
        """Let go of connections; leases stay."""


def open_budget(url: str, schema: str = SCHEMA) -> Budget:
    """The budget beside the catalogue at ``url``, made when there is none; ``close`` it. Raises CatalogueError."""
    location = locate(url, schema)
    if isinstance(location, PostgresqlSchema):
        return BudgetOnServer(location)
    return BudgetFile(location.path.with_name("budget.sqlite"))


class BudgetFile:
    """A Budget in an SQLite file, for all processes of this machine."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._changed("opening", lambda connection: connection.executescript(TABLES))

    def take_turn(self, site: str, kind: str, interval: float) -> float:
        def take(connection: sqlite3.Connection) -> float:
            now = _begin(connection)
            question = "SELECT next FROM turn WHERE site = ? AND kind = ?"
            (mine,) = connection.execute(question, (site, kind)).fetchone() or (now,)
            mine = max(now, mine)
            connection.execute("REPLACE INTO turn VALUES (?, ?, ?, ?)", (site, kind, now, mine + interval))
            connection.execute("COMMIT")
            return float(mine - now)

        return self._changed("taking a turn", take)

    def lease(self, site: str, holder: str, wanted: int, allowed: int, seconds: float) -> int:
        def take(connection: sqlite3.Connection) -> int:
            now = _begin(connection)
            connection.execute("DELETE FROM lease WHERE expires <= ? OR holder = ?", (now, holder))
            (held,) = connection.execute("SELECT COALESCE(SUM(slots), 0) FROM lease WHERE site = ?", (site,)).fetchone()
            got = max(0, min(wanted, allowed - int(held)))
            if got:
                lease = (holder, site, got, now, now + seconds)
                connection.execute("INSERT INTO lease VALUES (?, ?, ?, ?, ?)", lease)
            connection.execute("COMMIT")
            return got

        return self._changed("leasing concurrent requests", take)

    def give_back(self, holder: str) -> None:
        self._changed("giving back a lease", lambda c: c.execute("DELETE FROM lease WHERE holder = ?", (holder,)))

    def holders(self, site: str) -> list[str]:
        return [holder for of_site, holder in self._leases() if of_site == site]

    def leased_sites(self) -> list[str]:
        return sorted({site for site, _ in self._leases()})

    def _leases(self) -> list[tuple[str, str]]:
        def look(connection: sqlite3.Connection) -> list[tuple[str, str]]:
            now = _begin(connection)
            return connection.execute("SELECT site, holder FROM lease WHERE expires > ?", (now,)).fetchall()

        return self._changed("looking for leases", look)

    def close(self) -> None:
        """Each call has its own connection."""

    def _changed(self, doing: str, change: Callable[[sqlite3.Connection], T]) -> T:
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with closing(sqlite3.connect(self.path, timeout=30.0, isolation_level=None)) as connection:
                return change(connection)
        except (sqlite3.Error, OSError) as error:
            kind = CatalogueLocked if "locked" in str(error) else CatalogueUnavailable
            raise kind(
                f"{doing} in the site budget {self.path}",
                str(error),
                "Check that its folder is writable; the file itself may be deleted while nothing runs.",
            ) from error


def _begin(connection: sqlite3.Connection) -> float:
    """Begin a transaction that keeps all others out; the instant (seconds since the epoch) by the database's clock.

    What was taken later than now was taken before the clock was set back: it is moved along with the clock.
    """
    connection.execute("BEGIN IMMEDIATE")
    (now,) = connection.execute("SELECT (julianday('now') - 2440587.5) * 86400.0").fetchone()
    connection.execute("UPDATE turn SET next = next - taken + ?1, taken = ?1 WHERE taken > ?1", (now,))
    connection.execute("UPDATE lease SET expires = expires - taken + ?1, taken = ?1 WHERE taken > ?1", (now,))
    return float(now)
