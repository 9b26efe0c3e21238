"""Facts as rows and rows as facts."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Table, select
from sqlmodel import SQLModel

from noojee_ingest.catalogue.dialects import among
from noojee_ingest.catalogue.fact_tables import (
    AccessedRow,
    AudioNotStoredRow,
    AudioStoredRow,
    CallAppraisedRow,
    CallSeenRow,
    DayStatedRow,
    EntryRefusedRow,
    FixityCheckedRow,
    LegAppraisedRow,
    LegSeenRow,
    ListAnsweredRow,
    ObjectNotedRow,
    SightingColumns,
)
from noojee_ingest.catalogue.rows import row_of
from noojee_ingest.catalogue.tables import table
from noojee_ingest.journal.events import (
    KINDS,
    Accessed,
    AudioNotStored,
    AudioStored,
    CallAppraised,
    CallSeen,
    DayStated,
    EntryRefused,
    Event,
    FixityChecked,
    LegAppraised,
    LegSeen,
    ListAnswered,
    ObjectNoted,
)
from noojee_ingest.journal.facts import Fact, Facts, put_fact
from noojee_ingest.journal.lines import MEMBERS


@dataclass(frozen=True, slots=True)
class FactTable:
    """Where the facts of one kind of event live. ``kinds``: the event classes of its rows, by their PREMIS word.

    ``object_column`` holds the id of what the fact is about. ``sightings``: facts here may be said more than once.
    """

    table: Table
    object_column: str
    kinds: dict[str, type[Event]]
    sightings: bool

    def to_row(self, fact: Fact[Any]) -> dict[str, Any]:
        event = fact.event
        row = row_of(event)
        row["segment"] = fact.segment
        if len(self.kinds) > 1:
            row["kind"] = event.kind
            row["fact_key"] = fact.key
        if self.sightings:
            row["last_time"], row["last_event_id"], row["last_segment"] = fact.last
        return row

    def to_fact(self, row: Mapping[str, Any]) -> Fact[Any]:
        kind = self.kinds[row["kind"]] if len(self.kinds) > 1 else next(iter(self.kinds.values()))
        values = {member.name: row[member.name] for member in MEMBERS[kind]}
        for member in MEMBERS[kind]:
            if member.enum is not None and values[member.name] is not None:
                values[member.name] = member.enum(values[member.name])
        event = kind(**values)
        if not self.sightings:
            return Fact.of(event, row["segment"])
        return Fact(event, row["segment"], row["last_time"], row["last_event_id"], row["last_segment"])

    def load(self, connection: Connection, object_ids: Iterable[str]) -> dict[str, Facts[Any]]:
        """All facts of these objects, by object id."""
        found: dict[str, Facts[Any]] = {}
        column = self.table.c[self.object_column]
        for row in connection.execute(select(self.table).where(column.in_(among(object_ids)))).mappings():
            put_fact(found.setdefault(row[self.object_column], {}), self.to_fact(dict(row)))
        return found


def _fact_table(row: type[SQLModel], event: type[Event], object_column: str = "") -> FactTable:
    kinds = {kind.kind: kind for kind in KINDS if issubclass(kind, event)}
    return FactTable(table(row), object_column or event.object_field, kinds, issubclass(row, SightingColumns))


TABLES: dict[type[Event], FactTable] = {
    ListAnswered: _fact_table(ListAnsweredRow, ListAnswered, "event_id"),  # a scope may be answered for ever
    LegSeen: _fact_table(LegSeenRow, LegSeen),
    CallSeen: _fact_table(CallSeenRow, CallSeen),
    EntryRefused: _fact_table(EntryRefusedRow, EntryRefused),
    AudioStored: _fact_table(AudioStoredRow, AudioStored),
    AudioNotStored: _fact_table(AudioNotStoredRow, AudioNotStored),
    LegAppraised: _fact_table(LegAppraisedRow, LegAppraised),
    CallAppraised: _fact_table(CallAppraisedRow, CallAppraised),
    ObjectNoted: _fact_table(ObjectNotedRow, ObjectNoted),
    DayStated: _fact_table(DayStatedRow, DayStated),
    FixityChecked: _fact_table(FixityCheckedRow, FixityChecked, "event_id"),
    Accessed: _fact_table(AccessedRow, Accessed, "event_id"),  # a leg may be listened to for ever
}
