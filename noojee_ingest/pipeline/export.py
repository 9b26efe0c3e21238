"""Writing what a search found to a file, a page at a time: CSV for spreadsheets, Parquet for everything else."""

from __future__ import annotations

import csv
import json
import os
import re
import tempfile
from collections.abc import Iterable
from datetime import date, datetime
from pathlib import Path
from typing import Any, TextIO

import pyarrow as pa
import pyarrow.parquet as pq

from noojee_ingest.catalogue.database import Catalogue
from noojee_ingest.catalogue.search import Row
from noojee_ingest.catalogue.views import LEGS as VIEW
from noojee_ingest.catalogue.views import raw_of_legs
from noojee_ingest.journal.lines import instant_text
from noojee_ingest.lake.schema import LEGS
from noojee_ingest.pipeline.errors import OutputProblem

COLUMNS = tuple(VIEW.selected_columns.keys())


def write_csv(found: Iterable[list[Row]], file: TextIO) -> None:
    """Write all columns of the view ``legs``, named in the first line, as RFC 4180 has it; null is empty.

    Instants are UTC, findings a JSON list. A text that a spreadsheet would take for a formula gets an
    apostrophe in front, and control characters are written out.
    """
    lines = csv.writer(file)
    lines.writerow(COLUMNS)
    for page in found:
        lines.writerows([_cell(row[name]) for name in COLUMNS] for row in page)


FORMULA = re.compile(r"[=+\-@\t\r]")
"""How a text begins that a spreadsheet would calculate."""
HARMLESS = re.compile(r"[+-]?[0-9 ()./,-]*")
"""A number in any spelling: nothing that names a cell or calls a function."""
CONTROL = re.compile(r"[^\t\r\n\x20-\x7e\xa0-\U0010ffff]")


def _cell(value: Any) -> Any:
    if isinstance(value, str):
        calculated = FORMULA.match(value) and not HARMLESS.fullmatch(value)
        return ("'" if calculated else "") + CONTROL.sub(lambda found: ascii(found[0])[1:-1], value)
    if isinstance(value, datetime):
        return instant_text(value)
    if isinstance(value, tuple):
        return json.dumps(value)
    return value.isoformat() if isinstance(value, date) else value


def write_parquet(catalogue: Catalogue, found: Iterable[list[Row]], path: Path) -> int:
    """Write a Parquet file of the lake's table ``legs``, compressed (zstd); it appears when it is whole.

    Gives the number of rows. Raises OutputProblem, and what ``found`` raises.
    """
    try:
        with tempfile.TemporaryDirectory(dir=path.parent, prefix=f".{path.name}-") as folder:
            unfinished = Path(folder, path.name)
            rows = _write_parquet(catalogue, found, unfinished)
            os.replace(unfinished, path)
    except OSError as error:
        raise OutputProblem(path, error, "Name another file with --parquet.") from error
    return rows


def _write_parquet(catalogue: Catalogue, found: Iterable[list[Row]], path: Path) -> int:
    rows = 0
    with pq.ParquetWriter(path, LEGS.schema, compression="zstd") as writer:
        for page in found:
            raw = raw_of_legs(catalogue, [row["leg_id"] for row in page])
            whole = [row | {"raw": sorted(raw.get(row["leg_id"], {}).items())} for row in page]
            writer.write_batch(pa.RecordBatch.from_pylist(whole, schema=LEGS.schema))
            rows += len(page)
    return rows
