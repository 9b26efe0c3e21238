"""Writing what a search found to a file, a page at a time: CSV for spreadsheets, Parquet for everything else."""

from __future__ import annotations

import csv
import os
import tempfile
from collections.abc import Iterable
from itertools import chain
from pathlib import Path
from typing import TextIO

import pyarrow as pa
import pyarrow.parquet as pq

from noojee_ingest.catalogue.database import Catalogue
from noojee_ingest.catalogue.search import Row
from noojee_ingest.catalogue.views import LEGS as VIEW
from noojee_ingest.catalogue.views import raw_of_legs
from noojee_ingest.lake.schema import LEGS
from noojee_ingest.pipeline.errors import OutputProblem
from noojee_ingest.pipeline.spreadsheet import cell

COLUMNS = tuple(VIEW.selected_columns.keys())


def write_csv(found: Iterable[list[Row]], file: TextIO) -> None:
    """Write all columns of the view ``legs``, named in the first line, as RFC 4180 has it; null is empty.

    Instants are UTC, findings a JSON list.
    """
    pages = iter(found)
    first = next(pages, [])  # a question that is wrong is told before anything is written
    lines = csv.writer(file)
    lines.writerow(COLUMNS)
    for page in chain([first], pages):
        lines.writerows([cell(row[name]) for name in COLUMNS] for row in page)


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
            whole = [row | {"raw": list(told.items()) if (told := raw.get(row["leg_id"])) else None} for row in page]
            writer.write_batch(pa.RecordBatch.from_pylist(whole, schema=LEGS.schema))
            rows += len(page)
    return rows
