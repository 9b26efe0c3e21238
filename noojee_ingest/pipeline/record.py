"""Record: events become segments in the store, and only then rows in the catalogue."""

from __future__ import annotations

import time
from collections.abc import Sequence

from noojee_ingest.catalogue.apply import apply
from noojee_ingest.catalogue.runs import open_segment
from noojee_ingest.journal.events import Event
from noojee_ingest.journal.segment import put, segments
from noojee_ingest.pipeline.work import Work


def record(work: Work, events: Sequence[Event]) -> None:
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
