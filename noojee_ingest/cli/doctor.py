"""``noojee-ingest doctor``"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import Annotated

import typer

from noojee_ingest.cli.options import Config, Json, SiteName, console, load_settings, one_site, print_json, safe
from noojee_ingest.noojee import Interrupted
from noojee_ingest.pipeline.doctor import Check, Examination, Result, Variant, examine
from noojee_ingest.stopping import stop_on_signals

STYLES = {Result.OK: "green", Result.WARNING: "yellow", Result.FAILED: "red", Result.SKIPPED: "dim"}
WIDTH = max(len(result) for result in Result)

WithStore = Annotated[
    bool, typer.Option("--store", help="Examine the store, the catalogue and the room on the disks as well.")
]


def doctor(site: SiteName = None, store: WithStore = False, as_json: Json = False, config: Config = None) -> None:
    """Phone system, and with --store the archive: find out what works, what does not, and what to configure.

    It changes nothing on the phone system, and asks one thing after the other; the by-hour list may wait a minute for
    its turn. What the phone system does in another way than configured is printed as TOML for the configuration.
    Exits with 1 when something needed does not work as configured, with 3 when it works with gaps or without proof.
    """
    settings = load_settings(config)
    slug = one_site(settings, site)

    def told(news: Check | str) -> None:
        if isinstance(news, str):
            print(f"{slug}: {news}", file=sys.stderr, flush=True)
        elif not as_json:
            _print_check(news)

    with stop_on_signals() as stop:
        try:
            found = examine(settings, slug, store=store, stop=stop, told=told)
        except Interrupted:
            if stop.exit_code is None:
                raise
            raise typer.Exit(stop.exit_code) from None
    if as_json:
        print_json({"summary": found.summary, "exit_code": found.exit_code, **vars(found)})
    else:
        _print_end(found)
    raise typer.Exit(found.exit_code)


def _print_check(check: Check) -> None:
    out = console()
    style = STYLES[check.result]
    out.print(f"[{style}]{check.result:{WIDTH}}[/]  {safe(check.name)}: {safe(check.told)}", soft_wrap=True)
    if check.hint and check.result is not Result.OK:
        out.print(f"{'':{WIDTH}}  {safe(check.hint)}", soft_wrap=True)


def _alike(variants: list[Variant]) -> Iterator[tuple[Variant, int]]:
    """The first of those that got the same answer, and how many others did."""
    groups: dict[tuple[str, str], list[Variant]] = {}
    for one in variants:
        groups.setdefault((one.what, one.told), []).append(one)
    return ((alike[0], len(alike) - 1) for alike in groups.values())


def _print_end(found: Examination) -> None:
    out = console()
    if found.variants:
        out.print("\nWays that were tried:")
        for one, more in _alike(found.variants):
            mark = "[green]yes[/]" if one.is_right else "no "
            others = f" ({more} more alike)" if more else ""
            out.print(f"  {mark}  {safe(one.what)}: {safe(one.request)}: {safe(one.told)}{others}", soft_wrap=True)
    if found.toml:
        out.print("\nPut this into the configuration, and ask again:\n")
        print(found.toml)
    out.print()
    ends = (
        (found.will, "This will work:"),
        (found.will_not, "This will not:"),
        (found.unproven, "Not proven:"),
    )
    for sentences, heading in ends:
        if sentences:
            out.print(heading)
            for sentence in sentences:
                out.print(f"  {safe(sentence)}", soft_wrap=True)
    out.print(f"\n{found.site}: {safe(found.summary)} {found.requests} requests were made.", soft_wrap=True)
