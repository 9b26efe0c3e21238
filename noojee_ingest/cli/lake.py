"""``noojee-ingest lake``"""

from __future__ import annotations

from contextlib import closing
from dataclasses import asdict
from typing import Annotated

import typer

from noojee_ingest.cli.exits import EXITS_HELP
from noojee_ingest.cli.options import Config, Json, SiteName, bytes_text, one_site, print_json, read_day
from noojee_ingest.pipeline.index import open_catalogue, refuse_other_store
from noojee_ingest.pipeline.places import open_store
from noojee_ingest.pipeline.publish import known_sites, publish_by_hand
from noojee_ingest.settings import load
from noojee_ingest.stopping import stop_on_signals

app = typer.Typer(help="Archive: the tables for analysts.", epilog=EXITS_HELP, no_args_is_help=True)

Day = Annotated[str | None, typer.Option("--day", help="This day (2026-03-10), whether or not it changed.")]
All = Annotated[
    bool, typer.Option("--all", help="Every day, whether or not it changed, of sites too that are configured no more.")
]


@app.command(epilog=EXITS_HELP)
def publish(
    *, site: SiteName = None, day: Day = None, everything: All = False, as_json: Json = False, config: Config = None
) -> None:
    """Archive: publish to the lake the days that changed since they were published.

    Each night and each poll does so at its end; this is for when that failed, and for a new version of the tables. A
    day whose rows are those in the lake is not written again.
    """
    if day is not None and everything:
        raise typer.BadParameter("say --day or --all, not both")
    wanted = read_day(day) if day is not None else None
    settings = load(config)
    slugs = [one_site(settings, site)] if site is not None else sorted(settings.sites)
    with stop_on_signals() as stop, closing(open_catalogue(settings)) as catalogue:
        refuse_other_store(catalogue, settings)
        lake = open_store(settings).lake
        if everything and site is None:
            slugs = sorted({*slugs, *known_sites(catalogue, lake)})
        done = {
            slug: publish_by_hand(
                catalogue,
                lake,
                slug,
                workspace=settings.spool.path,
                stop=stop,
                day=wanted,
                everything=everything,
            )
            for slug in slugs
        }
    code = stop.exit_code or max(one.exit_code for one in done.values())
    if as_json:
        print_json({"exit_code": code, "sites": [{"site": slug, **asdict(one)} for slug, one in done.items()]})
    else:
        for slug, one in done.items():
            typer.echo(f"{slug}: {one.summary}, {bytes_text(one.bytes)}")
            for problem in one.problems:
                typer.echo(f"Not done: {problem}", err=True)
    raise typer.Exit(code)


@app.callback()
def _lake() -> None:
    pass
