"""Facts as rows and rows as facts."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any

from sqlalchemy import Connection, Table, select
from sqlalchemy.dialects.postgresql import insert as postgresql_insert
from sqlalchemy.dialects.sqlite import insert as sqlite_insert
from sqlmodel import SQLModel

from noojee_ingest.catalogue.tables import (
    AudioNotStoredRow,
    AudioStoredRow,
    CallAppraisedRow,
    CallSeenRow,
    EntryRefusedRow,
    LegAppraisedRow,
    LegSeenRow,
    ListAnsweredRow,
    ObjectNotedRow,
    SightingColumns,
    table,
)
from noojee_ingest.journal.events import (
    KINDS,
    AudioNotStored,
    AudioStored,
    CallAppraised,
    CallSeen,
    EntryRefused,
    Event,
    LegAppraised,
    LegSeen,
    ListAnswered,
    ObjectNoted,
)
from noojee_ingest.journal.fold import Fact, Facts, fact_key, put_fact
from noojee_ingest.journal.lines import MEMBERS

MOST_IDS = 500
"""Ids in one question: as many as a segment has events."""


@dataclass(frozen=True, slots=True)
class FactTable:
    """Where the facts of one kind of event live. ``kinds``: the event classes of its rows, by their PREMIS word."""

    row: type[SQLModel]
    object_column: str
    kinds: dict[str, type[Event]]

    @property
    def table(self) -> Table:
        return table(self.row)

    @property
    def sightings(self) -> bool:
        return issubclass(self.row, SightingColumns)

    def to_row(self, fact: Fact[Any]) -> dict[str, Any]:
        event = fact.event
        row = {member.name: plain(getattr(event, member.name)) for member in MEMBERS[type(event)]}
        row["segment"] = fact.segment
        if self.sightings:
            row["fact_key"] = fact_key(event)
            row["kind"] = event.kind
            row["last_time"] = fact.last_time
            row["last_event_id"] = fact.last_event_id
        return row

    def to_fact(self, row: dict[str, Any]) -> Fact[Any]:
        kind = self.kinds[row["kind"]] if self.sightings else next(iter(self.kinds.values()))
        values = {member.name: row[member.name] for member in MEMBERS[kind]}
        for member in MEMBERS[kind]:
            if member.enum is not None and values[member.name] is not None:
                values[member.name] = member.enum(values[member.name])
        event = kind(**values)
        if not self.sightings:
            return Fact.of(event, row["segment"])
        return Fact(event, row["segment"], row["last_time"], row["last_event_id"])

    def load(self, connection: Connection, object_ids: Sequence[str]) -> dict[str, Facts[Any]]:
        """All facts of these objects, by object id."""
        found: dict[str, Facts[Any]] = {}
        column = self.table.c[self.object_column]
        for some in chunks(object_ids):
            for row in connection.execute(select(self.table).where(column.in_(some))).mappings():
                put_fact(found.setdefault(row[self.object_column], {}), self.to_fact(dict(row)))
        return found


def plain(value: Any) -> Any:
    """What a column holds for a value: an enumeration's word."""
    return value.value if isinstance(value, Enum) else value


def _fact_table(row: type[SQLModel], event: type[Event]) -> FactTable:
    kinds = {kind.kind: kind for kind in KINDS if issubclass(kind, event)}
    return FactTable(row, event.object_field, kinds)


TABLES: dict[type[Event], FactTable] = {
    ListAnswered: _fact_table(ListAnsweredRow, ListAnswered),
    LegSeen: _fact_table(LegSeenRow, LegSeen),
    CallSeen: _fact_table(CallSeenRow, CallSeen),
    EntryRefused: _fact_table(EntryRefusedRow, EntryRefused),
    AudioStored: _fact_table(AudioStoredRow, AudioStored),
    AudioNotStored: _fact_table(AudioNotStoredRow, AudioNotStored),
    LegAppraised: _fact_table(LegAppraisedRow, LegAppraised),
    CallAppraised: _fact_table(CallAppraisedRow, CallAppraised),
    ObjectNoted: _fact_table(ObjectNotedRow, ObjectNoted),
}


def chunks(ids: Iterable[str]) -> Iterable[list[str]]:
    """Ids sorted, without repeats, in lists that fit one question."""
    ordered = sorted(set(ids))
    for first in range(0, len(ordered), MOST_IDS):
        yield ordered[first : first + MOST_IDS]


def upsert(connection: Connection, target: Table, rows: Sequence[dict[str, Any]]) -> None:
    """Insert rows, or replace those whose key is there, in the order of their keys so that writers cannot deadlock."""
    if not rows:
        return
    key = [column.name for column in target.primary_key.columns]
    insert = sqlite_insert if connection.dialect.name == "sqlite" else postgresql_insert
    statement = insert(target)
    others = {column.name: statement.excluded[column.name] for column in target.columns if column.name not in key}
    if others:
        statement = statement.on_conflict_do_update(index_elements=key, set_=others)
    else:
        statement = statement.on_conflict_do_nothing(index_elements=key)
    connection.execute(statement, sorted(rows, key=lambda row: tuple(row[name] for name in key)))
