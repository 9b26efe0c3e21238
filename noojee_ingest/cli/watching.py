"""Events of calls as they come: a table that moves, or lines."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Sequence
from typing import Any

from rich import box
from rich.console import Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from noojee_ingest.cli.options import console, plain, safe
from noojee_ingest.journal.lines import instant_text
from noojee_ingest.noojee import CallEvent, Gap

LAST_GAPS = 3
"""Gaps that the table goes on showing."""


def as_document(event: CallEvent | Gap) -> dict[str, Any]:
    """An event as its line of JSON (docs/cli.md)."""
    if isinstance(event, Gap):
        return {"kind": "gap", "reason": event.reason, "at": instant_text(event.at), "seq": event.seq}
    return {
        "kind": "state" if event.is_state else "event",
        "extension": event.extension,
        "status": event.status,
        "unique_call_id": event.unique_call_id,
        "secondary_unique_call_id": event.secondary_unique_call_id,
        "caller_id": event.caller_id,
        "inbound": event.inbound,
        "can_answer": event.can_answer,
        "is_queue_call": event.is_queue_call,
        "is_click_to_dial": event.is_click_to_dial,
        "call_start": None if event.call_start.utc is None else instant_text(event.call_start.utc),
        "call_start_text": event.call_start.text,
        "call_id": event.call_id,
        "seq": event.seq,
        "code": event.code,
        "message": event.message,
        "unreadable": event.unreadable,
        "raw": event.raw,
    }


def show_as_lines(events: Iterable[CallEvent | Gap], _extensions: Sequence[str]) -> None:
    """One line of JSON an event, at once."""
    for event in events:
        print(json.dumps(as_document(event), ensure_ascii=False), flush=True)


def show_as_table(events: Iterable[CallEvent | Gap], extensions: Sequence[str]) -> None:
    """What each extension is doing, in place; where there is no terminal, a line an event."""
    if not sys.stdout.isatty():
        for event in events:
            print(_line(event), flush=True)
        return
    latest: dict[str, CallEvent] = {}
    gaps: list[Gap] = []
    with Live(_table(extensions, latest, gaps), console=console(), auto_refresh=False) as live:
        for event in events:
            if isinstance(event, Gap):
                gaps = [*gaps, event][-LAST_GAPS:]
            else:
                latest[event.extension] = event
            live.update(_table(extensions, latest, gaps), refresh=True)


def _table(extensions: Sequence[str], latest: dict[str, CallEvent], gaps: Sequence[Gap]) -> Group:
    table = Table(box=box.SIMPLE_HEAD)
    for column in ("extension", "status", "with", "direction", "since", "unique id"):
        table.add_column(column)
    for name in dict.fromkeys([*extensions, *latest]):
        event = latest.get(name)
        if event is None:
            table.add_row(safe(name), "[dim]nothing to tell[/]")
        else:
            cells = (event.status, event.caller_id, _direction(event), event.call_start.text, event.unique_call_id)
            table.add_row(safe(name), *(safe(cell) for cell in cells))
    told = [Text.from_markup(f"[yellow]Gap[/] at {gap.at:%H:%M:%S} UTC: {safe(gap.reason)}") for gap in gaps]
    return Group(table, *told, Text("Ctrl-C ends this.", style="dim"))


def _direction(event: CallEvent) -> str:
    return "" if event.inbound is None else "inbound" if event.inbound else "outbound"


def _line(event: CallEvent | Gap) -> str:
    if isinstance(event, Gap):
        return f"gap: {plain(event.reason)}"
    said = [event.status, event.caller_id and f"with {event.caller_id}", _direction(event), event.unique_call_id]
    return plain(f"{event.extension}: {', '.join(part for part in said if part)}")
