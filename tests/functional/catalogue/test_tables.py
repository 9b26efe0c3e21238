"""The tables against the journal's dataclasses, and what makes them rebuildable."""

from __future__ import annotations

import hashlib
import types
import typing
from collections.abc import Mapping
from dataclasses import fields
from datetime import date, datetime
from enum import StrEnum
from typing import Any

import pytest
from sqlalchemy import inspect
from sqlmodel import SQLModel

from noojee_ingest.catalogue.columns import Counts, Findings, Instant, TextMap, Texts
from noojee_ingest.catalogue.database import Catalogue
from noojee_ingest.catalogue.fact_tables import SightingColumns
from noojee_ingest.catalogue.facts import TABLES
from noojee_ingest.catalogue.tables import REBUILDABLE, REVISION, VOLATILE, CallRow, DayRow, LegRow, table
from noojee_ingest.catalogue.views import VIEWS
from noojee_ingest.journal.events import KINDS, Event
from noojee_ingest.journal.facts import Fact
from noojee_ingest.journal.fold import CallNow, Judged, LegNow
from noojee_ingest.model import Finding, State

COLUMN_OF: dict[Any, str] = {
    str: "VARCHAR",
    int: "INTEGER",
    float: "FLOAT",
    bool: "BOOLEAN",
    date: "DATE",
    datetime: Instant.__name__,
    tuple[str, ...]: Texts.__name__,
    tuple[Finding, ...]: Findings.__name__,
    Mapping[str, str]: TextMap.__name__,
    dict[str, str]: TextMap.__name__,
    Mapping[str, int]: Counts.__name__,
}
"""What a column is called for each type of a field. Sizes in bytes have columns of 64 bits."""

OURS = (Instant, Texts, Findings, TextMap, Counts)
BYTES = {"content_size", "stored_size", "audio_bytes", "audio_ms"}


def column_of(name: str, hint: Any) -> tuple[str, bool]:
    """Type and nullability of the column for a field."""
    options = typing.get_args(hint) if isinstance(hint, types.UnionType) else (hint,)
    (plain,) = (option for option in options if option is not types.NoneType)
    if isinstance(plain, type) and issubclass(plain, StrEnum):
        plain = str
    return "BIGINT" if name in BYTES else COLUMN_OF[plain], len(options) > 1


def columns(row: type[SQLModel]) -> dict[str, tuple[str, bool]]:
    return {
        column.name: (
            type(column.type).__name__ if isinstance(column.type, OURS) else str(column.type),
            bool(column.nullable),
        )
        for column in table(row).columns
    }


def fields_as_columns(kind: type[Any]) -> dict[str, tuple[str, bool]]:
    hints = typing.get_type_hints(kind)
    return {field.name: column_of(field.name, hints[field.name]) for field in fields(kind)}


def row_of(kind: type[Event]) -> type[SQLModel]:
    (found,) = (
        row for row in REBUILDABLE for base in kind.__mro__ if base in TABLES and TABLES[base].table is table(row)
    )
    return found


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_the_columns_of_a_fact_are_the_fields_of_its_event_in_name_type_and_nullability(kind: type[Event]) -> None:
    found, row = columns(row_of(kind)), row_of(kind)
    of_fact = {"segment"}
    if issubclass(row, SightingColumns):
        of_fact |= {field.name for field in fields(Fact) if field.name.startswith("last_")}
    if len(TABLES[next(base for base in kind.__mro__ if base in TABLES)].kinds) > 1:
        of_fact |= {"kind", "fact_key"}
    assert {name for name in found if name in of_fact} == of_fact
    assert {name: found[name] for name in found if name not in of_fact} == fields_as_columns(kind)
    assert all(not nullable for name, (_, nullable) in found.items() if name in of_fact)


@pytest.mark.parametrize(("now", "row"), [(LegNow, LegRow), (CallNow, CallRow)])
def test_the_columns_of_what_is_folded_are_its_fields(now: type[Any], row: type[SQLModel]) -> None:
    assert columns(row) == fields_as_columns(now)


def test_a_day_has_a_sum_for_every_state_and_judgement() -> None:
    named = {state.value for state in State} | {f"calls_{judged.value}" for judged in Judged}
    others = {"site", "day", "audio_bytes", "audio_ms", "findings"}
    assert set(columns(DayRow)) == named | others


def test_every_kind_of_event_has_a_table() -> None:
    assert {kind for kind in KINDS if not any(base in TABLES for base in kind.__mro__)} == set()


TIMES_IN_EVENTS = {"time", "last_time", "asked_at", "start", "end", "called", "due", "began"}


@pytest.mark.parametrize("row", REBUILDABLE, ids=lambda row: row.__tablename__)
def test_a_rebuildable_table_has_no_number_of_the_databases_own_and_no_time_of_writing(row: type[SQLModel]) -> None:
    alone = len(table(row).primary_key.columns) == 1
    for column in table(row).columns:
        assert column.autoincrement is not True
        assert column.server_default is None
        assert column.onupdate is None
        assert not (alone and column.primary_key and str(column.type) in ("INTEGER", "BIGINT"))
        if column.default is not None:
            assert column.default.is_scalar, f"{column.name} is made when it is written"
    times = {name for name, (kind, _) in columns(row).items() if kind in ("Instant", "DATETIME", "TIMESTAMP")}
    assert times <= TIMES_IN_EVENTS


def test_every_table_of_a_catalogue_is_rebuildable_or_volatile(catalogue: Catalogue) -> None:
    with catalogue.read("looking at the tables") as connection:
        known = set(inspect(connection).get_table_names(schema=catalogue.location.schema))
    of_fts = {name for name in known if name.startswith("leg_text")}
    assert known - of_fts == {row.__tablename__ for row in (*REBUILDABLE, *VOLATILE)}
    assert not set(REBUILDABLE) & set(VOLATILE)


MADE_OF = {
    2: "10f8231cd73a79e5",
    3: "f707c5c7526b9d99",
    4: "28fa730766af5a1a",
    5: "c24cefd7fdd56201",
    6: "86490ca2719d2814",
}
"""For each revision the beginning of the SHA-256 of what makes its tables and views."""


def test_who_changes_a_table_raises_the_revision() -> None:
    tables = [table(row) for row in (*REBUILDABLE, *VOLATILE)]
    made = [f"{one.name}.{column.name} {column.type!r} {column.nullable}" for one in tables for column in one.columns]
    made += [f"{one.name} by {[column.name for column in one.primary_key.columns]}" for one in tables]
    made += sorted(
        f"{index.name} {[column.name for column in index.columns]}" for one in tables for index in one.indexes
    )
    made += [f"{name} {view.selected_columns.keys()}" for name, view in VIEWS.items()]
    digest = hashlib.sha256("\n".join(made).encode()).hexdigest()
    assert MADE_OF[REVISION] == digest[:16], "raise tables.REVISION and note the new digest here"
