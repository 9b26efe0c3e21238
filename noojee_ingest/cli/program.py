"""The program: its verbs in order, and what becomes of errors."""

from __future__ import annotations

import sys

import typer

from noojee_ingest import __version__
from noojee_ingest.cli import catalogue, get, lake, nightly, poll, search, show, simulate, sql, status
from noojee_ingest.cli.exits import EXITS_HELP, TOLD, exit_of

app = typer.Typer(
    help="Archive the call recordings of a Noojee phone system, and prove that none is missing.",
    epilog=EXITS_HELP,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"noojee-ingest {__version__}")
        raise typer.Exit


@app.callback()
def _program(
    _: bool = typer.Option(False, "--version", callback=_version, is_eager=True, help="Print the version and end."),
) -> None:
    pass


for verb in (nightly.nightly, poll.poll, status.status, show.show, get.get, search.search, sql.sql, simulate.simulate):
    app.command(epilog=EXITS_HELP)(verb)
app.add_typer(catalogue.app, name="catalogue")
app.add_typer(lake.app, name="lake")


def main() -> None:
    """Run the program. Errors that explain themselves become a line or two on standard error, never a traceback."""
    try:
        app()
    except TOLD as error:
        print(f"noojee-ingest: {error}", file=sys.stderr)
        sys.exit(exit_of(error))
