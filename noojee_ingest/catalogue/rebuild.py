"""A new catalogue from the store alone."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing, suppress
from typing import TYPE_CHECKING

from noojee_ingest.catalogue.apply import apply_within
from noojee_ingest.catalogue.database import Catalogue
from noojee_ingest.catalogue.errors import (
    BUSY_SECONDS,
    OF_SOMETHING_ELSE,
    CatalogueError,
    CatalogueLocked,
    CatalogueUnavailable,
)
from noojee_ingest.catalogue.location import SCHEMA, Hold, Location, locate
from noojee_ingest.catalogue.runs import living_runs
from noojee_ingest.catalogue.tables import RevisionRow, SegmentRow
from noojee_ingest.journal import segment
from noojee_ingest.journal.errors import SegmentsGone
from noojee_ingest.journal.segment import Segment

if TYPE_CHECKING:
    from noojee_ingest.storage.root import Root

REBUILDING = "rebuilding the catalogue"
AT_ONCE = 10_000
"""About so many events are applied together: a leg that several of their segments name is computed once."""
PATIENCE_SECONDS = 86_400.0
"""So long a finished catalogue waits for those who have the old one open: a night's run ends within it."""

Told = Callable[[str], None]


def rebuild(
    root: Root,
    url: str,
    *,
    schema: str = SCHEMA,
    progress: Callable[[int], None] = lambda _: None,
    waiting: Told = lambda _: None,
) -> int:
    """Fold every segment below ``root`` (the archive) into a new catalogue, then put it in the place of the old one.

    The old catalogue can be read until the last moment, whatever its state, and stays when anything fails.
    ``url`` and ``schema`` as for Catalogue.open; ``progress`` is called with the number of segments applied so far,
    ``waiting`` with those who have the old catalogue open when the new one is whole. Gives the number of segments.
    Raises CatalogueLocked while a run or another program has the catalogue open (who opens it later is waited for, for
    a day), CatalogueUnavailable where the place holds a database of something else, JournalError for a damaged segment
    or where the store lacks segments that the old catalogue knows (the wrong store, or not mounted), StorageError,
    CatalogueError.
    """
    location: Location = locate(url, schema)
    beside = location.beside()
    try:
        with location.explained(REBUILDING), closing(location.hold()) as hold:
            if not (hold.alone(seconds=1.0) and hold.together(seconds=1.0)):
                raise _locked(location)
            if (there := location.tables_there()) and RevisionRow.__tablename__ not in there:
                raise CatalogueUnavailable(REBUILDING, OF_SOMETHING_ELSE, "Check [catalogue] url.")
            beside.remove()
            try:
                with closing(Catalogue.unfinished(beside)) as catalogue:
                    applied = _fold(root, catalogue, lambda: _wait(hold, location, waiting), progress)
                if gone := location.segments_known(SegmentRow.__tablename__) - applied:
                    raise SegmentsGone(len(gone), min(gone))
                location.give_way_to(beside)
            finally:
                beside.remove()
    except OSError as error:
        raise CatalogueUnavailable(REBUILDING, str(error), "Check that its disk has room and is writable.") from error
    return len(applied)


def _fold(root: Root, catalogue: Catalogue, keep_out: Callable[[], None], progress: Callable[[int], None]) -> set[str]:
    """Everything that is in the journal once ``keep_out`` has seen to it that nobody adds to it."""
    applied: set[str] = set()

    def catch_up() -> None:
        for segments in _batches(root, (key for key in segment.keys(root) if key not in applied)):
            with catalogue.write(REBUILDING) as connection:
                apply_within(connection, segments)
            applied.update(one.key for one in segments)
            progress(len(applied))

    catch_up()
    catalogue.finish()
    keep_out()
    catch_up()
    return applied


def _wait(hold: Hold, location: Location, waiting: Told) -> None:
    """Until the catalogue is held alone."""
    until = time.monotonic() + PATIENCE_SECONDS
    while not hold.alone(seconds=BUSY_SECONDS):
        if time.monotonic() >= until:
            raise _locked(location)
        waiting(_users(location))


def _batches(root: Root, keys: Iterable[str]) -> Iterator[list[Segment]]:
    batch: list[Segment] = []
    for key in keys:
        batch.append(segment.read(root, key))
        if sum(len(one.events) for one in batch) >= AT_ONCE:
            yield batch
            batch = []
    if batch:
        yield batch


def _locked(location: Location) -> CatalogueLocked:
    return CatalogueLocked(REBUILDING, f"in use by {_users(location)}", "Wait for it to end, or end it.")


def _users(location: Location) -> str:
    """The runs that are alive, as far as the catalogue can tell."""
    alive = []
    with suppress(CatalogueError), closing(Catalogue(location)) as catalogue:
        alive = living_runs(catalogue)
    names = ", ".join(f"{run['flow']} of {run['site']} (process {run['pid']})" for run in alive)
    return names or "another program"
