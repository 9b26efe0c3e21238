"""``noojee-ingest search``"""

from __future__ import annotations

from contextlib import closing
from typing import Annotated
from zoneinfo import ZoneInfo

import typer
from rich import box
from rich.table import Table

from noojee_ingest.catalogue import queries
from noojee_ingest.cli.options import (
    Config,
    Json,
    SiteName,
    console,
    one_site,
    print_json,
    read_time,
    safe,
    site_time,
    zone_of,
)
from noojee_ingest.journal.lines import instant_text
from noojee_ingest.model import State
from noojee_ingest.pipeline.index import open_catalogue
from noojee_ingest.settings import Settings, load

Since = Annotated[str | None, typer.Option("--since", help="Start at or after this day or time (site time).")]
Until = Annotated[str | None, typer.Option("--until", help="Start before this day or time (site time).")]
Ids = Annotated[list[str] | None, typer.Option("--id", help="A call record id, unique id or leg id; may be repeated.")]
StateName = Annotated[State | None, typer.Option("--state", help="The state of the leg.")]
Most = Annotated[int, typer.Option("--limit", min=1, max=100_000, help="At most so many legs.")]
After = Annotated[str | None, typer.Option("--after", help="Go on behind this: the `next` of the page before.")]


def search(
    *,
    site: SiteName = None,
    since: Since = None,
    until: Until = None,
    ids: Ids = None,
    state: StateName = None,
    limit: Most = 100,
    after: After = None,
    as_json: Json = False,
    config: Config = None,
) -> None:
    """Find legs in the catalogue: by time range, ids and state, in order of their start."""
    settings = load(config)
    known = site is not None or len(settings.sites) == 1
    zone = zone_of(settings, one_site(settings, site)) if known else ZoneInfo("UTC")
    wanted = queries.Search(
        site=site,
        since=read_time(since, zone) if since is not None else None,
        until=read_time(until, zone) if until is not None else None,
        ids=ids or (),
        state=state,
    )
    with closing(open_catalogue(settings)) as catalogue:
        found = queries.search(catalogue, wanted, most=limit, after=_read_cursor(after))
    cursor = _cursor(found[-1]) if len(found) == limit else None
    if as_json:
        print_json({"legs": found, "next": cursor})
        return
    out = console()
    out.print(_table(settings, found))
    more = f"; more with --after '{cursor}'" if cursor else ""
    out.print(f"{len(found)} legs{more}", soft_wrap=True)


NO_START = "none"


def _cursor(row: queries.Row) -> str:
    start = instant_text(row["start"]) if row["start"] is not None else NO_START
    return f"{start}/{row['leg_id']}"


def _read_cursor(text: str | None) -> queries.Place | None:
    if text is None:
        return None
    start, _, leg_id = text.partition("/")
    if not leg_id:
        raise typer.BadParameter(f"{text!r} is not what a page before gave as its `next`")
    return (None if start == NO_START else read_time(start, ZoneInfo("UTC"))), leg_id


def _table(settings: Settings, found: list[queries.Row]) -> Table:
    table = Table(box=box.SIMPLE_HEAD)
    for name in ("start", "call record", "unique id", "leg", "seconds", "direction", "from", "to", "state"):
        table.add_column(name)
    for row in found:
        values = (
            site_time(row["start"], zone_of(settings, row["site"])) or row["start_text"],
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
