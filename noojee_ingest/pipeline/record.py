"""Record: events become segments in the store, and only then rows in the catalogue."""

from __future__ import annotations

import time
from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

from noojee_ingest.catalogue.apply import apply
from noojee_ingest.catalogue.database import Catalogue
from noojee_ingest.catalogue.runs import open_segment
from noojee_ingest.journal.events import Event
from noojee_ingest.journal.segment import put, segments
from noojee_ingest.pipeline.progress import Tally
from noojee_ingest.storage.root import Root


class WithArchive(Protocol):
    """A store, or as much of it as holds the journal."""

    @property
    def archive(self) -> Root: ...


class Writer(Protocol):
    """Who writes to the journal of one site: a run, the desk at which a person decides, who gives audio out."""

    @property
    def site(self) -> str: ...

    @property
    def actor(self) -> str: ...

    @property
    def store(self) -> WithArchive: ...

    @property
    def catalogue(self) -> Catalogue: ...

    @property
    def tally(self) -> Tally: ...

    def clock(self) -> datetime: ...


def record(work: Writer, events: Sequence[Event]) -> None:
    """Write events to the journal and apply them, in their order, a segment at a time.

    What the events name must be in the store already; ``sync`` makes it durable before the segment that names it. The
    segment's key is announced in the catalogue first, so that the next run finds it should this one die in between.
    Raises StorageError, CatalogueError: then the segments so far are in force and the rest is not.
    """
    if not events:
        return
    began = time.monotonic()
    work.store.archive.sync()
    for segment in segments(work.site, events, work.clock()):
        open_segment(work.catalogue, segment.key)
        put(work.store.archive, segment)
        work.store.archive.sync()
        apply(work.catalogue, segment)
    work.tally.add(events=len(events), seconds_recording=time.monotonic() - began)
