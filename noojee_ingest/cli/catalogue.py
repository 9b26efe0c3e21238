"""``noojee-ingest catalogue``"""

from __future__ import annotations

import typer

from noojee_ingest.catalogue.rebuild import rebuild as rebuild_catalogue
from noojee_ingest.cli.exits import EXITS_HELP
from noojee_ingest.cli.options import Config, Json, print_json
from noojee_ingest.cli.progress import shown
from noojee_ingest.settings import load
from noojee_ingest.storage.folder import open_folder_store

app = typer.Typer(help="The archive's index.", epilog=EXITS_HELP, no_args_is_help=True)


@app.command(epilog=EXITS_HELP)
def rebuild(as_json: Json = False, config: Config = None) -> None:
    """Make the catalogue anew from the store alone.

    The old one, if there is one, stays in use until the new one is whole. Refuses while a run is under way.
    """
    settings = load(config)
    applied = [0]

    def progress(number: int) -> None:
        applied[0] = number

    with shown(lambda: f"segments applied: {applied[0]:,}"):
        root = open_folder_store(settings.store.path, reading=True).archive
        number = rebuild_catalogue(root, settings.catalogue.url, progress=progress)
    if as_json:
        print_json({"segments": number, "catalogue": settings.catalogue.url})
    else:
        typer.echo(f"The catalogue is rebuilt from {number:,} journal segments: {settings.catalogue.url}")


@app.callback()
def _catalogue() -> None:
    pass
