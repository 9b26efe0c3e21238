"""``noojee-ingest sql``"""

from __future__ import annotations

import csv
import json
import sys
from collections.abc import Iterable
from contextlib import closing
from datetime import UTC, date, datetime
from decimal import Decimal
from itertools import islice
from math import isfinite
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich import box
from rich.table import Table

from noojee_ingest.cli.options import Config, Json, SiteName, console, one_site, safe
from noojee_ingest.journal.lines import instant_text
from noojee_ingest.pipeline.spreadsheet import cell
from noojee_ingest.settings import load

if TYPE_CHECKING:
    from noojee_ingest.lake.sql import Answer

MOST_SHOWN = 1_000
"""Rows of a table for people; ``--csv`` and ``--json`` give all."""

Statement = Annotated[str, typer.Argument(help="One SELECT, in DuckDB's SQL, over legs and call_records.")]
Csv = Annotated[bool, typer.Option("--csv", help="Print CSV instead of a table.")]


def sql(
    statement: Statement, *, site: SiteName = None, as_csv: Csv = False, as_json: Json = False, config: Config = None
) -> None:
    """Archive: ask the lake, SQL over the tables legs and call_records, of all days that are published.

    It reads only the days that the statement asks for (WHERE day = DATE '2026-03-10'), changes nothing, and can read
    nothing else. docs/lake.md has every column, and examples.
    """
    if as_csv and as_json:
        raise typer.BadParameter("say --csv or --json, not both")
    settings = load(config)
    if site is not None:
        one_site(settings, site)
    from noojee_ingest.pipeline.sql import sql as ask  # noqa: PLC0415  pyarrow and DuckDB are slow to import

    with closing(ask(settings, statement, site=site)) as answer:
        if answer.lake_is_empty:
            of_site = f" of site {site}" if site is not None else ""
            typer.echo(
                f"The lake has no day{of_site}: nothing is published yet, or it was lost, or the settings name another "
                "lake. `noojee-ingest lake publish` writes what the catalogue knows.",
                err=True,
            )
        if as_json:
            _print_json(answer)
        elif as_csv:
            _print_csv(answer)
        else:
            _print_table(answer)


def _print_table(answer: Answer) -> None:
    table = Table(box=box.SIMPLE_HEAD)
    for column in answer.columns:
        table.add_column(safe(column.name), justify="right" if column.type in NUMBERS else "left")
    rows = iter(answer)
    for row in islice(rows, MOST_SHOWN):
        table.add_row(*(safe(_read(value)) for value in row))
    more = " are shown, there are more: --csv or --json prints all" if next(rows, None) is not None else ""
    out = console()
    out.print(table)
    out.print(f"{table.row_count:,} rows{more}", soft_wrap=True)


NUMBERS = {"TINYINT", "SMALLINT", "INTEGER", "BIGINT", "HUGEINT", "UBIGINT", "FLOAT", "DOUBLE"}


def _read(value: Any) -> Any:
    """A value as people read it: instants in the answer's zone."""
    if isinstance(value, date):
        if infinity := _infinity(value):
            return infinity
        if isinstance(value, datetime):
            return f"{value.replace(tzinfo=None).isoformat(' ', 'seconds')} {value.tzname() or ''}".rstrip()
    return json.dumps(plain(value), ensure_ascii=False) if isinstance(value, dict | list | tuple | bool) else value


def _print_csv(answer: Answer) -> None:
    writer = csv.writer(sys.stdout, lineterminator="\n")
    writer.writerow(cell(column.name) for column in answer.columns)
    for row in answer:
        writer.writerow(cell(value if isinstance(value, Decimal) else plain(value)) for value in row)


def _print_json(answer: Answer) -> None:
    """As ``options.print_json``, a row a line as they come: an answer may be longer than memory."""
    names = [column.name for column in answer.columns]
    if len(set(names)) < len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise typer.BadParameter(f"two columns are called {twice!r}: name them apart with AS, or use --csv")
    columns = [{"name": column.name, "type": column.type} for column in answer.columns]
    sys.stdout.write(f'{{\n  "columns": {json.dumps(columns, ensure_ascii=False)},\n  "rows": [')
    sys.stdout.writelines(_lines(names, answer))
    sys.stdout.write("\n  ]\n}\n")


def _lines(names: list[str], rows: Iterable[tuple[Any, ...]]) -> Iterable[str]:
    before = "\n    "
    for row in rows:
        document = {name: plain(value) for name, value in zip(names, row, strict=True)}
        yield before + json.dumps(document, ensure_ascii=False)
        before = ",\n    "


def plain(value: Any) -> Any:
    """A value of DuckDB's as JSON has it: instants in UTC, what JSON lacks as text."""
    match value:
        case dict():
            return {str(plain(name)): plain(inner) for name, inner in value.items()}
        case list() | tuple():
            return [plain(inner) for inner in value]
        case Decimal():
            return _number(value)
        case date():
            return _instant(value)
    is_number = isinstance(value, int) or (isinstance(value, float) and isfinite(value))
    return value if value is None or is_number else str(value)


def _number(value: Decimal) -> int | float | str:
    """As text where a reader that makes a float of it would lose digits."""
    if value == value.to_integral_value():
        return int(value)
    return float(value) if Decimal(repr(float(value))) == value else str(value)


def _instant(value: date) -> str:
    """A day, a time without a zone, or an instant."""
    if infinity := _infinity(value):
        return infinity
    if isinstance(value, datetime) and value.tzinfo is not None:
        return instant_text(value.astimezone(UTC))
    return value.isoformat()


def _infinity(value: date) -> str:
    """DuckDB gives infinite dates and times as Python's first and last; ``""`` for any other."""
    if value in (date.min, datetime.min):  # noqa: DTZ901  nor have they a zone
        return "-infinity"
    return "infinity" if value in (date.max, datetime.max) else ""  # noqa: DTZ901
