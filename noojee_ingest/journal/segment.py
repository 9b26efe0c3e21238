"""Segments: immutable gzip objects of at most 500 events of one archive day."""

from __future__ import annotations

import gzip
import hashlib
import io
import uuid
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime

from noojee_ingest.journal.errors import DamagedSegment
from noojee_ingest.journal.events import Event
from noojee_ingest.journal.lines import read_line, write_line
from noojee_ingest.storage.root import Listed, Root

MOST_EVENTS = 500
SUFFIX = ".jsonl.gz"


@dataclass(frozen=True, slots=True)
class Segment:
    """Events under the key of the object that holds, or will hold, them."""

    key: str
    events: tuple[Event, ...]


def day_prefix(site: str, day: date) -> str:
    return f"journal/site={site}/day={day.isoformat()}/"


def segments(site: str, events: Sequence[Event], now: datetime) -> Iterator[Segment]:
    """Cut events into segments, keeping their order: a day at a time, at most 500 each, each under a new key.

    The last event is in the last segment, so that what it closes (an answer, say) is closed only when all is put.
    ``now`` (aware) begins the key so that a listing is in order of writing; the rest makes it unique.
    """
    stamp = now.astimezone(UTC).strftime("%Y%m%dT%H%M%SZ")
    days: dict[date, list[Event]] = {}
    for event in events:
        of_day = days.pop(event.day, [])
        of_day.append(event)
        days[event.day] = of_day
    for day, of_day in days.items():
        for first in range(0, len(of_day), MOST_EVENTS):
            key = f"{day_prefix(site, day)}{stamp}-{uuid.uuid4().hex}{SUFFIX}"
            yield Segment(key, tuple(of_day[first : first + MOST_EVENTS]))


def put(root: Root, segment: Segment) -> None:
    """Store a segment. Raises StorageError; AlreadyExists can only mean that this very segment was put before."""
    text = "".join(write_line(event) + "\n" for event in segment.events)
    data = gzip.compress(text.encode(), mtime=0)
    root.create(
        segment.key,
        io.BytesIO(data),
        size=len(data),
        sha256=hashlib.sha256(data).hexdigest(),
        metadata={"events": str(len(segment.events))},
    )


def read(root: Root, key: str) -> Segment:
    """Read a segment back. Raises NotFound (storage), DamagedSegment, UnknownVersion."""
    with root.open(key) as source:
        return read_bytes(key, source.read())


def read_bytes(key: str, data: bytes) -> Segment:
    """The segment whose object has these bytes. Raises DamagedSegment, UnknownVersion."""
    try:
        text = gzip.decompress(data).decode()
    except (OSError, EOFError, zlib.error, UnicodeDecodeError) as error:
        raise DamagedSegment(key, f"{type(error).__name__}: {error}") from error
    lines = text.split("\n")
    if lines.pop():
        raise DamagedSegment(key, "the last line does not end")
    if not lines:
        raise DamagedSegment(key, "it is empty")
    return Segment(key, tuple(read_line(line, key=key, number=number) for number, line in enumerate(lines, 1)))


def keys(root: Root, prefix: str = "journal/") -> Iterator[str]:
    """The keys of all segments below a prefix, in order."""
    return (one.key for one in listed(root, prefix))


def listed(root: Root, prefix: str = "journal/") -> Iterator[Listed]:
    """All segments below a prefix, in the order of their keys."""
    return (one for one in root.list(prefix) if one.key.endswith(SUFFIX))
