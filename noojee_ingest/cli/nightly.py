"""``noojee-ingest nightly``"""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated, Any

import typer

from noojee_ingest.cli.completeness import print_next, print_report
from noojee_ingest.cli.flow_run import run_flow
from noojee_ingest.cli.options import Config, Json, SiteName, console, load_settings, one_site, print_json, read_day
from noojee_ingest.pipeline.completeness import GAP_STATES
from noojee_ingest.pipeline.report import NightReport, rows

Day = Annotated[
    str | None,
    typer.Option("--day", help="The day in site time (2026-03-10); without it yesterday and what is still open."),
]
NoDeadline = Annotated[bool, typer.Option("--no-deadline", help="Work on when nightly.deadline has passed.")]


def nightly(
    site: SiteName = None,
    day: Day = None,
    no_deadline: NoDeadline = False,
    as_json: Json = False,
    config: Config = None,
) -> None:
    """Archive and phone system: archive a night, that is list, fetch, check, store and reconcile, and say how complete.

    Run it once a night, or as often as you like: what is archived is not fetched again, and a run that was cut short is
    taken up where it stopped. It asks the phone system for its templates, their call record lists, the by-hour list,
    meta data of calls whose legs are unknown, and audio.
    """
    settings = load_settings(config)
    slug = one_site(settings, site)
    wanted = read_day(day) if day is not None else None

    def flow() -> Any:
        from flows.nightly import nightly as nightly_flow  # noqa: PLC0415  Prefect reads its settings on import

        return nightly_flow(site=slug, day=wanted, config=config, no_deadline=no_deadline, return_state=True)

    report, stop = run_flow(settings, flow)
    code = stop.exit_code if report.interrupted and stop.exit_code else report.exit_code
    if as_json:
        print_json({**as_document(report), "exit_code": code})
    else:
        print_report(report, console())
        print_next(report, config, console())
    raise typer.Exit(code)


def as_document(report: NightReport) -> dict[str, Any]:
    """The report as its JSON document (docs/cli.md)."""
    return {
        "site": report.site,
        "zone": report.zone,
        "day": report.main_day,
        "summary": report.summary,
        "interrupted": report.interrupted,
        "nothing_needed": report.nothing_needed,
        "days": [
            {
                "day": day.day,
                "rows": rows(day),
                "overdue": day.overdue,
                "unlisted_hours": day.unlisted_hours,
                "clocks": day.clocks,
                "findings": day.findings,
                "explanations": day.explanations,
                "gaps": [asdict(gap) for gap in day.gaps],
                "gaps_left_out": sum(day.total.states[state.value] for state in GAP_STATES) - len(day.gaps),
            }
            for day in report.days
        ],
        "unfinished": report.unfinished,
        "problems": report.problems,
        "recovery": {name: value for name, value in asdict(report.recovery).items() if name != "problems"},
        "published": asdict(report.published),
        "work": {**asdict(report.bounds), "what_bound": report.bounds.what_bound},
    }
