"""``noojee-ingest show``"""

from __future__ import annotations

import json
from contextlib import closing
from typing import Annotated, Any
from zoneinfo import ZoneInfo

import typer
from rich import box
from rich.table import Table

from noojee_ingest.cli.options import (
    Config,
    Json,
    SiteName,
    bytes_text,
    console,
    one_site,
    print_json,
    safe,
    site_time,
    told_time,
    zone_of,
)
from noojee_ingest.journal.lines import write_line
from noojee_ingest.pipeline.errors import NotKnown
from noojee_ingest.pipeline.index import open_catalogue
from noojee_ingest.pipeline.places import open_root
from noojee_ingest.pipeline.show import Dossier, told
from noojee_ingest.pipeline.show import show as show_call
from noojee_ingest.settings import Settings, load
from noojee_ingest.storage.root import RootName

Name = Annotated[str, typer.Argument(help="A call record id, a unique id, or a leg id.")]


def show(name: Name, site: SiteName = None, as_json: Json = False, config: Config = None) -> None:
    """Archive: show all that is known of a call: its legs, findings, where each object is, and its history.

    Reads the catalogue, and the journal in the store for the history.
    """
    settings = load(config)
    if site is not None:
        one_site(settings, site)
    with closing(open_catalogue(settings)) as catalogue:
        dossier = show_call(catalogue, open_root(settings, RootName.ARCHIVE), name, site=site)
    if not dossier.found:
        raise NotKnown(name)
    if as_json:
        print_json(_document(dossier))
    else:
        _print(settings, dossier)


def _document(dossier: Dossier) -> dict[str, Any]:
    history = [json.loads(write_line(event)) for event in dossier.history]
    return {
        "calls": _told(dossier.calls),
        "legs": _told(dossier.legs),
        "audio": _told(dossier.audio),
        "findings": dossier.findings,
        "history": history,
    }


WORKINGS = {"open_facts", "record_link", "unique_link", "last_time", "last_event_id", "last_segment"}
"""Columns that serve the catalogue and tell people nothing."""


def _told(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [{name: value for name, value in row.items() if name not in WORKINGS} for row in rows]


def _print(settings: Settings, dossier: Dossier) -> None:
    out = console()
    for call in dossier.calls:
        zone = zone_of(settings, call["site"])
        out.print(f"[bold]Dispositioned call of lead {safe(call['lead_id'] or '?')}[/], site {call['site']}")
        _print_known(
            {
                "called": told_time(call["called"], call["called_text"], zone),
                "unique id": call["unique_id"],
                "number": call["dialled_number"],
                "disposition": call["disposition"],
                "duration": f"{call['duration']:g} s" if call["duration"] is not None else "",
                "campaign": call["campaign"],
                "allocation": call["allocation"],
                "call record id": call["call_record_id"],
                "external lead": call["external_lead_id"],
                **(call["fields"] or {}),
                "recording": f"{call['judged']} {call['cause']}".strip(),
            }
        )
    out.print(_legs(settings, dossier))
    for finding in dossier.findings:
        about = f"{finding['object_type']} {finding['object_id']}"
        out.print(f"[yellow]{finding['kind']}[/] ({about}): {safe(finding['detail'])}", soft_wrap=True)
    for audio in dossier.audio:
        out.print(f"{audio['leg_id']}: archive/{audio['key']}", soft_wrap=True)
        out.print(f"  SHA-256 {audio['content_sha256']}, {bytes_text(audio['content_size'])}", soft_wrap=True)
        out.print(f"  {_checked(audio['checked'], zone_of(settings, audio['site']))}", soft_wrap=True)
    out.print("\n[bold]History[/]")
    for event in dossier.history:
        zone = zone_of(settings, event.site)
        name = str(getattr(event, type(event).object_field)).rpartition("/")[2]  # of an object: without its folders
        about = f"{event.object_type} {name[:12]}"
        line = f"{site_time(event.time, zone)}  {event.kind} by {event.actor}: {about} {told(event, zone)}"
        out.print(safe(line), soft_wrap=True)


CHECKED = {"exists": "there", "checksum": "compared", "read": "read whole"}


def _checked(last: dict[str, Any], zone: ZoneInfo) -> str:
    said = [f"{CHECKED[strength]} {site_time(at, zone)}" for strength, at in last.items() if at is not None]
    return f"last checked: {', '.join(said)}" if said else "never checked since it was stored"


def _print_known(facts: dict[str, Any]) -> None:
    for name, value in facts.items():
        if value:
            console().print(f"  {safe(name)}: {safe(value)}", soft_wrap=True)


def _legs(settings: Settings, dossier: Dossier) -> Table:
    table = Table(box=box.SIMPLE_HEAD)
    for name in ("leg", "start", "seconds", "direction", "from", "to", "user", "tag", "state", "leg id"):
        table.add_column(name, no_wrap=name == "leg id")
    for leg in dossier.legs:
        table.add_row(
            *(
                safe(value)
                for value in (
                    leg["leg"],
                    told_time(leg["start"], leg["start_text"], zone_of(settings, leg["site"])),
                    f"{leg['duration']:g}" if leg["duration"] is not None else "",
                    leg["direction"],
                    leg["source"],
                    leg["destination"],
                    leg["username"],
                    leg["tag"],
                    f"{leg['state']} {leg['cause']}".strip(),
                    leg["leg_id"],
                )
            )
        )
    return table
