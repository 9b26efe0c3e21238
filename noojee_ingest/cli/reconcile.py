"""``noojee-ingest reconcile``"""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated, Any

import typer
from rich import box
from rich.table import Table

from noojee_ingest.cli.completeness import day_table, print_remarks
from noojee_ingest.cli.options import (
    Config,
    Json,
    SiteName,
    console,
    load_settings,
    one_site,
    print_json,
    read_day,
    safe,
)
from noojee_ingest.pipeline.reconciliation import Reconciliation, reconcile_day

Day = Annotated[str, typer.Option("--day", help="The day in site time (2026-03-10).")]


def reconcile(day: Day, site: SiteName = None, as_json: Json = False, config: Config = None) -> None:
    """Archive: compare what call records, lists, catalogue and store say of a day, and state what it adds up to.

    It asks the phone system nothing: `nightly --day` does. What a dead run left is taken over, what the store lacks is
    noted, and where the day adds up to something else than before, a new statement is journalled. It does no harm
    beside a running night.
    """
    settings = load_settings(config)
    found = reconcile_day(settings, one_site(settings, site), read_day(day))
    if as_json:
        print_json(_document(found))
    else:
        _print(found)
    raise typer.Exit(found.exit_code)


def _document(found: Reconciliation) -> dict[str, Any]:
    report, views = found.report, found.views
    return {
        "site": found.site,
        "zone": found.zone,
        "day": report.day,
        "summary": found.summary,
        "expected": report.total.expected,
        "states": views.states,
        "complete": report.total.complete,
        "lists": [{"told_by": list(lists), "legs": legs} for lists, legs in views.told_by.items()],
        "legs_with_call": views.legs_with_call,
        "calls": views.calls,
        "objects": asdict(found.objects),
        "findings": report.findings,
        "explanations": report.explanations,
        "overdue": report.overdue,
        "unlisted_hours": report.unlisted_hours,
        "hours_due": found.hours_due,
        "calls_due": found.calls_due,
        "statement": {"number": found.statement, "final": found.is_final, "new": found.is_new},
        "events": found.events,
        "contradictions": list(found.contradictions),
        "problems": found.recovery.problems,
        "exit_code": found.exit_code,
    }


def _print(found: Reconciliation) -> None:
    out = console()
    out.print(day_table(found.site, found.zone, found.report))
    out.print(_views(found))
    print_remarks(found.report, out)
    if found.hours_due or found.calls_due:
        out.print(
            f"Due to be asked again: {found.hours_due} hours, {found.calls_due} calls; the next night does, or "
            f"`noojee-ingest nightly --day {found.report.day}`.",
            soft_wrap=True,
        )
    for problem in found.recovery.problems:
        out.print(f"[yellow]Not done:[/] {safe(problem)}", soft_wrap=True)
    for contradiction in found.contradictions:
        out.print(f"[red]Does not add up:[/] {contradiction}", soft_wrap=True)
    out.print(f"[bold]{found.summary[0].upper()}{found.summary[1:]}.[/]")


def _views(found: Reconciliation) -> Table:
    views, objects = found.views, found.objects
    legs, calls = sum(views.states.values()), sum(views.calls.values())
    told = ", ".join(f"{number} {' and '.join(lists) or 'no list'}" for lists, number in views.told_by.items())
    statement = "none yet"
    if found.statement:
        fate = "final" if found.is_final else "provisional"
        statement = f"number {found.statement}, {fate}, {'made now' if found.is_new else 'as before'}"
    table = Table(box=box.SIMPLE_HEAD)
    table.add_column("view")
    table.add_column("what it says of the day")
    table.add_row("lists", f"{legs} legs, told of by: {told}" if legs else "no legs")
    table.add_row("call records", f"{calls}: {_counts(views.calls)}")
    table.add_row("between them", f"{views.legs_with_call} legs have a call record, {legs - views.legs_with_call} none")
    table.add_row("catalogue", f"{legs} legs: {_counts(views.states)}")
    table.add_row(
        "store",
        f"{objects.there} audio objects; {objects.named} named: {objects.withdrawn} of them withdrawn, {objects.gone} "
        f"gone; {objects.orphans} that no leg explains, {objects.under_way} under way",
    )
    table.add_row("statement", statement)
    return table


def _counts(numbers: dict[str, int]) -> str:
    return " + ".join(f"{number} {word}" for word, number in numbers.items() if number) or "0"
