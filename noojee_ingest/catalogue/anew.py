"""Segments folded by themselves, as if their objects had never been heard of: how a rebuild begins.

The rules are those of ``catalogue.apply``: here nothing has to be asked of a database, and so it can be done in other
processes. What several batches of segments say of one object, and what hangs together across batches, is for apply.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Set
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Dialect, Table, select

from noojee_ingest.catalogue.dialects import among
from noojee_ingest.catalogue.fact_tables import (
    AccessedRow,
    DayStatedRow,
    EntryRefusedRow,
    FixityCheckedRow,
    ListAnsweredRow,
    ObjectNotedRow,
)
from noojee_ingest.catalogue.facts import TABLES
from noojee_ingest.catalogue.folding import (
    LEG_KINDS,
    Folded,
    Found,
    Known,
    Row,
    finding_rows,
    folded_call,
    folded_leg,
    found_of_answers,
    found_of_days,
    found_of_entries,
    found_of_objects,
)
from noojee_ingest.catalogue.rows import Parameters, bound, upsert_bound
from noojee_ingest.catalogue.search_index import links_of, search_row
from noojee_ingest.catalogue.sums import Sums
from noojee_ingest.catalogue.tables import REBUILDABLE, CallRow, FindingRow, LegRow, LegSearchRow, LegTermRow, table
from noojee_ingest.catalogue.terms import passing_terms, term_id
from noojee_ingest.journal.events import (
    Accessed,
    CallAppraised,
    CallSeen,
    DayStated,
    EntryRefused,
    Event,
    FixityChecked,
    ListAnswered,
    ObjectNoted,
)
from noojee_ingest.journal.facts import CallFacts, Fact, Facts, put_fact
from noojee_ingest.journal.segment import Segment
from noojee_ingest.model import Finding

LEG, CALL, FINDING = table(LegRow), table(CallRow), table(FindingRow)
SEARCH, TERM = table(LegSearchRow), table(LegTermRow)

OBJECTS = {LEG: "leg_id", CALL: "call_id"} | {
    table(row): TABLES[kind].object_column
    for row, kind in (
        (ObjectNotedRow, ObjectNoted),
        (DayStatedRow, DayStated),
        (ListAnsweredRow, ListAnswered),
        (EntryRefusedRow, EntryRefused),
        (FixityCheckedRow, FixityChecked),
        (AccessedRow, Accessed),
    )
}
"""Tables that together name every object of which a catalogue knows anything, and where."""

KIND_OF = {event: kind for kind, target in TABLES.items() for event in target.kinds.values()}
"""Of each class of events: that of the table which its facts are in."""


def object_id(event: Event) -> str:
    """What a fact is about, as its table names it."""
    found: str = getattr(event, TABLES[KIND_OF[type(event)]].object_column)
    return found


Place = tuple[int, str]
"""When a leg began, and its id."""


@dataclass(frozen=True, slots=True)
class FoldedBatch:
    """What segments make of an empty catalogue: rows as the driver takes them, by the name of their table.

    ``terms``: the rows of ``leg_term``, by term; a leg's place is one object, for so it is sent between processes once.
    """

    rows: dict[str, list[Parameters]]
    terms: dict[str, list[Place]]
    sums: Sums

    def known(self, connection: Connection) -> set[str]:
        """The objects of which the catalogue knows something already: they must not be saved."""
        found: set[str] = set()
        for target, name in OBJECTS.items():
            place = [column.name for column in target.columns].index(name)
            if ids := {row[place] for row in self.rows.get(target.name, ())}:
                found.update(connection.execute(select(target.c[name]).where(target.c[name].in_(among(ids)))).scalars())
        return found

    def save(self, connection: Connection) -> None:
        """In a transaction that the caller began."""
        for row in REBUILDABLE:
            upsert_bound(connection, table(row), self.rows.get(table(row).name, ()))
        upsert_bound(connection, TERM, [(term, *place) for term in sorted(self.terms) for place in self.terms[term]])
        self.sums.save(connection)


def folded_anew(segments: Iterable[Segment], left_out: Set[str], dialect: Dialect) -> FoldedBatch:
    """Fold segments, but for what they say of the objects ``left_out``."""
    facts = [
        Fact.of(event, segment.key)
        for segment in segments
        for event in segment.events
        if not left_out or object_id(event) not in left_out
    ]
    known: dict[type[Event], dict[str, Facts[Any]]] = {kind: {} for kind in TABLES}
    for fact in facts:
        put_fact(known[KIND_OF[type(fact.event)]].setdefault(object_id(fact.event), {}), fact)
    leg_ids = {leg_id for kind in LEG_KINDS for leg_id in known[kind]}
    legs = {leg_id: folded_leg(known, leg_id) for leg_id in leg_ids}
    calls = _folded_calls(known, legs)
    found: dict[str, Found] = {
        "leg": {leg_id: (leg.row, leg.findings) for leg_id, leg in legs.items()},
        "call": calls,
        "object": found_of_objects(known[ObjectNoted]),
        "day": found_of_days(known[DayStated]),
        "answer": found_of_answers(facts),
        "entry": found_of_entries(facts),
    }
    told: dict[Table, list[Row]] = {
        target.table: [target.to_row(fact) for one in known[kind].values() for fact in one.values()]
        for kind, target in TABLES.items()
    }
    told[LEG] = [leg.row for leg in legs.values()]
    told[CALL] = [row for row, _ in calls.values()]
    told[FINDING] = [
        row
        for object_type, objects in found.items()
        for named, (owner, findings) in objects.items()
        for row in finding_rows(object_type, named, owner, findings)
    ]
    told[SEARCH], terms = _searched(legs.values(), told[CALL])
    rows = {target.name: bound(dialect, target, those) for target, those in told.items()}
    return FoldedBatch(rows, terms, _summed(told))


def _folded_calls(known: Known, legs: Mapping[str, Folded]) -> dict[str, tuple[Row, list[Finding]]]:
    seen, appraised = known[CallSeen], known[CallAppraised]
    of_link: dict[str, list[str]] = {}
    for leg_id, leg in legs.items():
        for link in links_of(leg.row):
            of_link.setdefault(link, []).append(leg_id)
    return {
        call_id: folded_call(CallFacts(seen.get(call_id, {}), appraised.get(call_id, {})), of_link)
        for call_id in seen.keys() | appraised.keys()
    }


def _searched(legs: Iterable[Folded], calls: Iterable[Row]) -> tuple[list[Row], dict[str, list[Place]]]:
    """The rows of ``leg_search``, and by term the places of its legs."""
    of_link: dict[str, list[Row]] = {}
    for call in calls:
        for link in links_of(call):
            of_link.setdefault(link, []).append(call)
    found = [(search_row(leg.row, of_link), leg) for leg in legs]
    found.sort(key=lambda one: (one[0]["at"], one[0]["leg_id"]))
    of_term: dict[str, list[Place]] = {}
    for row, leg in found:
        place = row["at"], row["leg_id"]
        kinds = [finding.kind.value for finding in leg.findings]
        for term in (*row["terms"], *passing_terms(leg.row["state"], kinds)):
            of_term.setdefault(term_id(row["site"], term), []).append(place)
    return [row for row, _ in found], of_term


def _summed(told: Mapping[Table, Iterable[Row]]) -> Sums:
    sums = Sums()
    for target, count in ((LEG, sums.leg), (CALL, sums.call), (FINDING, sums.finding)):
        for row in told[target]:
            count(row, +1)
    return sums
