"""``noojee-ingest verify``"""

from __future__ import annotations

from contextlib import closing
from dataclasses import asdict
from datetime import date, timedelta
from typing import Annotated, Any

import typer
from rich import box
from rich.table import Table

from noojee_ingest.cli.options import (
    Config,
    Json,
    SiteName,
    bytes_text,
    console,
    load_settings,
    one_site,
    print_json,
    read_day,
    safe,
)
from noojee_ingest.cli.progress import shown
from noojee_ingest.journal.events import Strength
from noojee_ingest.pipeline.errors import BadSelection
from noojee_ingest.pipeline.index import open_catalogue
from noojee_ingest.pipeline.selection import Selection, read_part
from noojee_ingest.pipeline.verify import Progress, Verified
from noojee_ingest.pipeline.verify import verify as verify_site
from noojee_ingest.stopping import stop_on_signals

Exists = Annotated[bool, typer.Option("--exists", help="Names and sizes only, by listings.")]
Checksum = Annotated[
    bool, typer.Option("--checksum", help="What the store recorded, the journal and the catalogue agree (the default).")
]
Read = Annotated[bool, typer.Option("--read", help="Read and hash every byte: the only way to find rot.")]
Day = Annotated[str | None, typer.Option("--day", help="The archive day (2026-03-10).")]
Since = Annotated[str | None, typer.Option("--since", help="From this archive day on.")]
Until = Annotated[str | None, typer.Option("--until", help="Up to the day before this one.")]
Subset = Annotated[
    str | None, typer.Option("--subset", help="Of n parts the k-th, as in 3/30: n runs with k from 1 to n check all.")
]


def selected(day: str | None, since: str | None, until: str | None, subset: str | None = None) -> Selection:
    """What is meant. Raises typer.BadParameter."""
    if day is not None and (since is not None or until is not None):
        raise typer.BadParameter("say --day, or --since and --until")
    try:
        part, of = read_part(subset) if subset is not None else (1, 1)
    except BadSelection as error:
        raise typer.BadParameter(str(error)) from None
    if day is not None:
        return Selection(read_day(day), read_day(day), part, of)
    first = read_day(since) if since is not None else None
    last = read_day(until) - timedelta(days=1) if until is not None and read_day(until) > date.min else None
    if first and last and last < first:
        raise typer.BadParameter(f"no day is from {since} to before {until}")
    return Selection(first, last, part, of)


def verify(
    *,
    exists: Exists = False,
    checksum: Checksum = False,
    read: Read = False,
    site: SiteName = None,
    day: Day = None,
    since: Since = None,
    until: Until = None,
    subset: Subset = None,
    as_json: Json = False,
    config: Config = None,
) -> None:
    """Archive: check that what was archived is still there, and still what it was.

    Without --site all sites, without days all days. What is found is journalled, once, and ended once a later run finds
    it right; `repair` mends what can be mended. Exits with 4 when damage was found.
    """
    asked = [
        strength
        for strength, wanted in ((Strength.EXISTS, exists), (Strength.CHECKSUM, checksum), (Strength.READ, read))
        if wanted
    ]
    if len(asked) > 1:
        raise typer.BadParameter("say one of --exists, --checksum and --read: each does what the one before it does")
    strength = asked[0] if asked else Strength.CHECKSUM
    selection = selected(day, since, until, subset)
    settings = load_settings(config)
    slugs = [one_site(settings, site)] if site is not None else sorted(settings.sites)
    done: list[Verified] = []
    progress = Progress()
    with stop_on_signals() as stop, closing(open_catalogue(settings)) as catalogue, shown(lambda: _told(progress)):
        for slug in slugs:
            if not stop.is_set():
                done.append(
                    verify_site(
                        settings, catalogue, slug, strength=strength, selection=selection, stop=stop, progress=progress
                    )
                )
    code = stop.exit_code or max((one.exit_code for one in done), default=0)
    if as_json:
        print_json({"sites": [_document(one) for one in done], "exit_code": code})
    else:
        for one in done:
            _print(one)
    raise typer.Exit(code)


def _told(progress: Progress) -> str:
    parts = [f"checking {progress.day}" if progress.day else "starting"]
    if progress.days:
        parts.append(f"days {progress.days_done:,} of {progress.days:,}")
    parts.append(f"{progress.checked:,} names checked")
    if progress.read_bytes:
        parts.append(f"{bytes_text(progress.read_bytes)} read")
    if progress.failed:
        parts.append(f"{progress.failed:,} failed")
    return " · ".join(parts)


def _document(one: Verified) -> dict[str, Any]:
    return {**asdict(one), "exit_code": one.exit_code}


def _print(one: Verified) -> None:
    out = console()
    if one.failures:
        table = Table(title=f"{one.site}: what is not as it should be", box=box.SIMPLE_HEAD, title_justify="left")
        for name in ("what", "name", "in words"):
            table.add_column(name, no_wrap=name == "name", overflow="fold")
        for failure in one.failures:
            table.add_row(failure.kind, failure.name, safe(failure.detail))
        out.print(table)
    ended = "stopped" if one.interrupted else "checked"
    told = f"{one.site}: {ended} ({one.strength}, {one.selector}): {one.checked:,} names, {one.failed:,} failed"
    if one.cleared:
        told += f", {one.cleared:,} found right again"
    out.print(told, soft_wrap=True)
    if one.orphans_unknown:
        out.print("A run was at work: objects that nobody names were not looked for. Run again when it is over.")
    if one.not_compared:
        days = ", ".join(day.isoformat() for day in one.not_compared)
        out.print(
            f"Not compared with the journal: the catalogue's rows of {days}, for a segment of the day cannot be read.",
            soft_wrap=True,
        )
    if one.failures:
        out.print("Run `noojee-ingest repair --dry-run` to see what can be mended.")
