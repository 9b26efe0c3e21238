"""``noojee-ingest search``"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Annotated
from zoneinfo import ZoneInfo

import typer
from rich import box
from rich.table import Table

from noojee_ingest.catalogue.database import Catalogue
from noojee_ingest.catalogue.search import Place, Row, pages, place_of
from noojee_ingest.catalogue.search import search as search_catalogue
from noojee_ingest.catalogue.terms import BadSearch, is_text
from noojee_ingest.cli.filters import Filters, filtered
from noojee_ingest.cli.options import (
    Config,
    Json,
    console,
    print_json,
    read_time,
    safe,
    told_time,
    zone_of,
)
from noojee_ingest.journal.lines import instant_text
from noojee_ingest.pipeline.errors import OutputProblem
from noojee_ingest.pipeline.index import open_catalogue
from noojee_ingest.settings import Settings, load

Most = Annotated[
    int | None,
    typer.Option("--limit", min=1, max=10**9, help="At most so many legs; else 100, in a file without limit."),
]
After = Annotated[str | None, typer.Option("--after", help="Go on behind this: the `next` of the page before.")]
Csv = Annotated[bool, typer.Option("--csv", help="Print CSV, with all columns, for spreadsheets.")]
Parquet = Annotated[Path | None, typer.Option("--parquet", help="Write this Parquet file, as the lake's table legs.")]

ON_A_PAGE = 100
AT_ONCE = 5_000
"""Legs in memory at once while a file is written."""


@filtered
def search(
    filters: Filters,
    *,
    limit: Most = None,
    after: After = None,
    as_json: Json = False,
    as_csv: Csv = False,
    parquet: Parquet = None,
    config: Config = None,
) -> None:
    """Archive: find legs in the catalogue, in order of their start.

    A leg must fit every filter that is given. Filters may be repeated: then any of their values will do, but every
    --text must be found. Names are compared without regard to case; tags and ids exactly.

    A number is found in any spelling: +61 3 9555 0123, 0061395550123, (03) 9555 0123 and 9555 0123 find each other.
    Long numbers are told by their last nine digits (eight, where only eight are known), short ones such as extensions
    by all of theirs.
    """
    if sum((as_json, as_csv, parquet is not None)) > 1:
        raise typer.BadParameter("choose one of --json, --csv and --parquet")
    settings = load(config)
    place = _read_cursor(after)
    try:
        wanted = filters.search(settings)
        with closing(open_catalogue(settings)) as catalogue:
            if as_csv or parquet is not None:
                _write(catalogue, pages(catalogue, wanted, size=AT_ONCE, most=limit, after=place), parquet)
                return
            most = limit or ON_A_PAGE
            found = search_catalogue(catalogue, wanted, most=most, after=place)
    except BadSearch as error:
        raise typer.BadParameter(str(error)) from None
    cursor = _cursor(found[-1]) if len(found) == most else None
    if as_json:
        print_json({"legs": found, "next": cursor})
        return
    out = console()
    out.print(legs_table(settings, found))
    more = f"; more with --after '{cursor}'" if cursor else ""
    out.print(f"{len(found)} legs{more}", soft_wrap=True)


def _write(catalogue: Catalogue, found: Iterator[list[Row]], parquet: Path | None) -> None:
    from noojee_ingest.pipeline.export import write_csv, write_parquet  # noqa: PLC0415  pyarrow is slow to import

    if parquet is None:
        try:
            write_csv(found, sys.stdout)
            sys.stdout.flush()
        except BrokenPipeError:  # who reads it has read enough
            raise
        except OSError as error:
            sys.stdout = None  # else it would be tried again at the end, and fail with less to say
            raise OutputProblem(Path("standard output"), error, "Make room there.") from error
    else:
        number = write_parquet(catalogue, found, parquet)
        typer.echo(f"{parquet}: {number:,} legs")


NO_START = "none"


def _cursor(row: Row) -> str:
    start, leg_id = place_of(row)
    return f"{instant_text(start) if start is not None else NO_START}/{leg_id}"


def _read_cursor(text: str | None) -> Place | None:
    if text is None:
        return None
    start, _, leg_id = text.partition("/")
    if not (leg_id and is_text(leg_id)):
        raise typer.BadParameter(f"{text!r} is not what a page before gave as its `next`")
    return (None if start == NO_START else read_time(start, ZoneInfo("UTC"))), leg_id


def legs_table(settings: Settings, found: list[Row], *, with_id: bool = False) -> Table:
    """Legs as people read them, on request with their ids."""
    table = Table(box=box.SIMPLE_HEAD)
    for name in ("start", "call record", "unique id", "leg", "seconds", "direction", "from", "to", "state"):
        table.add_column(name)
    if with_id:
        table.add_column("leg id", no_wrap=True)
    for row in found:
        values = (
            told_time(row["started"], row["start_text"], zone_of(settings, row["site"])),
            row["call_record_id"],
            row["unique_id"],
            row["leg"],
            f"{row['duration']:g}" if row["duration"] is not None else "",
            row["direction"],
            row["source"],
            row["destination"],
            f"{row['state']} {row['cause']}".strip(),
        )
        table.add_row(*(safe(value) for value in values), *([row["leg_id"]] if with_id else []))
    return table
