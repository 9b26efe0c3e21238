"""The program: its verbs in order, and what becomes of errors."""

from __future__ import annotations

import sys
from collections.abc import Callable

import typer

from noojee_ingest import __version__
from noojee_ingest.cli import (
    call,
    callrecord,
    campaign,
    catalogue,
    doctor,
    excuse,
    get,
    lake,
    nightly,
    poll,
    quarantine,
    reconcile,
    recording,
    release,
    repair,
    retry,
    search,
    show,
    simulate,
    site,
    sql,
    status,
    verify,
)
from noojee_ingest.cli.exits import EXITS_HELP, TOLD, exit_of
from noojee_ingest.cli.options import plain_lines

app = typer.Typer(
    help="Archive the call recordings of a Noojee phone system, prove that none is missing, and talk to it.",
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


ARCHIVE, PHONE_SYSTEM = "Archive", "Phone system"
"""The panels of the help: what a verb is about."""

DECISIONS = (retry.retry, excuse.excuse, quarantine.quarantine, release.release)

PANELS: dict[str, tuple[Callable[..., None], ...]] = {
    ARCHIVE: (
        nightly.nightly,
        poll.poll,
        status.status,
        show.show,
        get.get,
        search.search,
        sql.sql,
        reconcile.reconcile,
        verify.verify,
        repair.repair,
        *DECISIONS,
    ),
    PHONE_SYSTEM: (doctor.doctor, simulate.simulate),
}
for panel, verbs in PANELS.items():
    for verb in verbs:
        app.command(epilog=EXITS_HELP, rich_help_panel=panel)(verb)
for group in (catalogue, lake):
    app.add_typer(group.app, name=group.__name__.rpartition(".")[2], rich_help_panel=ARCHIVE)
for group in (call, recording, campaign, callrecord, site):
    app.add_typer(group.app, name=group.__name__.rpartition(".")[2], rich_help_panel=PHONE_SYSTEM)


def main() -> None:
    """Run the program. Errors that explain themselves become a line or two on standard error, never a traceback."""
    try:
        app()
    except TOLD as error:
        print(f"noojee-ingest: {plain_lines(str(error))}", file=sys.stderr)
        sys.exit(exit_of(error))
