"""One site and day of one table becomes one Parquet object, unless the one that is there says the same."""

from __future__ import annotations

import hashlib
import io
import json
import re
import tempfile
import uuid
from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing, suppress
from dataclasses import dataclass
from datetime import date, datetime
from itertools import islice
from pathlib import Path
from typing import Any, BinaryIO

import pyarrow as pa
import pyarrow.parquet as pq

from noojee_ingest.journal.lines import instant_text
from noojee_ingest.lake.errors import RowDoesNotFit
from noojee_ingest.lake.schema import SCHEMA_VERSION, TEXT_MAP, Table
from noojee_ingest.storage.errors import Damaged, NotFound
from noojee_ingest.storage.root import Root

GROUP_ROWS = 5_000
"""Rows of a row group: what is held in memory at once."""

LAKE_ID = "lake-id"
"""The key of the object that holds the lake's id."""

IN_FILE = "noojee_ingest."
"""What the names of our entries in a file's own metadata begin with."""


@dataclass(frozen=True, slots=True)
class DayFile:
    """What became of a site-day's object. ``size`` in bytes, 0 where nothing was ``written``."""

    key: str
    rows: int
    written: bool
    size: int = 0


def publish_day(
    lake: Root, table: Table, site: str, day: date, rows: Iterable[Mapping[str, Any]], *, workspace: Path
) -> DayFile:
    """Put the rows of a site-day (all of them, sorted by ``table.row_id``) in the place of what is published of it.

    An object with the same content digest and schema version is left as it is: that costs one HEAD. A day without rows
    gets no object; one that has an object gets an empty one, for the lake's root deletes nothing. The file is made in
    the folder ``workspace``, without a name; in memory are ``GROUP_ROWS`` rows.
    Raises StorageError, RowDoesNotFit, OSError of ``workspace``, and what ``rows`` raises.
    """
    key = table.key(site, day)
    with tempfile.TemporaryFile(dir=workspace) as file:
        about = _write(file, table, site, day, rows)
        number = int(about["rows"])
        there = _published(lake, key)
        if there == about or (there is None and not number):
            return DayFile(key, number, written=False)
        size = file.tell()
        file.seek(0)
        sha256 = hashlib.file_digest(file, "sha256").hexdigest()
        file.seek(0)
        lake.replace(key, file, size=size, sha256=sha256, metadata=about)
        return DayFile(key, number, written=True, size=size)


def days_there(lake: Root, table: Table, site: str | None = None) -> Iterator[tuple[str, str, date]]:
    """The published days of a table, of one site or of all: key, site and day. Other keys are passed over.

    Raises StorageError.
    """
    ours = re.compile(rf"{table.name}/site=([a-z0-9-]+)/day=(\d{{4}}-\d\d-\d\d)/{table.name}\.parquet")
    for listed in lake.list(table.prefix(site)):
        if found := ours.fullmatch(listed.key):
            try:
                day = date.fromisoformat(found[2])
            except ValueError:  # the 31st of February
                continue
            yield listed.key, found[1], day


def lake_id(lake: Root) -> str:
    """Which lake this is: 32 hex digits, made by whoever publishes to it first, and kept in it. Raises StorageError."""
    if told := _id_there(lake):
        return told
    fresh = uuid.uuid4().hex.encode()
    lake.replace(LAKE_ID, io.BytesIO(fresh), size=len(fresh), sha256=hashlib.sha256(fresh).hexdigest(), metadata={})
    return _id_there(lake) or fresh.decode()  # another program may have made one at the same moment


def _id_there(lake: Root) -> str:
    """``""`` where there is none, or something else in its place."""
    with suppress(NotFound), closing(lake.open(LAKE_ID)) as file:
        told = file.read(33).decode(errors="replace")
        return told if re.fullmatch("[0-9a-f]{32}", told) else ""
    return ""


def _published(lake: Root, key: str) -> dict[str, str] | None:
    """What the object that is there says of itself; ``None`` where there is none, or none that can be relied on."""
    try:
        return dict(lake.head(key).metadata)
    except (NotFound, Damaged):
        return None


def _write(file: BinaryIO, table: Table, site: str, day: date, rows: Iterable[Mapping[str, Any]]) -> dict[str, str]:
    """Write a day's Parquet file; give its content digest, schema version and number of rows."""
    digest = ContentDigest(table, site, day)
    with pq.ParquetWriter(file, table.in_file, compression="zstd") as writer:
        for group in _groups(rows):
            try:
                digest.add(group)
                batch = _batch(table.in_file, group)
            except (pa.ArrowException, KeyError, TypeError, ValueError, OverflowError) as error:
                raise RowDoesNotFit(table.key(site, day), f"{type(error).__name__}: {error}") from error
            writer.write_batch(batch)
        about = {"content-digest": digest.hexdigest(), "schema-version": str(SCHEMA_VERSION), "rows": str(digest.rows)}
        inside = {"table": table.name, "site": site, "day": day.isoformat(), **about}
        writer.add_key_value_metadata({IN_FILE + name.replace("-", "_"): text for name, text in inside.items()})
    return about


def _groups(rows: Iterable[Mapping[str, Any]]) -> Iterator[list[Mapping[str, Any]]]:
    rest = iter(rows)
    while group := list(islice(rest, GROUP_ROWS)):
        yield group


def _batch(schema: pa.Schema, rows: list[Mapping[str, Any]]) -> pa.RecordBatch:
    columns = []
    for column in schema:
        values = [row[column.name] for row in rows]
        if column.type == TEXT_MAP:
            values = [None if value is None else sorted(value.items()) for value in values]
        columns.append(pa.array(values, column.type))
    return pa.RecordBatch.from_arrays(columns, schema=schema)


class ContentDigest:
    """SHA-256 over what a day's rows say, whatever the version of the library that writes them (docs/lake.md)."""

    def __init__(self, table: Table, site: str, day: date) -> None:
        self.rows = 0
        self._names = table.in_file.names
        self._digest = hashlib.sha256()
        self._line([table.name, SCHEMA_VERSION, site, day, self._names])

    def add(self, rows: Iterable[Mapping[str, Any]]) -> None:
        for row in rows:
            self._line([row[name] for name in self._names])
            self.rows += 1

    def hexdigest(self) -> str:
        return self._digest.hexdigest()

    def _line(self, values: list[Any]) -> None:
        self._digest.update(_ENCODER.encode(values).encode() + b"\n")


def _text(value: Any) -> str:
    if isinstance(value, datetime):
        return instant_text(value)
    if isinstance(value, date):
        return value.isoformat()
    raise TypeError(f"a {type(value).__name__} is in no column")


_ENCODER = json.JSONEncoder(allow_nan=False, sort_keys=True, separators=(",", ":"), default=_text)
