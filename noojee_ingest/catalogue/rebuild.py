"""A new catalogue from the store alone."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import closing, suppress
from typing import TYPE_CHECKING

from noojee_ingest.catalogue.apply import apply_within
from noojee_ingest.catalogue.database import Catalogue
from noojee_ingest.catalogue.errors import BUSY_SECONDS, CatalogueError, CatalogueLocked, CatalogueUnavailable
from noojee_ingest.catalogue.location import SCHEMA, Hold, Location, locate
from noojee_ingest.catalogue.runs import living_runs
from noojee_ingest.catalogue.tables import SegmentRow
from noojee_ingest.journal import segment
from noojee_ingest.journal.errors import SegmentsGone
from noojee_ingest.journal.segment import Segment

if TYPE_CHECKING:
    from noojee_ingest.storage.root import Root

REBUILDING = "rebuilding the catalogue"
AT_ONCE = 10_000
"""About so many events are applied together: a leg that several of their segments name is computed once."""


def rebuild(root: Root, url: str, *, schema: str = SCHEMA, progress: Callable[[int], None] = lambda _: None) -> int:
    """Fold every segment below ``root`` (the archive) into a new catalogue, then put it in the place of the old one.

    The old catalogue can be read until the last moment, whatever its state, and stays when anything fails.
    ``url`` and ``schema`` as for Catalogue.open; ``progress`` is called with the number of segments applied so far.
    Gives that number at the end. Raises CatalogueLocked while a run or another program has the catalogue open,
    JournalError for a damaged segment or where the store lacks segments that the old catalogue knows (the wrong store,
    or not mounted), StorageError, CatalogueError.
    """
    location: Location = locate(url, schema)
    beside = location.beside()
    try:
        with location.explained(REBUILDING), closing(location.hold()) as hold:
            if not (hold.alone(seconds=1.0) and hold.together(seconds=1.0)):
                raise _locked(location)
            beside.remove()
            try:
                applied = _fold(root, beside, hold, location, progress)
                if gone := location.segments_known(SegmentRow.__tablename__) - applied:
                    raise SegmentsGone(len(gone), min(gone))
                location.give_way_to(beside)
            finally:
                beside.remove()
    except OSError as error:
        raise CatalogueUnavailable(REBUILDING, str(error), "Check that its disk has room and is writable.") from error
    return len(applied)


def _fold(root: Root, beside: Location, hold: Hold, location: Location, progress: Callable[[int], None]) -> set[str]:
    """Everything that is in the journal once nobody can add to it; then the catalogue is held alone."""
    applied: set[str] = set()

    def catch_up() -> None:
        for segments in _batches(root, (key for key in segment.keys(root) if key not in applied)):
            with catalogue.write(REBUILDING) as connection:
                apply_within(connection, segments)
            applied.update(one.key for one in segments)
            progress(len(applied))

    with closing(Catalogue.unfinished(beside)) as catalogue:
        catch_up()
        catalogue.finish()
        if not hold.alone(seconds=BUSY_SECONDS):
            raise _locked(location)
        catch_up()
    return applied


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
    """Names the runs that are alive, as far as the catalogue can tell."""
    alive = []
    with suppress(CatalogueError), closing(Catalogue(location)) as catalogue:
        alive = living_runs(catalogue)
    names = ", ".join(f"{run['flow']} of {run['site']} (process {run['pid']})" for run in alive)
    return CatalogueLocked(REBUILDING, f"in use by {names or 'another program'}", "Wait for it to end, or end it.")
