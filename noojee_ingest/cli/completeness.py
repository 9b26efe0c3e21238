"""A night's report as a manager reads it."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

from rich import box
from rich.console import Console
from rich.table import Table

from noojee_ingest.cli.options import bytes_text, safe
from noojee_ingest.model import FindingKind, State
from noojee_ingest.pipeline.report import DayReport, NightReport, rows

COLUMNS = ("expected", "archived", "pending", "missing", "rejected")
RARE = ("failed", "discovered", "excused", "quarantined")
"""Columns that are shown when any hour has something in them."""


def print_report(report: NightReport, console: Console) -> None:
    for day in report.days:
        if day.day > report.main_day:
            archived = day.total.states[State.ARCHIVED.value]
            told = f"{archived} of the {day.total.expected} legs that are known of it are archived"
            console.print(f"{day.day:%A %d %B} has its own night to come; {told}.")
            continue
        console.print(day_table(report.site, report.zone, day))
        print_remarks(day, console)
    for problem in report.problems:
        console.print(f"[yellow]Not done:[/] {safe(problem)}")
    if report.unfinished:
        console.print(f"[red]Unfinished:[/] {report.unfinished}.")
    _print_work(report, console)


def day_table(site: str, zone: str, day: DayReport) -> Table:
    """A day by its hours."""
    title = f"{site}: {day.day:%A %d %B %Y}, hours of {zone}"
    table = Table(title=title, box=box.SIMPLE_HEAD, title_justify="left", show_footer=False)
    lines = rows(day)
    states = [*COLUMNS, *(name for name in RARE if lines[-1][name])]
    table.add_column("hour")
    for name in states:
        table.add_column(name, justify="right")
    table.add_column("complete", justify="right")
    table.add_column("calls without recording\nexplained / not / open", justify="right")
    table.add_column("audio", justify="right")
    table.add_column("audio\nhours", justify="right")
    for line in lines:
        if line is lines[-1]:
            table.add_section()
        without = [line[f"calls_{word}"] for word in ("explained", "unexplained", "unjudged")]
        complete = line["complete"]
        table.add_row(
            str(line["hour"]),
            *(f"{line[name]:,}" for name in states),
            "" if complete is None else f"{complete} %",
            " / ".join(str(number) for number in without),
            bytes_text(float(str(line["audio_bytes"]))),
            f"{line['audio_hours']:.2f}",
            style="bold" if line is lines[-1] else None,
        )
    return table


def print_remarks(day: DayReport, console: Console) -> None:
    """What a day's table does not tell."""
    if gone := day.findings.get(FindingKind.GONE_OBJECT, 0):
        told = "archived, and their objects are in the store no more: restore them from a copy of the store."
        console.print(f"[red]Damage:[/] {gone} of these legs were {told}")
    if day.total.calls_unexplained:
        console.print("Complete is said of all that should be there: legs, and calls that nothing explains.")
    if day.explanations:
        told = ", ".join(f"{number} {cause}" for cause, number in day.explanations.items())
        console.print(f"Calls that need no recording: {safe(told)}.")
    if day.quarantined:
        told = ", ".join(f"{number} {cause}" for cause, number in day.quarantined.items())
        console.print(f"Quarantined, kept in evidence and not in the archive: {safe(told)}.")
    if day.findings:
        told = ", ".join(f"{number} {kind}" for kind, number in day.findings.items())
        console.print(f"Findings: {safe(told)}.")
    if day.clocks:
        console.print(day.clocks)
    if day.unlisted_hours:
        console.print(f"[red]Not listed yet:[/] {day.unlisted_hours} hours of this day; what they hold is not known.")
    if day.overdue:
        console.print(f"[red]Overdue:[/] {day.overdue} pending for longer than the lateness allowance.")
    if day.total.states[State.DISCOVERED.value]:
        console.print(f"Not tried yet: {day.total.states[State.DISCOVERED.value]}; the next run goes on with them.")


def _print_work(report: NightReport, console: Console) -> None:
    bounds = report.bounds
    recovery = report.recovery
    if recovery.applied or recovery.adopted:
        console.print(
            f"Mended from an earlier run: {recovery.applied} journal segments applied, "
            f"{recovery.adopted} objects adopted without a download."
        )
    if recovery.withdrawn:
        console.print(f"Quarantines of before: the audio of {recovery.withdrawn} legs is withdrawn now.")
    if recovery.gone or recovery.orphans:
        console.print(f"[red]In the store:[/] {recovery.gone} objects gone, {recovery.orphans} that no leg explains.")
    if report.published.objects:
        console.print(f"Published to the lake: {report.published.days} days, {report.published.objects} files.")
    if report.nothing_needed:
        console.print("[bold]Nothing was needed:[/] nothing new is known, and nothing is due.")
    told = ", ".join(f"{number:,} {name.replace('_', ' ')}" for name, number in sorted(bounds.requests.items()))
    console.print(
        f"Requests made: {sum(bounds.requests.values()):,} ({told}); {bytes_text(bounds.fetched_bytes)} fetched."
    )
    console.print(f"What bound the run: {bounds.what_bound}.")
    if bounds.by_hour_interval < DOCUMENTED_INTERVAL:
        console.print(
            f"By-hour requests were {bounds.by_hour_interval:g} s apart, as configured here; "
            f"a real phone system allows one every {DOCUMENTED_INTERVAL:g} s, the default."
        )
    console.print(f"[bold]{report.summary[0].upper()}{report.summary[1:]}[/] in {bounds.seconds:.1f} s.")


DOCUMENTED_INTERVAL = 60.0  # reference, 9.4 [doc]


def print_next(report: NightReport, config: Path | None, console: Console) -> None:
    """Three commands to try, with ids of this night."""
    program = program_name()
    more = f" --config {config}" if config is not None else ""
    gap = next((gap for day in report.days for gap in day.gaps), None)
    console.print("\nTry next:")
    console.print(f"  {program} status{more}", soft_wrap=True)
    if gap is not None:
        name = gap.call_record_id or gap.unique_id
        console.print(f"  {program} search --state {gap.state}{more}", soft_wrap=True)
        console.print(f"  {program} show {safe(name)}{more}", soft_wrap=True)
    else:
        console.print(f"  {program} search --since {report.main_day}{more}", soft_wrap=True)
        console.print(f"  {program} --help", soft_wrap=True)


def program_name() -> str:
    """The program as it can be called from here."""
    called = sys.argv[0]
    name = os.path.basename(called)
    found = shutil.which(name)
    if found is not None and os.path.abspath(found) == os.path.abspath(called):
        return name
    return os.path.relpath(called)
