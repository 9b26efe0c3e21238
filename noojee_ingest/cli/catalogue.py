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
from noojee_ingest.pipeline.places import open_store
from noojee_ingest.settings import Settings, load

Made = TypeVar("Made", int, int | None)

app = typer.Typer(help="The archive's index.", epilog=EXITS_HELP, no_args_is_help=True)


@app.command(epilog=EXITS_HELP)
def rebuild(as_json: Json = False, config: Config = None) -> None:
    """Make the catalogue anew from the store alone.

    The old one, if there is one, stays in use until the new one is whole. Refuses while a run is under way.
    """
    settings = load(config)
    number = _made(rebuild_catalogue, settings)
    if as_json:
        print_json({"segments": number, "catalogue": settings.catalogue.url})
    else:
        typer.echo(f"The catalogue is rebuilt from {number:,} journal segments: {settings.catalogue.url}")


@app.command(epilog=EXITS_HELP)
def upgrade(as_json: Json = False, config: Config = None) -> None:
    """Rebuild the catalogue where another version of noojee-ingest made it; else do nothing.

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
    applied = [0]

    def progress(number: int) -> None:
        applied[0] = number

    with shown(lambda: f"segments applied: {applied[0]:,}"):
        root = open_store(settings, to_write=False).archive
        return make(root, settings.catalogue.url, progress=progress)
