"""Rows by the thousand: values as rows, questions about many ids at once, inserting or replacing."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, fields
from enum import Enum
from operator import attrgetter, itemgetter
from typing import Any, get_args, get_type_hints

from sqlalchemy import Connection, Dialect, Select, Table, func, select
from sqlalchemy.dialects.postgresql import insert as postgresql_insert
from sqlalchemy.dialects.sqlite import insert as sqlite_insert


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


def among(ids: Iterable[str]) -> Select[Any]:
    """Ids for ``column.in_(among(ids))``: one parameter and one statement, however many they are."""
    listed = func.json_each(json.dumps(sorted(set(ids)))).table_valued("value")
    return select(listed.c.value)


@dataclass(frozen=True, slots=True)
class _Upsert:
    """A statement in the driver's words, and how a row becomes its parameters."""

    text: str
    key: Callable[[dict[str, Any]], Any]
    parameters: Callable[[dict[str, Any]], Any]
    processors: tuple[tuple[str, Callable[[Any], Any]], ...]


_upserts: dict[tuple[str, Table], _Upsert] = {}


def upsert(connection: Connection, target: Table, rows: Sequence[dict[str, Any]]) -> None:
    """Insert rows, or replace those whose key is there, in the order of their keys so that writers cannot deadlock."""
    if not rows:
        return
    known = connection.dialect.name, target
    statement = _upserts.get(known) or _upserts.setdefault(known, _compiled(target, connection.dialect))
    ordered = sorted(rows, key=statement.key)
    parameters = []
    for row in ordered:
        bound = dict(row)
        for name, process in statement.processors:
            if bound[name] is not None:
                bound[name] = process(bound[name])
        parameters.append(statement.parameters(bound))
    connection.exec_driver_sql(statement.text, parameters)


def _compiled(target: Table, dialect: Dialect) -> _Upsert:
    """SQLAlchemy's own way with many rows costs more than the rest of a rebuild together: it is asked once a table."""
    key = [column.name for column in target.primary_key.columns]
    statement = (sqlite_insert if dialect.name == "sqlite" else postgresql_insert)(target)
    others = {column.name: statement.excluded[column.name] for column in target.columns if column.name not in key}
    if others:
        statement = statement.on_conflict_do_update(index_elements=key, set_=others)
    else:
        statement = statement.on_conflict_do_nothing(index_elements=key)
    compiled = statement.compile(dialect=dialect)
    found = ((column.name, column.type.dialect_impl(dialect).bind_processor(dialect)) for column in target.columns)
    return _Upsert(
        text=compiled.string,
        key=itemgetter(*key),
        parameters=_tuple_of(compiled.positiontup) if compiled.positiontup else dict,
        processors=tuple((name, processor) for name, processor in found if processor is not None),
    )


def _tuple_of(names: Sequence[str]) -> Callable[[dict[str, Any]], tuple[Any, ...]]:
    return itemgetter(*names) if len(names) > 1 else lambda row: (row[names[0]],)
