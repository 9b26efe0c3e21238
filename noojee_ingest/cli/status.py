"""``noojee-ingest status``"""

from __future__ import annotations

from contextlib import closing
from dataclasses import asdict
from typing import Annotated
from zoneinfo import ZoneInfo

import typer
from rich import box
from rich.table import Table

from noojee_ingest.cli.calendar import calendar
from noojee_ingest.cli.options import (
    Config,
    Json,
    SiteName,
    bytes_text,
    console,
    load_settings,
    one_site,
    print_json,
    safe,
    site_time,
)
from noojee_ingest.pipeline.index import open_catalogue
from noojee_ingest.pipeline.status import DayStatus, SiteStatus
from noojee_ingest.pipeline.status import status as status_of
from noojee_ingest.settings import Settings

COLUMNS = ("archived", "pending", "missing", "rejected", "failed", "excused", "quarantined", "discovered")
Days = Annotated[int, typer.Option("--days", min=1, max=36_500, help="How many of the latest days to show.")]


def status(site: SiteName = None, days: Days = 30, as_json: Json = False, config: Config = None) -> None:
    """Archive: show how complete each day is, and the latest runs. Reads the catalogue only.

    Exits with 3 when any day has gaps, or a night did not run, did not come to its end or left something: a good day
    never hides a bad one, nor does a good site.
    """
    settings = load_settings(config)
    slugs = [one_site(settings, site)] if site is not None else sorted(settings.sites)
    with closing(open_catalogue(settings)) as catalogue:
        found = [status_of(catalogue, settings, slug, days=days) for slug in slugs]
    code = max(one.exit_code for one in found)
    if as_json:
        print_json({"exit_code": code, "sites": [_document(one) for one in found]})
    else:
        for one in found:
            _print(settings, one)
    raise typer.Exit(code)


def _document(one: SiteStatus) -> dict[str, object]:
    return {
        **asdict(one),
        "exit_code": one.exit_code,
        "worst": one.worst.day if one.worst else None,
        "days": [_day_document(day) for day in one.days],
    }


def _day_document(day: DayStatus) -> dict[str, object]:
    return {
        "day": day.day,
        "expected": day.sums.expected,
        "states": day.sums.states,
        "hours": day.hours,
        "unlisted_hours": day.unlisted_hours,
        "calls_explained": day.sums.calls_explained,
        "calls_unexplained": day.sums.calls_unexplained,
        "calls_unjudged": day.sums.calls_unjudged,
        "findings": day.findings,
        "gone": day.gone,
        "audio_bytes": day.sums.audio_bytes,
        "audio_hours": day.sums.audio_hours,
        "complete": day.sums.complete,
        "gaps": day.gaps,
        "below_target": day.is_below,
        "statement": day.statement,
        "final": day.is_final,
    }


def _print(settings: Settings, one: SiteStatus) -> None:
    zone = settings.sites[one.site].zone
    out = console()
    if one.days:
        out.print(_worst(one), soft_wrap=True)
        for line in calendar(one.days):
            out.print(line, soft_wrap=True)
        out.print(_table(one, zone))
    if gone := sum(day.gone for day in one.days):
        out.print(f"[red]Damage:[/] {gone} objects are gone or damaged; see `noojee-ingest repair --dry-run`.")
    if one.older_gaps or one.older_gone:
        out.print(f"[red]Days before these:[/] {one.older_gaps} gaps, {one.older_gone} objects gone; see --days.")
    if one.alarm:
        out.print(f"[red]{one.site}:[/] {one.alarm}. Run `noojee-ingest nightly --site {one.site}`.", soft_wrap=True)
    for run in one.runs:
        end = f"exit code {run.exit_code}" if run.condition == "ended" else run.condition
        out.print(f"{run.flow} of {site_time(run.began, zone)}: {end}. {safe(run.summary)}")


def _worst(one: SiteStatus) -> str:
    """The worst day first, so that a good one hides none."""
    number = "1 day" if len(one.days) == 1 else f"{len(one.days)} days"
    worst = one.worst
    if worst is None:
        return f"{one.site}: of {number} none has gaps or is below the target of {one.target:g} %."
    told = {"objects gone": worst.gone, "gaps": worst.gaps, "pending": worst.sums.states["pending"]}
    percent = "nothing known" if worst.sums.complete is None else f"{worst.sums.complete} %"
    fate = ", ".join([percent, *(f"{count} {what}" for what, count in told.items() if count)])
    below = sum(day.is_below for day in one.days)
    return (
        f"{one.site}: worst is [bold]{worst.day:%a %Y-%m-%d}[/]: {fate}. "
        f"Of {number} {below} below the target of {one.target:g} %."
    )


def _table(one: SiteStatus, zone: ZoneInfo) -> Table:
    table = Table(title=f"{one.site}, days of {zone.key}", box=box.SIMPLE_HEAD, title_justify="left")
    shown = [name for name in COLUMNS if any(day.sums.states[name] for day in one.days)]
    table.add_column("day")
    for name in (
        "hours\nlisted",
        "expected",
        *shown,
        "complete",
        "calls without recording\nexplained / not / open",
        "findings",
        "audio",
        "statement",
    ):
        table.add_column(name, justify="right")
    for day in one.days:
        sums = day.sums
        table.add_row(
            f"{day.day:%a %Y-%m-%d}",
            "" if day.unlisted_hours is None else f"{day.hours - day.unlisted_hours} of {day.hours}",
            f"{sums.expected:,}",
            *(f"{sums.states[name]:,}" for name in shown),
            "" if sums.complete is None else f"{sums.complete} %",
            f"{sums.calls_explained} / {sums.calls_unexplained} / {sums.calls_unjudged}",
            f"{day.findings:,}",
            f"{bytes_text(sums.audio_bytes)}, {sums.audio_hours:.2f} h",
            f"{day.statement} final" if day.is_final else f"{day.statement or ''}",
            style="red" if day.gaps or day.gone else None,
        )
    return table
