"""A day's statement as its text: the leaves of its tree, and the seal by which the next one names it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from dataclasses import replace
from datetime import date

from noojee_ingest.journal.events import DayStated
from noojee_ingest.journal.lines import write_line
from noojee_ingest.journal.tree import tree_root

Leaf = tuple[str, str]
"""A leg's id and the SHA-256 (hex) of audio of it."""


def site_day(site: str, day: date) -> str:
    """How a statement names what it is about."""
    return f"site={site}/day={day.isoformat()}"


def audio_root(leaves: Iterable[Leaf]) -> str:
    """The root of the tree over the sorted lines ``leg_id TAB sha256 LF``."""
    return tree_root(sorted(f"{leg_id}\t{digest}\n".encode() for leg_id, digest in leaves))


def sealed(statement: DayStated) -> DayStated:
    """The statement with its seal: SHA-256 of its line's canonical text without the member ``seal``.

    Whoever reads it later takes the seal from the line, so that members which a later version adds change none.
    """
    line = json.loads(write_line(statement))
    del line["seal"]
    text = json.dumps(line, sort_keys=True, separators=(",", ":"))
    return replace(statement, seal=hashlib.sha256(text.encode()).hexdigest())
