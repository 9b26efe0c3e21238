"""The tables of the lake and their columns, with names and types of the journal's dataclasses.

Site and day are in an object's key (Hive partitions) and not in its file: readers such as Athena refuse a column that
is in both, and readers that guess a partition's type would find it to differ.
"""

from __future__ import annotations

import types
import typing
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from functools import cached_property
from typing import Any

import pyarrow as pa

from noojee_ingest.journal.events import AudioStored, CallSeen
from noojee_ingest.journal.fold import CallNow, LegNow

SCHEMA_VERSION = 1
"""To be raised when a column comes, goes, or changes its type or meaning."""

PARTITIONS = ("site", "day")

TEXTS = pa.list_(pa.string())
TEXT_MAP = pa.map_(pa.string(), pa.string())

_TYPES: dict[Any, pa.DataType] = {
    str: pa.string(),
    int: pa.int64(),
    float: pa.float64(),
    date: pa.date32(),
    datetime: pa.timestamp("us", tz="UTC"),
    dict[str, str]: TEXT_MAP,
}


@dataclass(frozen=True)
class Table:
    """One table. ``row_id`` is the column that its rows are sorted by; ``schema`` has all columns, in order."""

    name: str
    row_id: str
    schema: pa.Schema

    @cached_property
    def in_file(self) -> pa.Schema:
        """The columns that stand in a day's file."""
        return pa.schema([column for column in self.schema if column.name not in PARTITIONS])

    def key(self, site: str, day: date) -> str:
        """The key of a day's object in the root ``lake``."""
        return f"{self.prefix(site)}day={day.isoformat()}/{self.name}.parquet"

    def prefix(self, site: str | None = None) -> str:
        """How the keys of a site's objects begin, or those of all sites."""
        return f"{self.name}/" if site is None else f"{self.name}/site={site}/"


def arrow_type(hint: Any) -> pa.DataType:
    """The column type of a dataclass field's type; ``None`` is a null of any."""
    if isinstance(hint, types.UnionType):
        (hint,) = (option for option in typing.get_args(hint) if option is not types.NoneType)
    return pa.string() if isinstance(hint, type) and issubclass(hint, StrEnum) else _TYPES[hint]


def _columns(source: type, names: Sequence[str], renamed: Mapping[str, str] | None = None) -> list[pa.Field]:
    """Columns for these fields; ``renamed`` has the field of each column that is not called like it."""
    hints = typing.get_type_hints(source)
    return [pa.field(name, arrow_type(hints[(renamed or {}).get(name, name)])) for name in names]


_RENAMED = {"started": "start", "ended": "end"}
"""Columns of ``legs`` that are not called like their field: ``end`` is a reserved word of SQL."""

LEGS = Table(
    "legs",
    "leg_id",
    pa.schema(
        [
            *_columns(
                LegNow,
                (
                    "site", "day", "hour", "leg_id", "state", "cause", "due", "tries",
                    "call_record_id", "unique_id", "leg", "started", "start_text", "ended", "end_text", "duration",
                    "source", "destination", "did", "direction", "tag", "username",
                    "content_sha256", "content_size", "seconds", "extension", "codec",
                ),
                _RENAMED,
            ),
            *_columns(AudioStored, ("channels", "sample_rate", "bucket", "key", "version_id")),
            pa.field("findings", TEXTS),
            pa.field("raw", TEXT_MAP),
        ]
    ),
)  # fmt: skip

CALL_RECORDS = Table(
    "call_records",
    "call_id",
    pa.schema(
        [
            *_columns(CallNow, ("site", "day", "call_id", "judged", "cause", "legs")),
            pa.field("archived_legs", pa.int64()),
            pa.field("audio_seconds", pa.float64()),
            *_columns(
                CallNow,
                (
                    "template_id", "call_record_id", "unique_id", "lead_id", "external_lead_id", "called",
                    "called_text", "duration", "disposition", "dial_attempts", "dialled_number", "campaign",
                    "allocation", "fields",
                ),
            ),
            pa.field("findings", TEXTS),
            *_columns(CallSeen, ("raw",)),
        ]
    ),
)  # fmt: skip

TABLES = {table.name: table for table in (LEGS, CALL_RECORDS)}
