"""``noojee-ingest poll``"""

from __future__ import annotations

from typing import Any

import typer

from noojee_ingest.cli.flow_run import run_flow
from noojee_ingest.cli.options import Config, Json, SiteName, load_settings, one_site, print_json


def poll(site: SiteName = None, as_json: Json = False, config: Config = None) -> None:
    """Archive and phone system: ask the call record lists and journal what is new.

    They hold only what is recent: run this every few hours, or calls between two nights may never be heard of.
    """
    settings = load_settings(config)
    slug = one_site(settings, site)

    def flow() -> Any:
        from flows.poll_call_records import poll_call_records  # noqa: PLC0415  Prefect reads its settings on import

        return poll_call_records(site=slug, config=config, return_state=True)

    report, stop = run_flow(settings, flow)
    code = stop.exit_code if report.interrupted and stop.exit_code else report.exit_code
    if as_json:
        print_json({"summary": report.summary, **vars(report), "exit_code": code})
    else:
        typer.echo(f"{slug}: {report.summary}")
    raise typer.Exit(code)
