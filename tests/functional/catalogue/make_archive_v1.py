"""Made the folder ``archive_v1`` once, by version 1 of the journal's format. It stays as it is for ever.

``archive/journal`` is the journal of a small store, ``facts.json`` what the catalogue held that was folded from it.
Every later version must fold the same facts from it (test_archive_v1). Never run this again over what is there: it
would only prove that today's code agrees with itself. For a new version of the format make ``archive_v2`` beside it.
"""

from __future__ import annotations

import gzip
import json
import sys
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

from noojee_ingest.catalogue.database import Catalogue
from noojee_ingest.catalogue.rebuild import rebuild
from noojee_ingest.journal.events import Event, Outcome, Verdict
from noojee_ingest.journal.lines import write_line
from noojee_ingest.model import View
from noojee_ingest.storage.folder import open_folder_store
from tests.functional.catalogue.dump import dump
from tests.unit.journal.story import (
    DAY,
    answered,
    at,
    call_changed,
    call_seen,
    everything,
    leg_appraised,
    leg_changed,
    leg_seen,
    not_stored,
    refused,
    stored,
)

FOLDER = Path(__file__).parent / "archive_v1"
CLOSED = {"enc": "aes-256-gcm", "key": "k7", "data": "3q2+7wAAAAAA"}
ODD = 'ümläut 🎧 "quoted" \\u0000 \\ud800 \t\n\'; DROP TABLE leg; -- %s %(x)s'
"""NUL and lone surrogates stand in the journal as six characters."""
DERIVED = ("leg_search", "leg_term")
"""Tables that serve searching, and hold no facts."""


def odd() -> list[Event]:
    """Texts and numbers that a database may stumble over."""
    return [
        leg_seen(50, tag=ODD, username=ODD, raw=json.dumps({"Tag": ODD}), call_record_id="\\u0000", unique_id=ODD),
        leg_seen(51, tag="", username="", hour=None, start=None, start_text="the 5th", start_mark=None, duration=1e-9),
        leg_seen(52, duration=1e300, start=at(0).replace(year=1970, microsecond=1), end=at(0).replace(year=9999)),
        call_seen(50, fields={ODD: ODD, "": "", "a": "b"}, disposition=ODD, called=None),
        answered("odd", view=View.BY_UNIQUE_ID, entries=2**40, question=ODD),
        stored(52, "large", content_size=2**41, stored_size=2**41, seconds=123456.789),
        refused(ODD, reason=ODD),
        leg_appraised(51, Verdict.EXCUSE, reason=ODD, name=ODD, cause=ODD),
    ]


def closed() -> list[Event]:
    """Legs and a call whose personal members cannot be opened any more."""
    return [
        leg_seen(60),
        leg_changed(60, "B", time=at(3)),
        stored(60, "sixty"),
        leg_seen(61),
        not_stored(61, Outcome.REJECTED),
        leg_appraised(61, Verdict.EXCUSE, time=at(99)),
        call_seen(30),
        call_changed(30, "B", time=at(3)),
        refused("closed"),
    ]


def segments() -> Iterator[tuple[str, list[str]]]:
    """Each segment's key and lines: a site and day, told in two halves of which the second repeats an event."""
    days: dict[str, list[Event]] = {}
    for event in everything() + odd():
        days.setdefault(f"journal/site={event.site}/day={event.day}", []).append(event)
    for number, (folder, events) in enumerate(days.items()):
        half = len(events) // 2
        for part, some in enumerate((events[: half + 1], events[half:])):
            key = f"{folder}/20260312T00000{part}Z-{number}{part}.jsonl.gz"
            yield key, [write_line(event) for event in some]
    lines = [json.loads(write_line(replace(event, event_id=f"c105ed{event.event_id[6:]}"))) for event in closed()]
    texts = [json.dumps(line | ({"personal": CLOSED} if "personal" in line else {})) for line in lines]
    yield f"journal/site=acme/day={DAY}/20260313T000000Z-9.jsonl.gz", texts


def main() -> None:
    if FOLDER.exists():
        sys.exit(f"{FOLDER} is there: it is what later versions are measured by")
    for key, lines in segments():
        path = FOLDER / "archive" / key
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(gzip.compress("".join(f"{line}\n" for line in lines).encode(), mtime=0))
    with TemporaryDirectory() as scratch:
        url = f"sqlite:///{scratch}/catalogue.db"
        rebuild(open_folder_store(FOLDER, reading=True).archive, url)
        with closing(Catalogue.open(url)) as catalogue:
            found = json.loads(dump(catalogue))
    facts = {name: _table(rows) for name, rows in found.items() if name not in DERIVED}
    (FOLDER / "facts.json").write_text(
        "{\n" + ",\n".join(f"{json.dumps(name)}: {facts[name]}" for name in facts) + "\n}\n"
    )


def _table(rows: list[dict[str, object]]) -> str:
    """The names of the columns once, then a line for each row."""
    lines = [list(rows[0]), *(list(row.values()) for row in rows)]
    return "[\n" + ",\n".join(json.dumps(line, ensure_ascii=False, separators=(",", ":")) for line in lines) + "\n]"


if __name__ == "__main__":
    main()
