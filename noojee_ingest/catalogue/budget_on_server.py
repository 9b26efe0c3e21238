"""The site budget on PostgreSQL, for all hosts; what it promises is said in ``budget``."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

from sqlalchemy import Connection, text

from noojee_ingest.catalogue.errors import BUSY_SECONDS
from noojee_ingest.catalogue.postgresql import PostgresqlSchema

TABLES = (
    "CREATE TABLE IF NOT EXISTS turn (site text, kind text, taken float8 NOT NULL, next float8 NOT NULL,"
    " PRIMARY KEY (site, kind))",
    "CREATE TABLE IF NOT EXISTS lease (holder text PRIMARY KEY, site text NOT NULL, slots integer NOT NULL,"
    " taken float8 NOT NULL, expires float8 NOT NULL)",
)


class BudgetOnServer:
    """A Budget in a schema of its own beside the catalogue's, with connections of its own."""

    def __init__(self, catalogue: PostgresqlSchema) -> None:
        self.location = replace(catalogue, schema=f"{catalogue.schema}_budget")
        self.engine = self.location.engine(BUSY_SECONDS)
        try:
            self._make()
        except BaseException:
            self.close()
            raise

    def _make(self) -> None:
        with self._changing("opening") as connection:
            known = connection.execute(text("SELECT to_regclass('lease') IS NOT NULL")).scalar_one()
            if not known:
                self.location.make_room(connection)
                for table in TABLES:
                    connection.execute(text(table))

    def take_turn(self, site: str, kind: str, interval: float) -> float:
        with self._changing("taking a turn") as connection:
            now = _begin(connection)
            mine = _one(connection, "SELECT next FROM turn WHERE site = :site AND kind = :kind", site=site, kind=kind)
            mine = max(now, mine or now)
            _do(
                connection,
                "INSERT INTO turn VALUES (:site, :kind, :now, :next)"
                " ON CONFLICT (site, kind) DO UPDATE SET taken = excluded.taken, next = excluded.next",
                site=site, kind=kind, now=now, next=mine + interval,
            )  # fmt: skip
            return float(mine - now)

    def lease(self, site: str, holder: str, wanted: int, allowed: int, seconds: float) -> int:
        with self._changing("leasing concurrent requests") as connection:
            now = _begin(connection)
            _do(connection, "DELETE FROM lease WHERE expires <= :now OR holder = :holder", now=now, holder=holder)
            held = _one(connection, "SELECT coalesce(sum(slots), 0) FROM lease WHERE site = :site", site=site)
            got = max(0, min(wanted, allowed - int(held)))
            if got:
                _do(
                    connection,
                    "INSERT INTO lease VALUES (:holder, :site, :got, :now, :expires)",
                    holder=holder, site=site, got=got, now=now, expires=now + seconds,
                )  # fmt: skip
            return got

    def give_back(self, holder: str) -> None:
        with self._changing("giving back a lease") as connection:
            _do(connection, "DELETE FROM lease WHERE holder = :holder", holder=holder)

    def holders(self, site: str) -> list[str]:
        return [holder for of_site, holder in self._leases() if of_site == site]

    def leased_sites(self) -> list[str]:
        return sorted({site for site, _ in self._leases()})

    def _leases(self) -> list[tuple[str, str]]:
        with self._changing("looking for leases") as connection:
            now = {"now": _begin(connection)}
            found = connection.execute(text("SELECT site, holder FROM lease WHERE expires > :now"), now)
            return [(site, holder) for site, holder in found]

    def close(self) -> None:
        self.engine.dispose()

    @contextmanager
    def _changing(self, doing: str) -> Iterator[Connection]:
        explained = self.location.explained(f"{doing} in the site budget {self.location.name}")
        with explained, self.engine.begin() as connection:
            yield connection


def _begin(connection: Connection) -> float:
    """Keep all others out until the transaction ends; the instant (seconds since the epoch) by the database's clock.

    What was taken later than now was taken before the clock was set back: it is moved along with the clock.
    """
    _do(connection, "LOCK TABLE lease IN SHARE ROW EXCLUSIVE MODE")
    now = float(_one(connection, "SELECT extract(epoch FROM clock_timestamp())"))
    _do(connection, "UPDATE turn SET next = next - taken + :now, taken = :now WHERE taken > :now", now=now)
    _do(connection, "UPDATE lease SET expires = expires - taken + :now, taken = :now WHERE taken > :now", now=now)
    return now


def _do(connection: Connection, statement: str, **values: Any) -> None:
    connection.execute(text(statement), values)


def _one(connection: Connection, question: str, **values: Any) -> Any:
    return connection.execute(text(question), values).scalar_one_or_none()
