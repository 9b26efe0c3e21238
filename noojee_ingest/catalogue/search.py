"""Searching legs: every filter alone and combined, in order of start, a page at a time.

Each filter becomes terms (``catalogue.terms``), and each term has an index of its legs in order of start. The rarest
filter leads: its legs are gone through in order, and the others are looked up for each. Where ids or a text lead, all
legs that they find are sorted. A text that is in many legs leads only where the first of the others' legs, ``REACH`` of
them, do not fill the page. So a page costs at most as much as its rarest filter or its texts find, and ``REACH``.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, fields
from datetime import date, datetime
from heapq import merge
from typing import Any

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Connection,
    Select,
    Table,
    column,
    exists,
    func,
    literal,
    select,
    tuple_,
)
from sqlalchemy import table as unmade_table

from noojee_ingest.catalogue import queries
from noojee_ingest.catalogue.database import Catalogue
from noojee_ingest.catalogue.dialects import among
from noojee_ingest.catalogue.search_index import place_in_time
from noojee_ingest.catalogue.tables import LegRow, LegSearchRow, LegTermRow, table
from noojee_ingest.catalogue.terms import (
    ANY,
    BadSearch,
    duration_classes,
    folded,
    is_text,
    searched_text,
    term_id,
    wanted_numbers,
)
from noojee_ingest.catalogue.views import LEGS
from noojee_ingest.model import FindingKind, State

LEG, SEARCH, TERM = table(LegRow), table(LegSearchRow), table(LegTermRow)
FTS = unmade_table("leg_text", column("rowid"), column("leg_text"))

Row = dict[str, Any]
Place = tuple[datetime | None, str]
"""Where a leg stands among those found: its start and id. Legs without a readable start come last."""

SEARCHING = "searching"
ENOUGH = 10_000
"""A filter with so many legs is as good as any other to lead by: nobody counts further."""
REACH = 100_000
"""So many legs of each term are gone through in search of a text that is in many: these are a moment's work."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Search:
    """What to search legs for. Of several values of one filter any will do, but all ``texts`` must be found.

    ``since`` and ``until`` (aware, ``until`` exclusive) are about the start, ``days`` are archive days; ``shortest``
    and ``longest`` are seconds as listed, both included. ``ids``: call record ids, unique ids or leg ids. ``tags`` and
    ``templates`` (ids) are exact; names (``users``, ``campaigns``, ...) are compared without regard to case.
    ``numbers`` are in any spelling, ``texts`` parts of tags, users, and names and user fields of call records
    (docs/catalogue.md). Raises BadSearch for what is no Unicode text.
    """

    sites: Sequence[str] = ()
    since: datetime | None = None
    until: datetime | None = None
    days: Sequence[date] = ()
    ids: Sequence[str] = ()
    states: Sequence[State] = ()
    numbers: Sequence[str] = ()
    directions: Sequence[str] = ()
    users: Sequence[str] = ()
    tags: Sequence[str] = ()
    campaigns: Sequence[str] = ()
    templates: Sequence[str] = ()
    allocations: Sequence[str] = ()
    dispositions: Sequence[str] = ()
    findings: Sequence[FindingKind] = ()
    shortest: float | None = None
    longest: float | None = None
    texts: Sequence[str] = ()

    def __post_init__(self) -> None:
        for one in fields(self):
            values = getattr(self, one.name)
            for value in values if isinstance(values, Sequence) else ():
                if isinstance(value, str) and not is_text(value):
                    raise BadSearch(f"{value!r} is not written in UTF-8")

    def terms(self) -> list[list[str]]:
        """For each filter that is used the terms of which a leg must have one. Raises BadSearch."""
        filters: dict[str, Iterable[str]] = {
            "day": [day.isoformat() for day in self.days],
            "state": [state.value for state in self.states],
            "number": [kept for number in self.numbers for kept in wanted_numbers(number)],
            "direction": map(folded, self.directions),
            "user": map(folded, self.users),
            "tag": self.tags,
            "campaign": map(folded, self.campaigns),
            "template": map(folded, self.templates),
            "allocation": map(folded, self.allocations),
            "disposition": map(folded, self.dispositions),
            "finding": [kind.value for kind in self.findings],
        }
        if self.shortest is not None or self.longest is not None:
            filters["duration"] = map(str, duration_classes(self.shortest, self.longest))
        used = ([f"{name}:{value}" for value in values] for name, values in filters.items())
        return [sorted(set(terms)) for terms in used if terms]


def search(catalogue: Catalogue, wanted: Search, *, most: int, after: Place | None = None) -> list[Row]:
    """At most ``most`` rows of the view ``legs``, in order of start and id, from behind ``after``.

    ``after`` is the place of the last leg of the page before. Legs without a readable start come last, and not where a
    time is asked for. Raises BadSearch, CatalogueError.
    """
    filters, texts = wanted.terms(), [searched_text(text) for text in wanted.texts]
    sites = list(wanted.sites) or queries.known_sites(catalogue)
    named = [row["leg_id"] for row in queries.legs_of_ids(catalogue, wanted.ids, sites)] if wanted.ids else None
    with catalogue.read(SEARCHING) as connection:
        if connection.dialect.name == "postgresql":
            connection.exec_driver_sql("SET LOCAL enable_seqscan TO off")  # whatever it believes of its rows
        found = _Question(connection, wanted, filters, texts, sites, after).page(named, most)
        rows = connection.execute(LEGS.where(LEG.c.leg_id.in_(among(found)))).mappings()
        by_id = {row["leg_id"]: dict(row) for row in rows}
    return [by_id[leg_id] for leg_id in found]


def pages(
    catalogue: Catalogue, wanted: Search, *, size: int, most: int | None = None, after: Place | None = None
) -> Iterator[list[Row]]:
    """All that ``search`` finds, or ``most`` rows, ``size`` at a time: memory does not grow with what is found."""
    left = most
    while page := search(catalogue, wanted, most=size if left is None else min(size, left), after=after):
        yield page
        after = place_of(page[-1])
        if left is not None:
            left -= len(page)
        if len(page) < size or left == 0:
            return


def place_of(row: Row) -> Place:
    """Where a leg that was found stands: the next page begins behind it."""
    return row["started"], row["leg_id"]


@dataclass(frozen=True, slots=True)
class _Question:
    connection: Connection
    wanted: Search
    filters: list[list[str]]
    texts: list[str]
    sites: list[str]
    after: Place | None

    def page(self, named: Sequence[str] | None, most: int) -> list[str]:
        """The ids of the first legs, in order; of those that are ``named``, where any are."""
        if named is not None:
            return [leg_id for _, leg_id in self._ask(self._sorted(SEARCH.c.leg_id.in_(among(named))), most)]
        leading, fewest = self._rarest()
        if not self.texts:
            return self._first(leading, most)
        if self._count(self._with_texts(), fewest) == fewest:
            horizon = self._horizon(leading) if fewest == ENOUGH else None
            found = self._first(leading, most, horizon)
            if horizon is None or len(found) == most:
                return found
        return [leg_id for _, leg_id in self._ask(self._sorted(), most)]

    def _first(self, leading: list[str], most: int, horizon: tuple[int, str] | None = None) -> list[str]:
        """The first legs of what leads, as far as the ``horizon``."""
        questions = (self._in_order(term, leading, horizon) for term in self._ids(leading))
        found: dict[str, None] = {}  # each once: a leg may have several of the terms
        for _, leg_id in merge(*(self._ask(question, most) for question in questions)):
            if len(found) == most:
                break
            found[leg_id] = None
        return list(found)

    def _rarest(self) -> tuple[list[str], int]:
        """The filter that fewest legs fit, and how many: nobody counts further than the fewest so far."""
        candidates = self.filters or [[ANY]]
        leading, fewest = candidates[0], ENOUGH
        for terms in candidates if len(candidates) > 1 or self.texts else ():
            number = self._count(self._with_terms(terms), fewest)
            if number < fewest:
                leading, fewest = terms, number
        return leading, fewest

    def _ask(self, question: Select[Any], most: int) -> list[tuple[int, str]]:
        return [(row.at, row.leg_id) for row in self.connection.execute(question.limit(most))]

    def _count(self, question: Select[Any], most: int) -> int:
        counted = select(func.count()).select_from(question.limit(most).subquery())
        return int(self.connection.execute(counted).scalar_one())

    def _horizon(self, leading: list[str]) -> tuple[int, str] | None:
        """The first place that is ``REACH`` legs of a term away; ``None`` where no term has so many."""
        places = []
        for term in self._ids(leading):
            question = select(TERM.c.at, TERM.c.leg_id).where(TERM.c.term == term, *self._in_time(TERM, self.after))
            ordered = question.order_by(TERM.c.at, TERM.c.leg_id).offset(REACH).limit(1)
            places += [(row.at, row.leg_id) for row in self.connection.execute(ordered)]
        return min(places, default=None)

    # -- two ways to find legs

    def _in_order(self, term: str, leading: list[str], horizon: tuple[int, str] | None) -> Select[Any]:
        """The legs of one term, gone through in the order of its index."""
        question = select(TERM.c.at, TERM.c.leg_id).where(TERM.c.term == term, *self._further(TERM, leading))
        if horizon is not None:
            question = question.where(
                tuple_(TERM.c.at, TERM.c.leg_id) < tuple_(literal(horizon[0], BigInteger), horizon[1])
            )
        if self.texts:
            own = SEARCH.c.leg_id == TERM.c.leg_id
            question = question.where(exists().where(own, *self._text_has()))
        return question.order_by(TERM.c.at, TERM.c.leg_id)

    def _sorted(self, *named: ColumnElement[bool]) -> Select[Any]:
        """The legs of these names, else those with the texts: found first, then put in order."""
        texts = self._text_has() if named else self._index_has()
        question = select(SEARCH.c.at, SEARCH.c.leg_id).where(*named, *texts, SEARCH.c.site.in_(self.sites))
        return question.where(*self._further(SEARCH)).order_by(SEARCH.c.at, SEARCH.c.leg_id)

    def _with_terms(self, terms: Sequence[str]) -> Select[Any]:
        return select(TERM.c.leg_id).where(TERM.c.term.in_(self._ids(terms)), *self._in_time(TERM))

    def _with_texts(self) -> Select[Any]:
        return select(SEARCH.c.leg_id).where(*self._index_has())

    # -- conditions

    def _ids(self, terms: Sequence[str]) -> list[str]:
        return sorted(term_id(site, term) for site in self.sites for term in terms)

    def _further(self, legs: Table, leading: list[str] | None = None) -> Iterator[ColumnElement[bool]]:
        """All but what leads: ``legs`` has the columns at and leg_id."""
        yield from self._in_time(legs, self.after)
        for terms in self.filters:
            if terms is not leading:
                other = TERM.alias()
                same = other.c.at == legs.c.at, other.c.leg_id == legs.c.leg_id
                yield exists().where(other.c.term.in_(self._ids(terms)), *same)
        duration = [LEG.c.duration >= self.wanted.shortest] if self.wanted.shortest is not None else []
        if self.wanted.longest is not None:
            duration.append(LEG.c.duration <= self.wanted.longest)
        if duration:  # the terms are coarser
            yield exists().where(LEG.c.leg_id == legs.c.leg_id, *duration)

    def _in_time(self, legs: Table, after: Place | None = None) -> Iterator[ColumnElement[bool]]:
        """Of two lower bounds the higher alone: SQLite would begin at either."""
        since, until = self.wanted.since, self.wanted.until
        behind = place_in_time(after[0]) if after is not None else None
        if after is not None and behind is not None and (since is None or behind >= place_in_time(since)):
            yield tuple_(legs.c.at, legs.c.leg_id) > tuple_(literal(behind, BigInteger), after[1])
        elif since is not None:
            yield legs.c.at >= place_in_time(since)
        if since is not None or until is not None:
            yield legs.c.at < place_in_time(until)

    def _text_has(self) -> Iterator[ColumnElement[bool]]:
        """The texts are in the row's text; each row is looked at."""
        for wanted in self.texts:
            if self.connection.dialect.name == "sqlite":
                yield func.instr(SEARCH.c.text, wanted) > 0
            else:
                yield SEARCH.c.text.contains(wanted, autoescape=True)

    def _index_has(self) -> Iterator[ColumnElement[bool]]:
        """The same by the index of texts."""
        yield from self._text_has()
        if self.connection.dialect.name == "sqlite":
            phrases = " AND ".join('"' + wanted.replace('"', '""') + '"' for wanted in self.texts)
            yield SEARCH.c.number.in_(select(FTS.c.rowid).where(FTS.c.leg_text.op("MATCH")(phrases)))
