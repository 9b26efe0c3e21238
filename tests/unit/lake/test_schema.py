"""The lake's columns against the journal's dataclasses, the catalogue's views, and docs/lake.md."""

from __future__ import annotations

import hashlib
import re
import types
import typing
from dataclasses import fields
from datetime import date, datetime
from enum import StrEnum
from pathlib import Path
from typing import Any

import pytest

from noojee_ingest.catalogue.views import VIEWS
from noojee_ingest.journal.events import AudioStored, CallSeen
from noojee_ingest.journal.fold import CallNow, LegNow
from noojee_ingest.lake.schema import CALL_RECORDS, LEGS, SCHEMA_VERSION, TABLES, Table

LAKE = (Path(__file__).parents[3] / "docs" / "lake.md").read_text()

WORKINGS = {"open_facts", "record_link", "unique_link"}
"""Fields that serve the catalogue and tell analysts nothing."""

AUDIO = {"channels", "sample_rate", "bucket", "key", "version_id"}
"""Columns of legs that come from the event which stored the audio."""

ARROW = {
    str: "string",
    int: "int64",
    float: "double",
    date: "date32[day]",
    datetime: "timestamp[us, tz=UTC]",
    dict[str, str]: "map<string, string>",
}


def type_of(source: type, name: str) -> str:
    """The Arrow type that a field of a dataclass asks for."""
    hint = typing.get_type_hints(source)[name]
    options = typing.get_args(hint) if isinstance(hint, types.UnionType) else (hint,)
    kind: Any = next(option for option in options if option is not type(None))
    return "string" if isinstance(kind, type) and issubclass(kind, StrEnum) else ARROW[kind]


def columns(table: Table) -> dict[str, str]:
    return {column.name: str(column.type) for column in table.schema}


def test_legs_have_every_field_of_a_leg_with_its_type() -> None:
    renamed = {"start": "started", "end": "ended"}
    told = [one.name for one in fields(LegNow) if one.name not in WORKINGS]
    expected = {renamed.get(name, name): type_of(LegNow, name) for name in told}
    expected |= {name: type_of(AudioStored, name) for name in AUDIO}
    assert columns(LEGS) == expected | {"findings": "list<item: string>", "raw": "map<string, string>"}


def test_call_records_have_every_field_of_a_call_with_its_type() -> None:
    expected = {one.name: type_of(CallNow, one.name) for one in fields(CallNow) if one.name not in WORKINGS}
    expected |= {"archived_legs": "int64", "audio_seconds": "double", "findings": "list<item: string>"}
    assert columns(CALL_RECORDS) == expected | {"raw": type_of(CallSeen, "raw")}


@pytest.mark.parametrize("table", TABLES.values(), ids=lambda table: table.name)
def test_the_columns_are_those_of_the_catalogues_view_in_its_order_and_raw(table: Table) -> None:
    assert table.schema.names == [*VIEWS[table.name].selected_columns.keys(), "raw"]


@pytest.mark.parametrize("table", TABLES.values(), ids=lambda table: table.name)
def test_site_and_day_are_in_the_key_and_nowhere_else(table: Table) -> None:
    key = table.key("north-west", date(2026, 3, 10))
    assert key == f"{table.name}/site=north-west/day=2026-03-10/{table.name}.parquet"
    assert table.in_file.names == [name for name in table.schema.names if name not in ("site", "day")]
    assert table.row_id in table.in_file.names


# -- docs/lake.md

SAID = {
    "string": "string", "int64": "int64", "double": "double", "date32[day]": "date",
    "timestamp[us, tz=UTC]": "timestamp", "map<string, string>": "map of string to string",
    "list<item: string>": "list of string",
}  # fmt: skip


@pytest.mark.parametrize("table", TABLES.values(), ids=lambda table: table.name)
def test_every_column_is_documented_with_its_type_in_order(table: Table) -> None:
    section = re.search(rf"^## {table.name}\n(.*?)(?=^## )", LAKE, re.DOTALL | re.MULTILINE)
    assert section
    told = re.findall(r"^\| `(\w+)` \| ([^|]+) \|", section[1], re.MULTILINE)
    assert told == [(name, SAID[kind]) for name, kind in columns(table).items()]


def test_the_documented_version_is_this_one() -> None:
    assert f"| `noojee_ingest.schema_version` | `schema-version` | {SCHEMA_VERSION}: " in LAKE


def test_the_columns_of_version_1_are_these() -> None:
    """When this fails: raise SCHEMA_VERSION, say in docs/lake.md what changed, and correct the digest here."""
    told = repr([(table.name, *columns(table).items()) for table in TABLES.values()])
    assert (SCHEMA_VERSION, hashlib.sha256(told.encode()).hexdigest()[:16]) == (1, "4572fa39eba74dfb")
