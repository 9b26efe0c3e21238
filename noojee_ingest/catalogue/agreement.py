"""Whether the catalogue's rows of a day are those that the journal makes of it.

The day's segments are folded anew, beside what the catalogue has: every fact, and all that follows from facts but the
terms of ``leg_term``. Facts that other days' segments hold of the same legs and calls are read there. Nothing is
written.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from sqlalchemy import Connection, Table, select

from noojee_ingest.catalogue.anew import KIND_OF, object_id
from noojee_ingest.catalogue.apply import found_double, legs_of_links, legs_with_the_same
from noojee_ingest.catalogue.database import Catalogue
from noojee_ingest.catalogue.dialects import among
from noojee_ingest.catalogue.facts import TABLES
from noojee_ingest.catalogue.folding import (
    LEG_KINDS,
    Found,
    finding_rows,
    folded_call,
    folded_leg,
    found_of_answers,
    found_of_days,
    found_of_entries,
    found_of_objects,
)
from noojee_ingest.catalogue.search_index import calls_of_legs, search_row
from noojee_ingest.catalogue.sums import Sums
from noojee_ingest.catalogue.tables import CallRow, DayRow, FindingRow, LegRow, LegSearchRow, table
from noojee_ingest.journal.events import CallAppraised, CallSeen, DayStated, Event, ObjectNoted
from noojee_ingest.journal.facts import CallFacts, Fact, Facts, put_fact
from noojee_ingest.journal.fold import call_links, one_of_each
from noojee_ingest.journal.segment import Segment

LEG, CALL, FINDING = table(LegRow), table(CallRow), table(FindingRow)
DAY, SEARCH = table(DayRow), table(LegSearchRow)
CALL_KINDS = (CallSeen, CallAppraised)

Row = dict[str, Any]
Told = dict[type[Event], dict[str, Facts[Any]]]
"""By the kind of its table and by object: facts."""


def disagreements(
    catalogue: Catalogue,
    site: str,
    day: date,
    told: Sequence[Segment],
    segment_of: Callable[[str], Segment | None],
) -> list[str]:
    """How the rows of a day differ from what its segments make of it, each in words; empty: they agree.

    ``told``: all segments of the day. ``segment_of`` reads a segment of another day, ``None`` where it cannot be read:
    then what it tells of is left out. Raises CatalogueError.
    """
    with catalogue.read("comparing a day with its journal") as connection:
        return sorted(set(_Comparison.of(connection, site, day, told, segment_of).differences()))


@dataclass
class _Comparison:
    """``journal``: what the segments tell; ``known``: what the catalogue has of the same objects."""

    connection: Connection
    site: str
    day: date
    journal: Told
    known: Told

    @classmethod
    def of(
        cls,
        connection: Connection,
        site: str,
        day: date,
        told: Sequence[Segment],
        segment_of: Callable[[str], Segment | None],
    ) -> _Comparison:
        journal: Told = {kind: {} for kind in TABLES}
        for segment in told:
            _tell(journal, segment, segment.events)
        ids = {kind: set(objects) | _rows_of_day(connection, kind, site, day) for kind, objects in journal.items()}
        for group, derived in ((LEG_KINDS, LEG), (CALL_KINDS, CALL)):
            name = "leg_id" if derived is LEG else "call_id"
            those = select(derived.c[name]).where(derived.c.site == site, derived.c.day == day)
            together = set(connection.execute(those).scalars()).union(*(ids[kind] for kind in group))
            ids |= dict.fromkeys(group, together)
        known: Told = {kind: TABLES[kind].load(connection, ids[kind]) for kind in TABLES}
        comparison = cls(connection, site, day, journal, known)
        comparison._read_elsewhere({segment.key for segment in told}, segment_of)
        return comparison

    def _read_elsewhere(self, here: set[str], segment_of: Callable[[str], Segment | None]) -> None:
        """Add what other segments tell of the same objects, and leave out what cannot be told."""
        wanted: dict[str, set[str]] = {}
        for objects in self.known.values():
            for name, facts in objects.items():
                for fact in facts.values():
                    for key in {fact.segment, fact.last_segment} - here:
                        wanted.setdefault(key, set()).add(name)
        unclear: set[str] = set()
        for key, names in wanted.items():
            segment = segment_of(key)
            if segment is None:
                unclear |= names
            else:
                _tell(self.journal, segment, [event for event in segment.events if object_id(event) in names])
        for told in (self.journal, self.known):
            for objects in told.values():
                for name in unclear & objects.keys():
                    del objects[name]

    def differences(self) -> Iterator[str]:
        yield from self._facts()
        yield from self._keys()
        legs = dict(self._legs())
        yield from self._rows(LEG, "leg_id", {name: row for name, (row, _) in legs.items()})
        calls = self._calls()
        yield from self._rows(CALL, "call_id", {name: row for name, (row, _) in calls.items()})
        there = self._stored(LEG, "leg_id", legs)
        of_links = calls_of_legs(self.connection, there.values())
        yield from self._rows(SEARCH, "leg_id", {name: search_row(row, of_links) for name, row in there.items()})
        facts = [fact for objects in self.journal.values() for of in objects.values() for fact in of.values()]
        yield from self._findings("leg", legs)
        yield from self._findings("call", calls)
        yield from self._findings("object", found_of_objects(self.journal[ObjectNoted]))
        yield from self._findings("day", found_of_days(self.journal[DayStated]))
        yield from self._findings("answer", found_of_answers(facts))
        yield from self._findings("entry", found_of_entries(facts))
        yield from self._sums()

    def _facts(self) -> Iterator[str]:
        for kind, target in TABLES.items():
            of_journal, of_catalogue = self.journal[kind], self.known[kind]
            for name in of_journal.keys() | of_catalogue.keys():
                told, has = of_journal.get(name, {}), of_catalogue.get(name, {})
                for key in told.keys() | has.keys():
                    if key not in has:
                        yield f"{target.table.name} of {name}: a row is missing"
                    elif key not in told:
                        yield f"{target.table.name} of {name}: no segment tells of a row"
                    elif told[key] != has[key]:
                        columns = _other(target.to_row(told[key]), target.to_row(has[key]))
                        yield f"{target.table.name} of {name}: {columns} not as journalled"

    def _keys(self) -> Iterator[str]:
        """Rows that stand under another key than their facts give: they are read as if they did not."""
        for kind, target in TABLES.items():
            if "fact_key" in target.table.c:
                name, key = target.table.c[target.object_column], target.table.c.fact_key
                question = select(name, key).where(name.in_(among(self.known[kind])))
                for of, has in self.connection.execute(question):
                    if has not in self.known[kind][of]:
                        yield f"{target.table.name} of {of}: a row has another key than its facts give"

    def _legs(self) -> Iterator[tuple[str, tuple[Row, list[Any]]]]:
        names = sorted({name for kind in LEG_KINDS for name in self.journal[kind]})
        folded = {name: folded_leg(self.journal, name) for name in names}
        digests = {digest for leg in folded.values() for digest in leg.digests}
        alike = legs_with_the_same(self.connection, digests, [leg.row for leg in folded.values()])
        doubles: dict[str, list[Any]] = {}
        for name, finding in found_double(alike):
            doubles.setdefault(name, []).append(finding)
        for name, leg in folded.items():
            yield name, (leg.row, one_of_each([*leg.findings, *doubles.get(name, ())]))

    def _calls(self) -> dict[str, tuple[Row, list[Any]]]:
        seen, appraised = self.journal[CallSeen], self.journal[CallAppraised]
        facts = {name: CallFacts(seen.get(name, {}), appraised.get(name, {})) for name in {*seen, *appraised}}
        links = set().union(*(call_links(one) for one in facts.values())) if facts else set()
        legs = legs_of_links(self.connection, links)
        return {name: folded_call(one, legs) for name, one in facts.items()}

    def _stored(self, target: Table, column: str, names: Iterable[str]) -> dict[str, Row]:
        question = select(target).where(target.c[column].in_(among(names)))
        return {row[column]: dict(row) for row in self.connection.execute(question).mappings()}

    def _rows(self, target: Table, column: str, wanted: Mapping[str, Row]) -> Iterator[str]:
        has = self._stored(target, column, wanted)
        if "day" in target.c:
            of_day = select(target.c[column]).where(target.c.site == self.site, target.c.day == self.day)
            for name in set(self.connection.execute(of_day).scalars()) - wanted.keys():
                if not any(name in objects for objects in self.known.values()):
                    yield f"{target.name} {name}: no segment tells of it"
        for name, row in wanted.items():
            if name not in has:
                yield f"{target.name} {name}: its row is missing"
            elif row != has[name]:
                yield f"{target.name} {name}: {_other(row, has[name])} not as the journal makes it"

    def _findings(self, object_type: str, found: Found) -> Iterator[str]:
        those = FINDING.c.object_type == object_type
        of_objects = select(FINDING).where(those, FINDING.c.object_id.in_(among(found)))
        of_day = select(FINDING).where(those, FINDING.c.site == self.site, FINDING.c.day == self.day)
        has = {
            (row["object_id"], row["kind"]): dict(row)
            for question in (of_objects, of_day)
            for row in self.connection.execute(question).mappings()
        }
        wanted = {
            (row["object_id"], row["kind"]): row
            for name, (owner, findings) in found.items()
            if owner
            for row in finding_rows(object_type, name, owner, findings)
        }
        for name, kind in wanted.keys() | has.keys():
            if (name, kind) not in has:
                yield f"finding {kind!r} of {name}: its row is missing"
            elif (name, kind) not in wanted:
                yield f"finding {kind!r} of {name}: no segment tells of it"
            elif wanted[name, kind] != has[name, kind]:
                yield f"finding {kind!r} of {name}: not as the journal makes it"

    def _sums(self) -> Iterator[str]:
        sums = Sums()
        for target, count in ((LEG, sums.leg), (CALL, sums.call), (FINDING, sums.finding)):
            question = select(target).where(target.c.site == self.site, target.c.day == self.day)
            for row in self.connection.execute(question).mappings():
                count(dict(row), +1)
        question = select(DAY).where(DAY.c.site == self.site, DAY.c.day == self.day)
        has = next((dict(row) for row in self.connection.execute(question).mappings()), {})
        wanted = sums.of(self.site, self.day)
        if other := [name for name, number in wanted.items() if has.get(name, 0) != number]:
            yield f"day {self.day}: {', '.join(other)} do not add up"


def _tell(told: Told, segment: Segment, events: Iterable[Event]) -> None:
    for event in events:
        put_fact(told[KIND_OF[type(event)]].setdefault(object_id(event), {}), Fact.of(event, segment.key))


def _rows_of_day(connection: Connection, kind: type[Event], site: str, day: date) -> set[str]:
    """The objects of which a table of facts has rows of this day; of none, where it has no index of days."""
    target = TABLES[kind]
    of_days = any([column.name for column in index.columns][:2] == ["site", "day"] for index in target.table.indexes)
    if not of_days:
        return set()
    columns = target.table.c
    those = select(columns[target.object_column]).where(columns.site == site, columns.day == day)
    return set(connection.execute(those).scalars())


def _other(wanted: Row, has: Row) -> str:
    """The columns that differ."""
    return ", ".join(name for name in wanted if wanted[name] != has.get(name))
