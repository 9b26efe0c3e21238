"""``noojee-ingest search``"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import closing
from datetime import datetime
from pathlib import Path
from typing import Annotated
from zoneinfo import ZoneInfo

import typer
from rich import box
from rich.table import Table

from noojee_ingest.catalogue.database import Catalogue
from noojee_ingest.catalogue.search import Place, Row, Search, pages, place_of
from noojee_ingest.catalogue.search import search as search_catalogue
from noojee_ingest.catalogue.terms import BadSearch, is_text
from noojee_ingest.cli.options import (
    Config,
    Json,
    console,
    one_site,
    print_json,
    read_day,
    read_time,
    safe,
    site_time,
    zone_of,
)
from noojee_ingest.journal.lines import instant_text
from noojee_ingest.model import FindingKind, State
from noojee_ingest.pipeline.errors import OutputProblem
from noojee_ingest.pipeline.index import open_catalogue
from noojee_ingest.settings import Settings, load

Texts = list[str] | None
Sites = Annotated[Texts, typer.Option("--site", help="A site's slug; else all.")]
Since = Annotated[str | None, typer.Option("--since", help="Start at or after this day or time (site time).")]
Until = Annotated[str | None, typer.Option("--until", help="Start before this day or time (site time).")]
Days = Annotated[Texts, typer.Option("--day", help="The archive day: the site's date of the leg's end.")]
Ids = Annotated[Texts, typer.Option("--id", help="A call record id, unique id or leg id, exactly.")]
States = Annotated[list[State] | None, typer.Option("--state", help="The state of the leg.")]
Numbers = Annotated[Texts, typer.Option("--number", help="A number that called or was called, in any spelling.")]
Directions = Annotated[Texts, typer.Option("--direction", help="As the phone system calls it: Inbound, ...")]
Users = Annotated[Texts, typer.Option("--user", help="The whole user name.")]
Tags = Annotated[Texts, typer.Option("--tag", help="The whole tag, exactly.")]
Campaigns = Annotated[Texts, typer.Option("--campaign", help="The whole campaign name, of the call record.")]
Templates = Annotated[Texts, typer.Option("--template", help="The id of the call record's template.")]
Allocations = Annotated[Texts, typer.Option("--allocation", help="The whole allocation name, of the call record.")]
Dispositions = Annotated[Texts, typer.Option("--disposition", help="The whole disposition, of the call record.")]
Findings = Annotated[list[FindingKind] | None, typer.Option("--finding", help="Something found of the leg.")]
Shortest = Annotated[float | None, typer.Option("--min-duration", min=0, help="Seconds, as listed.")]
Longest = Annotated[float | None, typer.Option("--max-duration", min=0, help="Seconds, as listed.")]
Parts = Annotated[
    Texts,
    typer.Option(
        "--text",
        help="Part of a tag, a user name, or a name or user field of the call record: three letters or digits in a row "
        "at least. All that are given must be found.",
    ),
]
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


def search(
    *,
    site: Sites = None,
    since: Since = None,
    until: Until = None,
    day: Days = None,
    ids: Ids = None,
    state: States = None,
    number: Numbers = None,
    direction: Directions = None,
    user: Users = None,
    tag: Tags = None,
    campaign: Campaigns = None,
    template: Templates = None,
    allocation: Allocations = None,
    disposition: Dispositions = None,
    finding: Findings = None,
    min_duration: Shortest = None,
    max_duration: Longest = None,
    text: Parts = None,
    limit: Most = None,
    after: After = None,
    as_json: Json = False,
    as_csv: Csv = False,
    parquet: Parquet = None,
    config: Config = None,
) -> None:
    """Find legs in the catalogue, in order of their start.

    A leg must fit every filter that is given. Filters may be repeated: then any of their values will do, but every
    --text must be found. Names are compared without regard to case; tags and ids exactly.

    A number is found in any spelling: +61 3 9555 0123, 0061395550123, (03) 9555 0123 and 9555 0123 find each other.
    Long numbers are told by their last nine digits (eight, where only eight are known), short ones such as extensions
    by all of theirs.
    """
    if sum((as_json, as_csv, parquet is not None)) > 1:
        raise typer.BadParameter("choose one of --json, --csv and --parquet")
    settings = load(config)
    sites = [one_site(settings, slug) for slug in site or ()]
    zone = zone_of(settings, one_site(settings, None)) if len(settings.sites) == 1 else ZoneInfo("UTC")
    if len(sites) == 1:
        zone = zone_of(settings, sites[0])
    place = _read_cursor(after)
    try:
        wanted = Search(
            sites=sites,
            since=_time(since, zone),
            until=_time(until, zone),
            days=[read_day(one) for one in day or ()],
            ids=ids or (),
            states=state or (),
            numbers=number or (),
            directions=direction or (),
            users=user or (),
            tags=tag or (),
            campaigns=campaign or (),
            templates=template or (),
            allocations=allocation or (),
            dispositions=disposition or (),
            findings=finding or (),
            shortest=min_duration,
            longest=max_duration,
            texts=text or (),
        )
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
    out.print(_table(settings, found))
    more = f"; more with --after '{cursor}'" if cursor else ""
    out.print(f"{len(found)} legs{more}", soft_wrap=True)


def _time(text: str | None, zone: ZoneInfo) -> datetime | None:
    return read_time(text, zone) if text is not None else None


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


def _table(settings: Settings, found: list[Row]) -> Table:
    table = Table(box=box.SIMPLE_HEAD)
    for name in ("start", "call record", "unique id", "leg", "seconds", "direction", "from", "to", "state"):
        table.add_column(name)
    for row in found:
        values = (
            site_time(row["started"], zone_of(settings, row["site"])) or row["start_text"],
            row["call_record_id"],
            row["unique_id"],
            row["leg"],
            f"{row['duration']:g}" if row["duration"] is not None else "",
            row["direction"],
            row["source"],
            row["destination"],
            f"{row['state']} {row['cause']}".strip(),
        )
        table.add_row(*(safe(value) for value in values))
    return table
