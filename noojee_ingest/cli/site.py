"""``noojee-ingest site``"""

from __future__ import annotations

from typing import Annotated

import typer
from rich import box
from rich.table import Table

from noojee_ingest.cli.exits import EXITS_HELP
from noojee_ingest.cli.options import Config, Json, SiteName, console, print_json, safe
from noojee_ingest.cli.phone import phone_line, print_answer, warn
from noojee_ingest.model import WireTime
from noojee_ingest.noojee import Health, RosterEntry

app = typer.Typer(
    help="Phone system: who is on shift, and how the machine is.", epilog=EXITS_HELP, no_args_is_help=True
)

Team = Annotated[str, typer.Option("--team", help="The name of a team.")]

COLUMNS = ("login", "extension", "phone_number", "mobile_number", "email", "stack_position")


@app.command(epilog=EXITS_HELP)
def rosters(team: Team, *, site: SiteName = None, as_json: Json = False, config: Config = None) -> None:
    """Phone system: list who of a team is on shift now."""
    with phone_line(config, site) as line:
        answer = line.noojee.site.rosters(team)
    print_answer(answer, COLUMNS, _person, as_json=as_json)


def _person(entry: RosterEntry) -> dict[str, object]:
    return {"id": entry.id, **{column: getattr(entry, column) for column in COLUMNS}, "raw": entry.raw}


@app.command(epilog=EXITS_HELP)
def health(site: SiteName = None, as_json: Json = False, config: Config = None) -> None:
    """Phone system: show how its machine is: load, memory, disk, pools, backups.

    Old systems answer and tell nothing of it.
    """
    with phone_line(config, site) as line:
        told = line.noojee.site.health()
    if as_json:
        print_json(_document(told))
    else:
        _print(told)
    warn(told.warning)


UNITS = {
    "io_wait": "",
    "load_average": "",
    "cpu_percent": " %",
    "cores": "",
    "memory_available": " MB",
    "memory_total": " MB",
    "free_disk_percent": " %",
    "thread_pool_percent": " %",
    "scheduler_pool_percent": " %",
    "steal": "",
    "db_pool_size": "",
    "db_pool_usage": "",
}
BACKUPS = ("last_backup_attempt", "last_backup_success", "backup_starting")


def _document(told: Health) -> dict[str, object]:
    backups: dict[str, object] = {}
    for name in BACKUPS:
        time: WireTime = getattr(told, name)
        backups |= {name: time.utc, f"{name}_text": time.text}
    figures = {name: getattr(told, name) for name in UNITS}
    more = {"ping": told.ping, "warning": told.warning, "unreadable": told.unreadable, "raw": told.raw}
    return {**figures, **backups, **more}


def _print(told: Health) -> None:
    table = Table(box=box.SIMPLE, show_header=False)
    for name, unit in UNITS.items():
        value = getattr(told, name)
        table.add_row(name.removesuffix("_percent").replace("_", " "), "" if value is None else f"{value:g}{unit}")
    for name in BACKUPS:
        table.add_row(name.replace("_", " "), safe(getattr(told, name).text))
    for address, milliseconds in told.ping.items():
        table.add_row(f"ping {safe(address)}", f"{milliseconds:g} ms")
    console().print(table)
    if not told.raw:
        console().print("It answers, and tells nothing of itself.")
    for key in told.unreadable:
        console().print(f"[yellow]Not readable:[/] {safe(key)}")
