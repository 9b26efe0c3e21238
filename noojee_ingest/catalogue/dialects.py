"""The little SQL that the two engines say differently."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from datetime import datetime
from functools import cache
from typing import Any

from sqlalchemy import BigInteger, Connection, Integer, MetaData, Select, String, Table, cast, select, text
from sqlalchemy.dialects.postgresql import insert as postgresql_insert
from sqlalchemy.dialects.sqlite import insert as sqlite_insert
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.functions import GenericFunction
from sqlalchemy.types import TypeDecorator

from noojee_ingest.catalogue.columns import Instant
from noojee_ingest.journal.lines import instant_text

INSERT: dict[str, Callable[..., Any]] = {"sqlite": sqlite_insert, "postgresql": postgresql_insert}
"""By dialect: an insert that knows what to do where the key is there."""


class _Listed(GenericFunction[Any]):
    """The texts of a JSON list, each a row."""

    name = "json_each"
    inherit_cache = True


@compiles(_Listed, "postgresql")
def _listed(listed: _Listed, compiler: Any, **told: Any) -> str:
    return f"json_array_elements_text(CAST({compiler.process(listed.clauses, **told)} AS json))"


def among(ids: Iterable[str]) -> Select[Any]:
    """Ids for ``column.in_(among(ids))``: one parameter and one statement, however many they are."""
    listed = _Listed(json.dumps(sorted(set(ids))), type_=String).table_valued("value")
    return select(listed.c.value)


def among_instants(instants: Iterable[datetime]) -> Select[Any]:
    """The same for instants."""
    return select(cast(among(map(instant_text, instants)).selected_columns[0], Instant))


@cache
def as_made(table: Table) -> Table:
    """A table as PostgreSQL has it: text sorts by code point, whole numbers have 64 bits, as in the journal."""
    made = table.to_metadata(MetaData())
    for column in made.columns:
        plain = column.type.impl_instance if isinstance(column.type, TypeDecorator) else column.type
        if isinstance(plain, Integer):
            column.type = BigInteger()
        elif isinstance(plain, String) and not isinstance(column.type, Instant):
            column.type = String(collation="C")
    return made


def lock_sites(connection: Connection, sites: Iterable[str]) -> None:
    """Keep out others that lock one of these sites, until the transaction ends.

    What hangs together (legs of one audio, a call and its legs, a day and its sums) belongs to one site. SQLite lets
    only one write at all.
    """
    if connection.dialect.name == "postgresql":
        lock = text("SELECT pg_advisory_xact_lock(hashtextextended(current_schema() || ' applies to ' || :site, 0))")
        for site in sorted(set(sites)):  # in one order, so that no two wait for each other
            connection.execute(lock, {"site": site})
