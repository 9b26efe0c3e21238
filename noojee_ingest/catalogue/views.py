"""Two views for analysts: ``legs``, a row for each leg, and ``call_records``, a row for each call record.

They are written here once. Python asks the selects, which give dates, aware instants and tuples; the catalogue holds
the same as SQL views of the same names and columns, for ``sqlite3`` and ``psql``. Both only read.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import date
from typing import TYPE_CHECKING, Any

from sqlalchemy import (
    Connection,
    Label,
    RowMapping,
    Select,
    Table,
    and_,
    func,
    literal,
    or_,
    select,
    true,
    type_coerce,
)

from noojee_ingest.catalogue.columns import Texts
from noojee_ingest.catalogue.dialects import among
from noojee_ingest.catalogue.fact_tables import AudioStoredRow, CallSeenRow, LegSeenRow
from noojee_ingest.catalogue.tables import CallRow, FindingRow, LegRow, table
from noojee_ingest.model import State

if TYPE_CHECKING:
    from noojee_ingest.catalogue.database import Catalogue

LEG, CALL, AUDIO, FINDING = table(LegRow), table(CallRow), table(AudioStoredRow), table(FindingRow)
LEG_SEEN, CALL_SEEN = table(LegSeenRow), table(CallSeenRow)


def _findings(object_type: str, object_id: Any) -> Label[Any]:
    """The kinds found of an object, as a JSON list in order. They are words of ours: nothing in them needs escaping."""
    kinds = select(FINDING.c.kind).where(FINDING.c.object_type == object_type, FINDING.c.object_id == object_id)
    inner = kinds.order_by(FINDING.c.kind).correlate(object_id.table).subquery("kinds")
    listed = func.aggregate_strings(literal('"') + inner.c.kind + literal('"'), ",")
    whole = literal("[") + func.coalesce(listed, "") + literal("]")
    return type_coerce(select(whole).scalar_subquery(), Texts).label("findings")


def _legs() -> Select[Any]:
    named = {"start": "started", "end": "ended"}  # of which the second is a reserved word
    told = ("site", "day", "hour", "leg_id", "state", "cause", "due", "tries", "call_record_id", "unique_id", "leg",
            "start", "start_text", "end", "end_text", "duration", "source", "destination", "did", "direction", "tag",
            "username", "content_sha256", "content_size", "seconds", "extension", "codec")  # fmt: skip
    kept = ("channels", "sample_rate", "bucket", "key", "version_id")
    columns = [LEG.c[name].label(named.get(name, name)) for name in told] + [AUDIO.c[name] for name in kept]
    in_force = and_(AUDIO.c.leg_id == LEG.c.leg_id, AUDIO.c.content_sha256 == LEG.c.content_sha256)
    return select(*columns, _findings("leg", LEG.c.leg_id)).select_from(LEG.outerjoin(AUDIO, in_force))


def _archived(measure: Any) -> Any:
    """A measure of the archived legs that share a link with a call: each leg once, though it shares both."""
    shared = or_(*(and_(CALL.c[link] != "", LEG.c[link] == CALL.c[link]) for link in ("record_link", "unique_link")))
    return select(measure).where(shared, LEG.c.state == State.ARCHIVED.value).correlate(CALL).scalar_subquery()


def _call_records() -> Select[Any]:
    judged, told = ("site", "day", "call_id", "judged", "cause", "legs"), (
        "template_id", "call_record_id", "unique_id", "lead_id", "external_lead_id", "called", "called_text",
        "duration", "disposition", "dial_attempts", "dialled_number", "campaign", "allocation", "fields",
    )  # fmt: skip
    # In whole nanoseconds the order of adding makes no difference: the same legs, the same sum.
    nanoseconds = func.coalesce(func.sum(func.round(LEG.c.seconds * 1e9)), 0.0)
    one_row = select(literal(1).label("one")).subquery("read_only")  # PostgreSQL lets nobody write to a join
    return select(
        *(CALL.c[name] for name in judged),
        _archived(func.count()).label("archived_legs"),
        (_archived(nanoseconds) / 1e9).label("audio_seconds"),
        *(CALL.c[name] for name in told),
        _findings("call", CALL.c.call_id),
    ).select_from(CALL.join(one_row, true()))


LEGS = _legs()
CALL_RECORDS = _call_records()
VIEWS = {"legs": LEGS, "call_records": CALL_RECORDS}


def make_views(connection: Connection) -> None:
    """Make the SQL views anew, in a transaction of the caller's in which the tables are there."""
    for name, rows in VIEWS.items():
        compiled = rows.compile(dialect=connection.dialect, compile_kwargs={"literal_binds": True})
        connection.exec_driver_sql(f"DROP VIEW IF EXISTS {name}")
        connection.exec_driver_sql(f"CREATE VIEW {name} AS {compiled}")


AT_ONCE = 1_000
"""Rows of a day that are read, and held in memory, together."""


def legs_of_day(catalogue: Catalogue, site: str, day: date) -> Iterator[dict[str, Any]]:
    """The rows of ``legs`` of a site's archive day, by ``leg_id``, all of one state of the catalogue.

    Each has ``raw`` besides: of each view that told of the leg, the JSON text of the entry that it told last; ``None``
    where all of it is destroyed. Raises CatalogueError.
    """
    question = LEGS.where(LEG.c.site == site, LEG.c.day == day).order_by(LEG.c.leg_id)
    with catalogue.read(f"reading the legs of {day} of {site}") as connection:
        for page in _pages(connection, question):
            raw = _raw_of_legs(connection, among(row["leg_id"] for row in page))
            for row in page:
                yield {**row, "raw": raw.get(row["leg_id"])}


def _pages(connection: Connection, question: Select[Any]) -> Iterator[Sequence[RowMapping]]:
    found = connection.execute(question.execution_options(yield_per=AT_ONCE))
    return found.mappings().partitions()


def raw_of_legs(catalogue: Catalogue, leg_ids: Iterable[str]) -> dict[str, dict[str, str]]:
    """Of each leg and each view that told of it, the JSON text of the entry that it told last.

    What is destroyed is absent, and so is a leg of which nothing is left. Raises CatalogueError.
    """
    with catalogue.read("reading raw entries") as connection:
        return _raw_of_legs(connection, among(leg_ids))


def _raw_of_legs(connection: Connection, leg_ids: Select[Any]) -> dict[str, dict[str, str]]:
    question = select(LEG_SEEN.c.leg_id, LEG_SEEN.c.view, LEG_SEEN.c.raw).where(LEG_SEEN.c.leg_id.in_(leg_ids))
    told: dict[str, dict[str, str | None]] = {}
    for leg_id, view, raw in connection.execute(question.order_by(*_told_in_order(LEG_SEEN))):
        told.setdefault(leg_id, {})[view] = raw
    kept = {leg: {view: raw for view, raw in sorted(last.items()) if raw is not None} for leg, last in told.items()}
    return {leg: raw for leg, raw in kept.items() if raw}


def call_records_of_day(catalogue: Catalogue, site: str, day: date) -> Iterator[dict[str, Any]]:
    """The rows of ``call_records`` of a site's archive day, by ``call_id``, all of one state of the catalogue.

    Each has ``raw`` besides: the JSON text of the entry that was told last. Raises CatalogueError.
    """
    question = CALL_RECORDS.where(CALL.c.site == site, CALL.c.day == day).order_by(CALL.c.call_id)
    told = select(CALL_SEEN.c.call_id, CALL_SEEN.c.raw).order_by(*_told_in_order(CALL_SEEN))
    with catalogue.read(f"reading the call records of {day} of {site}") as connection:
        for page in _pages(connection, question):
            of_page = told.where(CALL_SEEN.c.call_id.in_(among(row["call_id"] for row in page)))
            raw: dict[str, str | None] = {row.call_id: row.raw for row in connection.execute(of_page)}
            for row in page:
                yield {**row, "raw": raw.get(row["call_id"])}


def _told_in_order(seen: Table) -> tuple[Any, ...]:
    return seen.c.last_time, seen.c.last_event_id, seen.c.last_segment
