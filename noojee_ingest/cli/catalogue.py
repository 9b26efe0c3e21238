"""``noojee-ingest catalogue``"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import typer

from noojee_ingest.catalogue.rebuild import rebuild as rebuild_catalogue
from noojee_ingest.catalogue.upgrade import upgrade as upgrade_catalogue
from noojee_ingest.cli.exits import EXITS_HELP
from noojee_ingest.cli.options import Config, Json, print_json
from noojee_ingest.cli.progress import shown
from noojee_ingest.pipeline.places import open_root
from noojee_ingest.settings import Settings, load
from noojee_ingest.storage.root import RootName

Made = TypeVar("Made", int, int | None)

app = typer.Typer(help="Archive: its index.", epilog=EXITS_HELP, no_args_is_help=True)


@app.command(epilog=EXITS_HELP)
def rebuild(as_json: Json = False, config: Config = None) -> None:
    """Archive: make the catalogue anew from the store alone.

    The old one, if there is one, stays in use until the new one is whole. Refuses while a run is under way; who begins
    later is waited for at the end.
    """
    settings = load(config)
    number = _made(rebuild_catalogue, settings)
    if as_json:
        print_json({"segments": number, "catalogue": settings.catalogue.url})
    else:
        typer.echo(f"The catalogue is rebuilt from {number:,} journal segments: {settings.catalogue.url}")


@app.command(epilog=EXITS_HELP)
def upgrade(as_json: Json = False, config: Config = None) -> None:
    """Archive: rebuild the catalogue where another version of noojee-ingest made it, or where there is none.

    As `catalogue rebuild`; it also refuses while any process holds requests of a site's phone system.
    """
    settings = load(config)
    number = _made(upgrade_catalogue, settings)
    if as_json:
        print_json({"segments": number, "catalogue": settings.catalogue.url})
    elif number is None:
        typer.echo(f"Nothing to do, the catalogue is of this version: {settings.catalogue.url}")
    else:
        typer.echo(f"The catalogue is upgraded, from {number:,} journal segments: {settings.catalogue.url}")


def _made(make: Callable[..., Made], settings: Settings) -> Made:
    line = "segments applied: 0"

    def say(text: str) -> None:
        nonlocal line
        line = text

    with shown(lambda: line):
        return make(
            open_root(settings, RootName.ARCHIVE),
            settings.catalogue.url,
            progress=lambda number: say(f"segments applied: {number:,}"),
            waiting=lambda users: say(f"the new catalogue is whole, the old one still in use by {users}"),
        )
