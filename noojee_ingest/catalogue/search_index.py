"""Keeping the search tables in step: what follows from the rows of legs, calls and findings, and from nothing else.

``leg_search`` has a row for each leg with its terms and its text; ``leg_term`` a row for each term of each leg, in
order of start. The text is indexed by threes of letters: on SQLite in the table ``leg_text`` (FTS5), on PostgreSQL by
the extension pg_trgm.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import Connection, and_, bindparam, select, text
from sqlalchemy.exc import DBAPIError

from noojee_ingest.catalogue.dialects import among
from noojee_ingest.catalogue.errors import CatalogueUnavailable
from noojee_ingest.catalogue.rows import upsert, upsert_bound
from noojee_ingest.catalogue.tables import CallRow, LegRow, LegSearchRow, LegTermRow, table
from noojee_ingest.catalogue.terms import SPOKEN_OF, lasting_terms, leg_text, passing_terms, term_id

LEG, CALL, SEARCH, TERM = table(LegRow), table(CallRow), table(LegSearchRow), table(LegTermRow)

LINKS = ("record_link", "unique_link")


def links_of(row: Mapping[str, Any]) -> set[str]:
    """The links of a leg's or call record's row."""
    return {row[name] for name in LINKS if row.get(name)}


EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)
NO_START = 2**63 - 1
"""The place in time of a leg without a readable start: behind all others."""


def place_in_time(start: datetime | None) -> int:
    """Microseconds since 1970, UTC."""
    return NO_START if start is None else (start - EPOCH) // MICROSECOND


def number_of_text(leg_id: str) -> int:
    """The number under which FTS5 knows a leg's text: it takes no other key."""
    return int.from_bytes(hashlib.sha256(leg_id.encode()).digest()[:8]) >> 1


FTS = (
    "CREATE INDEX IF NOT EXISTS leg_search_number ON leg_search (number)",
    "CREATE VIRTUAL TABLE IF NOT EXISTS leg_text "
    "USING fts5(text, content='leg_search', content_rowid='number', tokenize='trigram case_sensitive 1')",
)
"""Texts are folded before: the engines need not agree on what upper case is."""


def make_text_index(connection: Connection) -> None:
    """Make the index of texts, in a transaction of the caller's in which the tables are there.

    Raises CatalogueUnavailable where PostgreSQL lacks pg_trgm and we may not add it.
    """
    if connection.dialect.name == "sqlite":
        for statement in FTS:
            connection.exec_driver_sql(statement)
        return
    schema = connection.execute(text(TRIGRAMS_ARE_IN)).scalar_one_or_none() or _add_trigrams(connection)
    connection.exec_driver_sql(
        f'CREATE INDEX IF NOT EXISTS leg_search_text ON leg_search USING gin (text "{schema}".gin_trgm_ops)'
    )


LEARN = (
    "INSERT INTO leg_text (leg_text, rank) VALUES ('hashsize', 67108864)",  # bytes held in memory until they are sorted
    "INSERT INTO leg_text (rowid, text) SELECT number, text FROM leg_search ORDER BY +number",
    "INSERT INTO leg_text (leg_text, rank) VALUES ('hashsize', 1048576)",  # its default
)
"""Not by its own word ``rebuild``, which takes them in the order of ``leg_search``, at four times the cost."""


def learn_texts(connection: Connection) -> None:
    """Fill an index of texts that was made after the texts; PostgreSQL did so by itself."""
    if connection.dialect.name == "sqlite":
        for statement in LEARN:
            connection.exec_driver_sql(statement)


TRIGRAMS_ARE_IN = (
    "SELECT nspname FROM pg_extension JOIN pg_namespace ON pg_namespace.oid = extnamespace WHERE extname = 'pg_trgm'"
)


def _add_trigrams(connection: Connection) -> str:
    """Not into our own schema, which a rebuild throws away."""
    try:
        connection.exec_driver_sql("CREATE EXTENSION pg_trgm SCHEMA public")
    except DBAPIError as error:
        raise CatalogueUnavailable(
            "making the catalogue",
            f"the database lacks the extension pg_trgm, which searching text needs ({str(error.orig).splitlines()[0]})",
            "Let the database's owner or a superuser run `CREATE EXTENSION pg_trgm SCHEMA public;` in it "
            "(it comes with PostgreSQL's contrib package), then run again.",
        ) from error
    return "public"


Leg = Mapping[str, Any]
"""A row of ``leg``."""


@dataclass(frozen=True, slots=True)
class LegChange:
    """A leg whose facts were told anew: its row before, if any, and now; the kinds found of it before and now."""

    before: Leg | None
    now: Leg
    kinds_before: Set[str]
    kinds: Set[str]


def keep_in_step(connection: Connection, changes: Sequence[LegChange], links: Set[str]) -> None:
    """Keep the search tables in step with legs that changed, and with call records, of these links, that did.

    In a transaction of the caller's, after the rows of legs, calls and findings are saved.
    """
    terms = _Terms()
    for change in changes:
        if change.before is not None:
            passed = passing_terms(change.before["state"], change.kinds_before)
            terms.gone(change.before, place_in_time(change.before["start"]), passed)
        terms.new(change.now, place_in_time(change.now["start"]), passing_terms(change.now["state"], change.kinds))
    told = [change for change in changes if change.before is None or _differ(change.before, change.now)]
    legs = {change.now["leg_id"]: change.now for change in told}
    known = {leg_id for change, leg_id in zip(told, legs, strict=True) if change.before is not None}
    for leg in _legs_of(connection, links):
        legs.setdefault(leg["leg_id"], leg)
        known.add(leg["leg_id"])
    if legs:
        _keep_lasting(connection, legs, known, terms)
    terms.save(connection)


def _differ(before: Leg, now: Leg) -> bool:
    return any(before[name] != now[name] for name in (*SPOKEN_OF, *LINKS))


def _keep_lasting(connection: Connection, legs: Mapping[str, Leg], known: Set[str], terms: _Terms) -> None:
    """``known``: those of the legs that may have been in the tables before."""
    before: dict[str, dict[str, Any]] = {}
    if known:
        question = select(SEARCH).where(SEARCH.c.leg_id.in_(among(known)))
        before = {row["leg_id"]: dict(row) for row in connection.execute(question).mappings()}
    calls = calls_of_legs(connection, legs.values())
    rows = []
    for leg_id, leg in legs.items():
        row = search_row(leg, calls)
        old = before.get(leg_id)
        if old == row:
            continue
        had, has = set(old["terms"]) if old is not None else set(), set(row["terms"])
        stay = had & has if old is not None and old["at"] == row["at"] else set()
        if old is not None:
            terms.gone(row, old["at"], had - stay)
        terms.new(row, row["at"], has - stay)
        rows.append(row)
    _save_texts(connection, before, rows)


def search_row(leg: Leg, calls: Mapping[str, Sequence[Mapping[str, Any]]]) -> dict[str, Any]:
    """The row of ``leg_search`` of a leg. ``calls``: the call records of each of its links."""
    own = list({call["call_id"]: call for name in LINKS for call in calls.get(leg[name], ())}.values())
    return {
        "leg_id": leg["leg_id"],
        "site": leg["site"],
        "number": number_of_text(leg["leg_id"]),
        "at": place_in_time(leg["start"]),
        "terms": lasting_terms(leg, own),
        "text": leg_text(leg, own),
    }


def _legs_of(connection: Connection, links: Set[str]) -> Iterator[Leg]:
    """The legs that have one of these links."""
    if links:
        columns = select(LEG.c.leg_id, LEG.c.site, *(LEG.c[name] for name in (*SPOKEN_OF, *LINKS)))
        for name in LINKS:
            for row in connection.execute(columns.where(LEG.c[name].in_(among(links)))).mappings():
                yield dict(row)


def calls_of_legs(connection: Connection, legs: Iterable[Leg]) -> dict[str, list[Mapping[str, Any]]]:
    """The call records of each link of these legs."""
    links = {leg[name] for leg in legs for name in LINKS if leg[name]}
    columns = select(
        *(CALL.c[name] for name in ("call_id", "template_id", "campaign", "allocation", "disposition")),
        *(CALL.c[name] for name in ("dialled_number", "fields", *LINKS)),
    )
    found: dict[str, list[Mapping[str, Any]]] = {}
    for name in LINKS:
        for row in connection.execute(columns.where(CALL.c[name].in_(among(links)))).mappings():
            found.setdefault(row[name], []).append(dict(row))
    return found


class _Terms:
    """What a transaction takes from the terms of legs, and adds to them."""

    def __init__(self) -> None:
        self._gone: set[tuple[str, int, str]] = set()
        self._new: set[tuple[str, int, str]] = set()

    def gone(self, leg: Leg, at: int, terms: Iterable[str]) -> None:
        self._gone.update((term_id(leg["site"], term), at, leg["leg_id"]) for term in terms)

    def new(self, leg: Leg, at: int, terms: Iterable[str]) -> None:
        self._new.update((term_id(leg["site"], term), at, leg["leg_id"]) for term in terms)

    def save(self, connection: Connection) -> None:
        names = [column.name for column in TERM.columns]
        if gone := self._gone - self._new:
            these = and_(*(TERM.c[name] == bindparam(f"gone_{name}") for name in names))
            rows = [dict(zip((f"gone_{name}" for name in names), one, strict=True)) for one in sorted(gone)]
            connection.execute(TERM.delete().where(these), rows)
        upsert_bound(connection, TERM, sorted(self._new - self._gone))


def _save_texts(
    connection: Connection, before: Mapping[str, Mapping[str, Any]], rows: Sequence[dict[str, Any]]
) -> None:
    """Save the rows. FTS5 forgets a text by reading it once more, so before it is replaced.

    By number: it flushes what it holds in memory whenever a smaller one follows.
    """
    texts = {leg_id: old["text"] for leg_id, old in before.items()}
    changed = [row for row in rows if row["text"] != texts.get(row["leg_id"])]
    indexed = connection.dialect.name == "sqlite"
    if indexed and (forgotten := sorted((row["number"],) for row in changed if row["leg_id"] in texts)):
        connection.exec_driver_sql("DELETE FROM leg_text WHERE rowid = ?", forgotten)
    upsert(connection, SEARCH, rows)
    if indexed and changed:
        learnt = sorted((row["number"], row["text"]) for row in changed)
        connection.exec_driver_sql("INSERT INTO leg_text (rowid, text) VALUES (?, ?)", learnt)
