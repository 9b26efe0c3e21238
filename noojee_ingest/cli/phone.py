"""What the verbs that talk to the phone system share: the way there, and how they tell what it answered."""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, NoReturn

import typer
from rich import box
from rich.table import Table

from noojee_ingest.cli.exits import TOLD, Exit
from noojee_ingest.cli.options import console, load_settings, one_site, plain, plain_lines, print_json, safe
from noojee_ingest.noojee import Answer, Done, Interrupted, Noojee
from noojee_ingest.pipeline.phone import open_phone
from noojee_ingest.settings import Settings, Site
from noojee_ingest.stopping import Stop, stop_on_signals

Template = Annotated[str, typer.Option("--template", help="The id of a campaign template.")]

MOST_SHOWN_RAW = 120
"""Characters of what could not be read that a person is shown."""


@dataclass(frozen=True, slots=True)
class Line:
    """The way to a site's phone system while a verb lasts."""

    noojee: Noojee
    settings: Settings
    site: Site
    stop: Stop


@contextmanager
def phone_line(
    config: Path | None, site: str | None, *, listening: bool = False, needs_budget: bool = True
) -> Iterator[Line]:
    """A client of the phone system that ``--config`` and ``--site`` mean.

    Ctrl-C and SIGTERM end what is under way, and the verb with their exit code; what could not be finished is told.
    ``listening``: for who waits for events and asks nothing else. ``needs_budget``: not for who controls a call, which
    must be possible also while the catalogue is down. For both see ``open_phone``.
    """
    settings = load_settings(config)
    slug = one_site(settings, site)

    def told(sentence: str) -> None:
        print(plain_lines(sentence), file=sys.stderr, flush=True)

    with stop_on_signals() as stop, nullcontext() if listening else _warnings_told_by_the_verb():
        how: dict[str, Any] = {"counted": not listening, "needs_budget": needs_budget, "told": told}
        try:
            with open_phone(settings, slug, stop=stop, **how) as noojee:
                yield Line(noojee, settings, settings.sites[slug], stop)
        except TOLD as error:
            if stop.exit_code is None:
                raise
            if not isinstance(error, Interrupted):
                print(f"noojee-ingest: {plain_lines(str(error))}", file=sys.stderr)
            raise typer.Exit(stop.exit_code) from None


@contextmanager
def _warnings_told_by_the_verb() -> Iterator[None]:
    log = logging.getLogger("noojee_ingest.noojee.session")
    before = log.level
    log.setLevel(logging.ERROR)
    try:
        yield
    finally:
        log.setLevel(before)


def print_done(done: Done, told: str, *, as_json: bool, **more: object) -> None:
    """What was done, in a sentence without its full stop, and what the phone system said to it."""
    if as_json:
        print_json({"code": done.code, "message": done.message, "warning": done.warning, **more})
    else:
        said = f"; the phone system says: {done.message}" if done.message and not done.warning else ""
        console().print(safe(f"{told}{said}."), soft_wrap=True)
    warn(done.warning)


def warn(warning: str) -> None:
    """Tell a warning of the phone system on standard error."""
    if warning:
        print(f"The phone system warns: {plain(warning)}", file=sys.stderr)


def print_answer(
    answer: Answer[Any], columns: Sequence[str], row: Callable[[Any], Mapping[str, object]], *, as_json: bool
) -> NoReturn:
    """A list that the phone system gave, and the end of the verb: 3 where some of it cannot be read.

    ``row`` gives an entry's members; ``columns`` says which of them a table has.
    """
    entries = [row(entry) for entry in answer.entries]
    if as_json:
        refused = [{"reason": one.reason, "raw": one.raw.text} for one in answer.refused]
        print_json({"entries": entries, "refused": refused, "warning": answer.warning, "at": answer.at})
    else:
        table = Table(box=box.SIMPLE_HEAD)
        for column in columns:
            table.add_column(column.replace("_", " "), justify="right" if column == "duration" else "left")
        for entry in entries:
            table.add_row(*(safe(_read(entry[column])) for column in columns))
        console().print(table)
        console().print(f"{len(entries):,} {'entry' if len(entries) == 1 else 'entries'}")
    warn(answer.warning)
    for one in answer.refused:
        print(f"Not readable, {plain(one.reason)}: {ascii(one.raw.text)[:MOST_SHOWN_RAW]}", file=sys.stderr)
    raise typer.Exit(Exit.GAPS if answer.refused else Exit.COMPLETE)


def _read(value: object) -> object:
    return f"{value:g}" if isinstance(value, float) else value
