"""Deciding about calls without a recording: `excuse --calls`, `retry --calls`."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import asdict, fields
from typing import Any

import typer
from rich import box
from rich.table import Table

from noojee_ingest.catalogue.terms import BadSearch
from noojee_ingest.cli.deciding import Manner, ask, refuse_nameless
from noojee_ingest.cli.exits import TOLD, exit_of
from noojee_ingest.cli.filters import Filters
from noojee_ingest.cli.options import console, print_json, safe, told_time, zone_of
from noojee_ingest.journal.events import Verdict
from noojee_ingest.pipeline.decide import exit_code
from noojee_ingest.pipeline.decide_calls import CallSelection, DecidedCall, decide_calls, select_calls, told
from noojee_ingest.pipeline.index import open_catalogue
from noojee_ingest.settings import Settings, load

TAKEN = ("site", "day", "ids")


def carry_out_for_calls(
    verdict: Verdict, filters: Filters, *, reason: str | None, by: str | None, manner: Manner
) -> None:
    """As ``deciding.carry_out``, of calls."""
    refuse_nameless(reason, by, manner)
    if any(getattr(filters, one.name) not in (None, []) for one in fields(filters) if one.name not in TAKEN):
        raise typer.BadParameter("with --calls say which by --site, --day and --id; the other filters are about legs")
    settings = load(manner.config)
    wanted = filters.search(settings)
    decided: list[DecidedCall] = []
    with closing(open_catalogue(settings)) as catalogue:
        try:
            meant = select_calls(catalogue, verdict, sites=wanted.sites, days=wanted.days, ids=wanted.ids)
            _show(settings, verdict, meant, as_json=manner.as_json)
            if meant.calls and not manner.dry_run:
                ask(verdict, len(meant.calls), manner, "calls")
                call_ids = [row["call_id"] for row in meant.calls]
                for one in decide_calls(settings, catalogue, verdict, call_ids, reason=reason or "", name=by or ""):
                    decided.append(one)
                    if not manner.as_json:
                        print(f"{one.call_id}: {_fate(one)}")
        except BadSearch as error:
            raise typer.BadParameter(str(error)) from None
        except TOLD as error:
            if not decided:
                raise
            _conclude(verdict, meant, decided, manner, exit_of(error))
            raise
    code = exit_code(decided)
    _conclude(verdict, meant, decided, manner, code)
    raise typer.Exit(code)


def _fate(one: DecidedCall) -> str:
    if one.result == "left":
        return f"left, it is {one.was} by now"
    other = "; somebody decided otherwise at the same time" if one.result == "overtaken" else ""
    return f"{one.was} -> {one.judged}{other}"


def _conclude(
    verdict: Verdict, meant: CallSelection, decided: Sequence[DecidedCall], manner: Manner, code: int
) -> None:
    if manner.as_json:
        print_json(_document(verdict, meant, decided, dry_run=manner.dry_run, code=code))
    elif not manner.dry_run:
        print(f"{verdict}: {sum(one.result == 'done' for one in decided)} of {len(meant.calls)} done")


def _show(settings: Settings, verdict: Verdict, meant: CallSelection, *, as_json: bool) -> None:
    others = ", ".join(f"{number} {judged}" for judged, number in meant.left.items())
    if others:
        print(f"Left as they are, for {verdict} is not for them: {others}", file=sys.stderr)
    if as_json:
        return
    table = Table(box=box.SIMPLE_HEAD)
    for name in ("called", "call record", "unique id", "number", "disposition", "seconds", "judged"):
        table.add_column(name)
    table.add_column("call id", no_wrap=True)
    for row in meant.calls:
        values = (
            told_time(row["called"], row["called_text"], zone_of(settings, row["site"])),
            row["call_record_id"],
            row["unique_id"],
            row["dialled_number"],
            row["disposition"],
            f"{row['duration']:g}" if row["duration"] is not None else "",
            told(row),
        )
        table.add_row(*(safe(value) for value in values), row["call_id"])
    out = console()
    out.print(table)
    number = "1 call is" if len(meant.calls) == 1 else f"{len(meant.calls)} calls are"
    out.print(f"{number} meant" + ("" if meant.calls else f": {verdict} is for none that fits"))


def _document(
    verdict: Verdict, meant: CallSelection, decided: Sequence[DecidedCall], *, dry_run: bool, code: int
) -> Mapping[str, Any]:
    fates = {one.call_id: asdict(one) for one in decided}
    calls = [
        {
            **{name: row[name] for name in ("call_id", "site", "day", "call_record_id", "unique_id")},
            "was": told(row),
            **dict.fromkeys(("judged", "result", "event_id")),
            **fates.get(row["call_id"], {}),
        }
        for row in meant.calls
    ]
    return {"verdict": verdict.value, "dry_run": dry_run, "calls": calls, "left": meant.left, "exit_code": code}
