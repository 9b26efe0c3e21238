"""The story as a journal in a store."""

from __future__ import annotations

import random
from pathlib import Path

from noojee_ingest.catalogue.apply import apply
from noojee_ingest.catalogue.database import Catalogue
from noojee_ingest.journal import segment
from noojee_ingest.journal.events import Event
from noojee_ingest.journal.segment import Segment, put
from noojee_ingest.storage.root import Root
from tests.unit.journal.story import at, everything


def write_story(root: Root, into: int = 12) -> list[Segment]:
    """The story as a journal, its events dealt out at random."""
    dealer, parts = random.Random(into), [list[Event]() for _ in range(into)]
    for event in everything():
        dealer.choice(parts).append(event)
    segments = [one for part in parts for one in segment.segments(part[0].site, part, at(0))]
    for one in segments:
        put(root, one)
    return segments


def archived(root: Root, catalogue: Catalogue) -> list[Segment]:
    segments = write_story(root)
    for one in segments:
        apply(catalogue, one)
    return segments


def spoil(root: Root, tmp_path: Path, text: bytes = b"") -> str:
    """The last segment of the journal, with other bytes in its place."""
    key = list(segment.keys(root))[-1]
    path = tmp_path / "store/archive" / key
    path.chmod(0o640)
    path.write_bytes(text)
    return key
