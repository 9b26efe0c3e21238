"""Rows by the thousand: values as rows, inserting or replacing."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from enum import Enum
from operator import attrgetter, itemgetter
from typing import Any, get_args, get_type_hints

from sqlalchemy import Connection, Dialect, Float, Table

from noojee_ingest.catalogue.copying import COPIED_FROM, Copying
from noojee_ingest.catalogue.dialects import INSERT
from noojee_ingest.catalogue.postgresql import as_made


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


@dataclass(frozen=True, slots=True)
class _Upsert:
    """A statement in the driver's words, and how a row becomes its parameters."""

    text: str
    key: Callable[[dict[str, Any]], Any]
    parameters: Callable[[dict[str, Any]], Any]
    processors: tuple[tuple[str, Callable[[Any], Any]], ...]
    copying: Copying | None


_upserts: dict[tuple[str, Table], _Upsert] = {}


def upsert(connection: Connection, target: Table, rows: Sequence[dict[str, Any]]) -> None:
    """Insert rows, or replace those whose key is there, in the order of their keys so that writers cannot deadlock.

    No two of the rows have the same key.
    """
    if not rows:
        return
    known = connection.dialect.name, target
    statement = _upserts.get(known) or _upserts.setdefault(known, _compiled(target, connection.dialect))
    ordered = [_bound(row, statement) for row in sorted(rows, key=statement.key)]
    if statement.copying is not None and len(ordered) >= COPIED_FROM:
        statement.copying.run(connection, ordered)
    else:
        connection.exec_driver_sql(statement.text, [statement.parameters(row) for row in ordered])


def _bound(row: dict[str, Any], statement: _Upsert) -> dict[str, Any]:
    bound = dict(row)
    for name, process in statement.processors:
        if bound[name] is not None:
            bound[name] = process(bound[name])
    return bound


def _compiled(target: Table, dialect: Dialect) -> _Upsert:
    """SQLAlchemy's own way with many rows costs more than the rest of a rebuild together: it is asked once a table."""
    found: list[tuple[str, Callable[[Any], Any] | None]]
    found = [(column.name, column.type.dialect_impl(dialect).bind_processor(dialect)) for column in target.columns]
    if dialect.name == "postgresql":
        found += [(column.name, (0.0).__add__) for column in target.columns if isinstance(column.type, Float)]
        target = as_made(target)  # and no -0.0: SQLite has but one zero
    compiled = _or_replace(INSERT[dialect.name](target), target).compile(dialect=dialect)
    return _Upsert(
        text=compiled.string,
        key=itemgetter(*(column.name for column in target.primary_key.columns)),
        parameters=_tuple_of(compiled.positiontup) if compiled.positiontup else dict,
        processors=tuple((name, processor) for name, processor in found if processor is not None),
        copying=Copying.into(target, dialect, _or_replace) if dialect.name == "postgresql" else None,
    )


def _or_replace(insert: Any, target: Table) -> Any:
    """An insert that replaces the row whose key is there."""
    key = [column.name for column in target.primary_key.columns]
    others = {column.name: insert.excluded[column.name] for column in target.columns if column.name not in key}
    if others:
        return insert.on_conflict_do_update(index_elements=key, set_=others)
    return insert.on_conflict_do_nothing(index_elements=key)


def _tuple_of(names: Sequence[str]) -> Callable[[dict[str, Any]], tuple[Any, ...]]:
    return itemgetter(*names) if len(names) > 1 else lambda row: (row[names[0]],)
