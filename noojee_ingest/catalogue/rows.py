"""Rows by the thousand: values as rows, inserting or replacing."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, fields
from enum import Enum
from functools import lru_cache
from operator import attrgetter, itemgetter
from typing import Any, get_args, get_type_hints

from sqlalchemy import Connection, Date, Dialect, Float, Table
from sqlalchemy.types import TypeEngine

from noojee_ingest.catalogue.columns import Instant
from noojee_ingest.catalogue.copying import COPIED_FROM, Copying
from noojee_ingest.catalogue.dialects import INSERT, as_made


@dataclass(frozen=True, slots=True)
class _Fields:
    """A dataclass's fields: their names, how to get them all, and which are enumerations."""

    names: tuple[str, ...]
    values: Callable[[Any], tuple[Any, ...]]
    enums: tuple[str, ...]

    @classmethod
    def of(cls, kind: type[Any]) -> _Fields:
        hints = get_type_hints(kind)
        names = tuple(field.name for field in fields(kind))
        enums = (name for name in names if any(_is_enum(hint) for hint in (hints[name], *get_args(hints[name]))))
        return cls(names, attrgetter(*names), tuple(enums))


def _is_enum(hint: Any) -> bool:
    return isinstance(hint, type) and issubclass(hint, Enum)


_fields: dict[type[Any], _Fields] = {}


def row_of(value: Any) -> dict[str, Any]:
    """A dataclass's fields as columns hold them: of an enumeration its word."""
    kind = type(value)
    known = _fields.get(kind) or _fields.setdefault(kind, _Fields.of(kind))
    row = dict(zip(known.names, known.values(value), strict=True))
    for name in known.enums:
        if row[name] is not None:
            row[name] = row[name].value
    return row


Parameters = tuple[Any, ...]
"""A row as the driver takes it, in the order of its table's columns."""


@dataclass(frozen=True, slots=True)
class _Upsert:
    """A statement in the driver's words, and how a row becomes its parameters. ``named``: it takes them by name."""

    text: str
    names: tuple[str, ...]
    named: bool
    key: Callable[[dict[str, Any]], Any]
    values: Callable[[dict[str, Any]], Parameters]
    processors: tuple[tuple[int, Callable[[Any], Any]], ...]
    copying: Copying | None


_upserts: dict[tuple[str, Table], _Upsert] = {}


def upsert(connection: Connection, target: Table, rows: Sequence[dict[str, Any]]) -> None:
    """Insert rows, or replace those whose key is there, in the order of their keys so that writers cannot deadlock.

    No two of the rows have the same key.
    """
    upsert_bound(connection, target, bound(connection.dialect, target, rows))


def bound(dialect: Dialect, target: Table, rows: Sequence[dict[str, Any]]) -> list[Parameters]:
    """Rows as the driver takes them, in the order of their keys."""
    statement = _statement(dialect, target)
    columns = list(zip(*map(statement.values, sorted(rows, key=statement.key)), strict=True))
    for place, process in statement.processors if columns else ():
        columns[place] = tuple([value if value is None else process(value) for value in columns[place]])
    return list(zip(*columns, strict=True))


def upsert_bound(connection: Connection, target: Table, rows: Sequence[Parameters]) -> None:
    """As ``upsert``, of rows that are ``bound``."""
    if not rows:
        return
    statement = _statement(connection.dialect, target)
    if statement.copying is not None and len(rows) >= COPIED_FROM:
        statement.copying.run(connection, rows)
    elif statement.named:
        named = [dict(zip(statement.names, row, strict=True)) for row in rows]
        connection.exec_driver_sql(statement.text, named)
    else:
        connection.exec_driver_sql(statement.text, rows)


def _statement(dialect: Dialect, target: Table) -> _Upsert:
    known = dialect.name, target
    return _upserts.get(known) or _upserts.setdefault(known, _compiled(target, dialect))


def _compiled(target: Table, dialect: Dialect) -> _Upsert:
    """SQLAlchemy's own way with many rows costs more than the rest of a rebuild together: it is asked once a table."""
    found = [_processors(column.type, dialect) for column in target.columns]
    names = tuple(column.name for column in target.columns)
    if dialect.name == "postgresql":
        target = as_made(target)
    compiled = _or_replace(INSERT[dialect.name](target), target).compile(dialect=dialect)
    return _Upsert(
        text=compiled.string,
        names=names,
        named=compiled.positiontup is None,
        key=itemgetter(*(column.name for column in target.primary_key.columns)),
        values=itemgetter(*names) if len(names) > 1 else lambda row: (row[names[0]],),
        processors=tuple((place, process) for place, own in enumerate(found) for process in own),
        copying=Copying.into(target, dialect, _or_replace) if dialect.name == "postgresql" else None,
    )


def _processors(kind: TypeEngine[Any], dialect: Dialect) -> Iterator[Callable[[Any], Any]]:
    process = kind.dialect_impl(dialect).bind_processor(dialect)
    if process is not None:
        yield lru_cache(maxsize=16_384)(process) if isinstance(kind, Date | Instant) else process
    if isinstance(kind, Float) and dialect.name == "postgresql":
        yield (0.0).__add__  # no -0.0: SQLite has but one zero


def _or_replace(insert: Any, target: Table) -> Any:
    """An insert that replaces the row whose key is there."""
    key = [column.name for column in target.primary_key.columns]
    others = {column.name: insert.excluded[column.name] for column in target.columns if column.name not in key}
    if others:
        return insert.on_conflict_do_update(index_elements=key, set_=others)
    return insert.on_conflict_do_nothing(index_elements=key)
