"""One journal folded into SQLite and into PostgreSQL: the same dump, byte by byte, in the order of the keys."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, closing
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

from hypothesis import given, settings
from hypothesis import strategies as st

from noojee_ingest.catalogue.apply import apply
from noojee_ingest.catalogue.copying import COPIED_FROM
from noojee_ingest.catalogue.database import Catalogue
from noojee_ingest.catalogue.rebuild import rebuild
from noojee_ingest.journal.events import AudioStored, Event
from noojee_ingest.journal.segment import Segment
from noojee_ingest.storage.folder import open_folder_store
from tests.functional.catalogue.dump import dump
from tests.functional.catalogue.make_archive_v1 import FOLDER, ODD
from tests.unit.journal.story import at, everything, leg_changed, leg_seen
from tests.unit.journal.strategies import events

Emptied = Callable[[], AbstractContextManager[Catalogue]]
Opened = Callable[..., Catalogue]
ODD_KEYS = ["a", "B", "_", "-", "ä", "z", "Z", "🎧", "\uffff", "a b", "A-b", ODD, "\\u0000", "'", '"', "%", ""]


def on_sqlite(folder: str, *segments: Segment) -> str:
    with closing(Catalogue.open(f"sqlite:///{folder}/catalogue.db")) as catalogue:
        for segment in segments:
            apply(catalogue, segment)
        return dump(catalogue)


def on_postgresql(catalogue: Catalogue, *segments: Segment) -> str:
    for segment in segments:
        apply(catalogue, segment)
    return dump(catalogue)


def test_the_small_archive(address: dict[str, str], opened: Opened, tmp_path: Path) -> None:
    archive = open_folder_store(FOLDER, reading=True).archive
    rebuild(archive, **address)
    rebuild(archive, f"sqlite:///{tmp_path}/catalogue.db")
    assert dump(opened()) == on_sqlite(str(tmp_path))


def test_many_rows_and_keys_that_sort_differently_in_other_collations(catalogue: Catalogue, tmp_path: Path) -> None:
    """So many that they are copied; and with what COPY, JSON and SQL give a meaning to, and a zero below zero."""
    odd = [leg_seen(100 + n, leg_id=text, tag=text, unique_id=text, site="acme") for n, text in enumerate(ODD_KEYS)]
    odd += [
        leg_seen(200 + n, leg_id=f"{text}\\N\t{n}", tag="\\N", call_record_id="\\.") for n, text in enumerate(ODD_KEYS)
    ]
    odd.append(leg_seen(99, duration=-0.0))
    story = Segment("journal/story", (*everything(), *odd, *(leg_seen(number) for number in range(300, 500))))
    assert on_postgresql(catalogue, story) == on_sqlite(str(tmp_path), story)


def test_rows_that_are_copied_again_and_others_after_them(catalogue: Catalogue, tmp_path: Path) -> None:
    first = Segment("journal/a", tuple(leg_seen(number) for number in range(COPIED_FROM)))
    again = Segment("journal/b", tuple(leg_changed(number, "B", time=at(1)) for number in range(COPIED_FROM)))
    others = Segment("journal/c", tuple(leg_seen(number + 500) for number in range(COPIED_FROM)))
    assert on_postgresql(catalogue, first, again, others) == on_sqlite(str(tmp_path), first, again, others)


def bounded(event: Event) -> Event:
    """Sums of a day must fit."""
    if isinstance(event, AudioStored):
        return replace(event, content_size=abs(event.content_size) % 2**50, seconds=abs(event.seconds) % 1e6)
    return event


@settings(max_examples=20)
@given(st.lists(st.tuples(events.map(bounded), st.uuids()), min_size=1, max_size=10), st.integers(0, 10))
def test_any_events(emptied: Emptied, told: list[tuple[Event, object]], cut: int) -> None:
    own = [replace(event, event_id=str(number)) for event, number in told]
    segments = [Segment(f"journal/{name}", tuple(part)) for name, part in (("a", own[:cut]), ("b", own[cut:]))]
    with emptied() as catalogue, TemporaryDirectory() as folder:
        assert on_postgresql(catalogue, *segments) == on_sqlite(folder, *segments)
