"""``noojee-ingest repair``"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Annotated

import typer
from rich import box
from rich.table import Table

from noojee_ingest.catalogue.terms import BadSearch
from noojee_ingest.cli.deciding import By, Reason
from noojee_ingest.cli.options import Config, Json, SiteName, console, load_settings, one_site, print_json, safe
from noojee_ingest.cli.verify import Day, Since, Until, selected
from noojee_ingest.pipeline.accountable import accountable
from noojee_ingest.pipeline.repair import REPAIR, Decider, Repaired, repairable
from noojee_ingest.pipeline.repair import repair as repair_site
from noojee_ingest.pipeline.work import open_work
from noojee_ingest.stopping import stop_on_signals

DryRun = Annotated[bool, typer.Option("--dry-run", help="Only show the findings, and what would be tried.")]


def repair(
    *,
    site: SiteName = None,
    day: Day = None,
    since: Since = None,
    until: Until = None,
    reason: Reason = None,
    by: By = None,
    dry_run: DryRun = False,
    as_json: Json = False,
    config: Config = None,
) -> None:
    """Archive and phone system: mend what `verify` and the nights found of objects, and say what cannot be mended.

    What is gone is put back with the bytes that were archived; what is damaged is first withdrawn, which is a decision:
    it needs --reason and --by. Exits with 4 when anything is left.
    """
    selection = selected(day, since, until)
    try:
        given = accountable("to withdraw what is damaged", reason=reason or "", name=by or "") if reason or by else None
    except BadSearch as error:
        raise typer.BadParameter(str(error)) from None
    decider = Decider(*given) if given is not None else None
    settings = load_settings(config)
    slug = one_site(settings, site)
    done: list[Repaired] = []
    with stop_on_signals() as stop, open_work(settings, slug, actor=REPAIR, stop=stop, small=True) as work:
        if dry_run:
            done = repairable(work, selection.first, selection.last)
        else:
            for one in repair_site(work, selection.first, selection.last, decider):
                done.append(one)
                if not as_json:
                    print(f"{'mended' if one.mended else 'not mended'}: {one.name}", flush=True)
    left = [one for one in done if not one.mended]
    code = stop.exit_code or (4 if left else 0)
    if as_json:
        print_json({"site": slug, "dry_run": dry_run, "findings": [asdict(one) for one in done], "exit_code": code})
    else:
        _print(done, dry_run=dry_run)
    raise typer.Exit(code)


def _print(done: Sequence[Repaired], *, dry_run: bool) -> None:
    if not done:
        print("Nothing is found that could be mended. `noojee-ingest verify` looks.")
        return
    table = Table(box=box.SIMPLE_HEAD)
    for name in ("what", "name", "mended", "would be tried" if dry_run else "how, or what is to be done"):
        table.add_column(name, no_wrap=name == "name", overflow="fold")
    for one in done:
        table.add_row(one.kind, one.name, "yes" if one.mended else "no", safe(one.words))
    console().print(table)
