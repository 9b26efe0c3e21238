"""Progress on long work, on standard error: a line that moves in a terminal, else a line now and then."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console

from noojee_ingest.cli.options import bytes_text
from noojee_ingest.pipeline.progress import Tally

LINE_SECONDS = 5.0  # between two lines where there is no terminal
MOVE_SECONDS = 0.2


def told(tally: Tally) -> str:
    """A tally in one line."""
    parts = [tally.stage]
    if tally.hours_due:
        parts.append(f"hours listed {tally.hours_listed} of {tally.hours_due}")
    if tally.calls_due:
        parts.append(f"calls asked about {tally.calls_asked} of {tally.calls_due}")
    if tally.legs_found:
        parts.append(f"legs {tally.legs_done:,} of {tally.legs_found:,}")
    if tally.fetched_bytes:
        parts.append(f"{bytes_text(tally.fetched_bytes)} fetched")
    return " · ".join(parts)


@contextmanager
def shown(what: Callable[[], str]) -> Iterator[None]:
    """Show what ``what`` says for as long as the block runs."""
    over = threading.Event()
    show = _moving if sys.stderr.isatty() else _lines
    thread = threading.Thread(target=show, args=(what, over), name="progress", daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def _moving(what: Callable[[], str], over: threading.Event) -> None:
    console = Console(stderr=True, highlight=False)
    with console.status(what()) as status:
        while not over.wait(MOVE_SECONDS):
            status.update(what())


def _lines(what: Callable[[], str], over: threading.Event) -> None:
    last = ""
    while not over.wait(LINE_SECONDS if last else MOVE_SECONDS):
        line = what()
        if line != last:
            print(line, file=sys.stderr, flush=True)
            last = line
