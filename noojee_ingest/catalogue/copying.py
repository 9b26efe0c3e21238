"""Many rows into PostgreSQL: by COPY into a table of the session's own, and from there in one statement."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Dialect, MetaData, Table, select
from sqlalchemy.dialects.postgresql import insert

COPIED_FROM = 50
"""Rows: fewer are sent faster one by one."""


@dataclass(frozen=True, slots=True)
class Copying:
    """The statements for one table, in the driver's words."""

    make: str
    copy: str
    take: str

    @classmethod
    def into(cls, target: Table, dialect: Dialect, or_replace: Callable[[Any, Table], Any]) -> Copying:
        """``or_replace`` says what an insert does where the key is there."""
        quote = dialect.identifier_preparer.quote
        incoming = target.to_metadata(MetaData(), name=f"incoming_{target.name}")
        names = [column.name for column in target.columns]
        taken = insert(target).from_select(names, select(incoming))
        return cls(
            make=f"CREATE TEMP TABLE IF NOT EXISTS {quote(incoming.name)} (LIKE {quote(target.name)});"
            f" TRUNCATE {quote(incoming.name)}",
            copy=f"COPY {quote(incoming.name)} ({', '.join(map(quote, names))}) FROM STDIN",
            take=str(or_replace(taken, target).compile(dialect=dialect)),
        )

    def run(self, connection: Connection, rows: Iterable[tuple[Any, ...]]) -> None:
        """In the connection's transaction; the rows are as the driver takes them, in the order of the columns."""
        driver: Any = connection.connection.driver_connection
        with driver.cursor() as cursor:
            cursor.execute(self.make)
            with cursor.copy(self.copy) as copy:
                for row in rows:
                    copy.write_row(row)
            cursor.execute(self.take)
