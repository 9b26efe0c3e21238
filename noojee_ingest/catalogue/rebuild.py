"""A new catalogue from the store alone."""

from __future__ import annotations

import gc
import time
from collections.abc import Callable, Iterable, Iterator, Set
from concurrent.futures import FIRST_COMPLETED, Future, wait
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, replace
from itertools import chain, islice
from typing import TYPE_CHECKING

from noojee_ingest.catalogue.anew import FoldedBatch, object_id
from noojee_ingest.catalogue.apply import SEGMENT, apply_within, settle
from noojee_ingest.catalogue.cores import usable_cores
from noojee_ingest.catalogue.database import Catalogue
from noojee_ingest.catalogue.dirty import mark_every_day
from noojee_ingest.catalogue.errors import (
    BUSY_SECONDS,
    OF_SOMETHING_ELSE,
    CatalogueError,
    CatalogueLocked,
    CatalogueUnavailable,
)
from noojee_ingest.catalogue.location import SCHEMA, Hold, Location, locate
from noojee_ingest.catalogue.rows import upsert
from noojee_ingest.catalogue.runs import living_runs
from noojee_ingest.catalogue.tables import RevisionRow, SegmentRow
from noojee_ingest.catalogue.workers import Workers
from noojee_ingest.journal import segment
from noojee_ingest.journal.errors import SegmentsGone
from noojee_ingest.journal.events import Event

if TYPE_CHECKING:
    from noojee_ingest.storage.root import Listed, Root

REBUILDING = "rebuilding the catalogue"
AT_ONCE = 256 * 1024
"""About so many bytes of segments are folded together, some 1,500 legs, but always whole days: what is said of a leg, a
call and its legs, mostly stands in one day."""
MOST_AT_ONCE = 8 * 1024 * 1024
"""But for days that have more: those are cut, and what is said of one leg in two cuts costs more."""
WORTH_WORKERS = 1024 * 1024
"""From so many bytes on other processes help: to start them takes a second."""
MOST_WORKERS = 8
"""More would wait for this process, which saves what they fold."""
PATIENCE_SECONDS = 86_400.0
"""So long a finished catalogue waits for those who have the old one open: a night's run ends within it."""

Told = Callable[[str], None]
Done = Callable[[Iterable[str]], None]
"""Told of the keys of segments once all that is in them is in the catalogue."""


@dataclass(frozen=True, slots=True)
class Part:
    """A batch: the keys of its segments, and the objects that are left out because others told of them before."""

    keys: list[str]
    left_out: frozenset[str]


def rebuild(
    root: Root,
    url: str,
    *,
    schema: str = SCHEMA,
    progress: Callable[[int], None] = lambda _: None,
    waiting: Told = lambda _: None,
) -> int:
    """Fold every segment below ``root`` (the archive) into a new catalogue, then put it in the place of the old one.

    Other processes help where there is much to do: one for each core that this one may use, at most eight, and no more
    than there are batches. What is in memory follows their number and the largest day, and but for the keys of the
    segments not the archive's size: some 230 MiB here and 140 for each helper with 2,000 legs a day (seen: 517 MiB in
    all with two, 1,350 with eight), 410 and 300 MiB with 12,000.

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

    def done(keys: Iterable[str]) -> None:
        applied.update(keys)
        progress(len(applied))

    with _uncollected():
        left = _fold_apart(root, catalogue, done)
    catalogue.index_for_applying()
    with catalogue.write(REBUILDING) as connection:
        settle(connection)
        mark_every_day(connection)
    for part in left:
        told = [segment.read(root, key) for key in part.keys]
        with catalogue.write(REBUILDING) as connection:
            apply_within(connection, [replace(one, events=_about(one.events, part.left_out)) for one in told])
        done(part.keys)
    catalogue.finish()
    keep_out()
    for batch in _batches(one for one in segment.listed(root) if one.key not in applied):
        keys = [one.key for one in batch]
        with catalogue.write(REBUILDING) as connection:
            apply_within(connection, [segment.read(root, key) for key in keys])
        done(keys)
    return applied


def _fold_apart(root: Root, catalogue: Catalogue, done: Done) -> list[Part]:
    """Fold batches, in other processes where that is worth it. Gives what is left to be applied."""
    batches = _batches(segment.listed(root))
    most = min(usable_cores(), MOST_WORKERS)
    first: list[list[Listed]] = []
    size = 0
    while (size < WORTH_WORKERS or len(first) < most) and (batch := next(batches, None)):
        first.append(batch)
        size += sum(one.size for one in batch)
    number = min(most, len(first)) if size >= WORTH_WORKERS else 0
    with Workers(number, catalogue.engine.dialect) as workers:
        folding = _Folding(root, catalogue, workers, done)
        folding.run(chain(first, batches))
    return folding.left


class _Folding:
    """Batches on their way: each is folded by itself and saved, as far as it tells of objects that no other told of.

    Which those are is known only when it comes to be saved: then it is folded again, and they are left out. What it
    tells of them is ``left`` to be applied.
    """

    def __init__(self, root: Root, catalogue: Catalogue, workers: Workers, done: Done) -> None:
        self.left: list[Part] = []
        self._root = root
        self._catalogue = catalogue
        self._workers = workers
        self._done = done
        self._folded: dict[Future[FoldedBatch], Part] = {}
        """What each will be the answer to."""

    def run(self, batches: Iterator[list[Listed]]) -> None:
        while True:
            for batch in islice(batches, self._workers.ahead - len(self._folded)):
                self._fold(Part([one.key for one in batch], frozenset()))
            if not self._folded:
                return
            for future in wait(self._folded, return_when=FIRST_COMPLETED).done:
                self._save(self._folded.pop(future), future.result())

    def _fold(self, part: Part) -> None:
        self._folded[self._workers.fold(lambda: _objects(self._root, part.keys), part.left_out)] = part

    def _save(self, part: Part, batch: FoldedBatch) -> None:
        with self._catalogue.write(REBUILDING) as connection:
            known = batch.known(connection)
            if not known:
                batch.save(connection)
                if not part.left_out:
                    upsert(connection, SEGMENT, [{"key": key} for key in part.keys])
        if known:
            self._fold(replace(part, left_out=part.left_out | known))
        elif part.left_out:
            self.left.append(part)
        else:
            self._done(part.keys)


@contextmanager
def _uncollected() -> Iterator[None]:
    """Rows by the million hold no circles: to look for some costs a tenth of it all."""
    collected = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if collected:
            gc.enable()


def _objects(root: Root, keys: Iterable[str]) -> list[tuple[str, bytes]]:
    objects = []
    for key in keys:
        with root.open(key) as source:
            objects.append((key, source.read()))
    return objects


def _about(events: Iterable[Event], objects: Set[str]) -> tuple[Event, ...]:
    return tuple(event for event in events if object_id(event) in objects)


def _wait(hold: Hold, location: Location, waiting: Told) -> None:
    """Until the catalogue is held alone."""
    until = time.monotonic() + PATIENCE_SECONDS
    while not hold.alone(seconds=BUSY_SECONDS):
        if time.monotonic() >= until:
            raise _locked(location)
        waiting(_users(location))


def _batches(listed: Iterable[Listed]) -> Iterator[list[Listed]]:
    """Whole days together, as far as ``MOST_AT_ONCE`` allows."""
    batch: list[Listed] = []
    size, day = 0, ""
    for one in listed:
        its_day = one.key.rpartition("/")[0]
        if batch and (size >= MOST_AT_ONCE or (size >= AT_ONCE and its_day != day)):
            yield batch
            batch, size = [], 0
        batch.append(one)
        size, day = size + one.size, its_day
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
