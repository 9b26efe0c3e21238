"""Segments in a real store: read back as they were put, or refused by their key and line."""

from __future__ import annotations

import gzip
import json
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from noojee_ingest.journal import errors
from noojee_ingest.journal.errors import DamagedSegment, JournalError, UnknownVersion
from noojee_ingest.journal.lines import write_line
from noojee_ingest.journal.segment import Segment, day_prefix, keys, put, read, segments
from noojee_ingest.storage.errors import AlreadyExists, NotFound
from noojee_ingest.storage.folder import open_folder_store
from noojee_ingest.storage.root import Root
from tests.unit.journal.story import NEXT_DAY, SITE, at, everything, leg_changed, leg_seen

LINES = [write_line(event) for event in (leg_seen(1), leg_seen(2), leg_changed(1, "B"))]
TEXT = "".join(line + "\n" for line in LINES)
KEY = "journal/site=acme/day=2026-03-10/x.jsonl.gz"


def place(tmp_path: Path, data: bytes) -> None:
    """Bytes under the segment's key, as a failing disk or a stranger leaves them."""
    path = tmp_path / "store" / "archive" / KEY
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)


def test_what_was_put_is_read_back(archive: Root) -> None:
    events = [event for event in everything() if event.site == SITE]
    put_keys = []
    for one in segments(SITE, events, at(0)):
        put(archive, one)
        assert read(archive, one.key) == one
        put_keys.append(one.key)
    assert sorted(put_keys) == list(keys(archive)) == list(keys(archive, "journal/site=acme/"))
    assert [key for key in put_keys if "day=2026-03-11" in key] == list(keys(archive, day_prefix(SITE, NEXT_DAY)))


def test_a_segment_of_500_long_and_odd_entries_is_read_back(archive: Root) -> None:
    events = [leg_seen(number, tag="🎧\n" * 2_500, raw="\\u0000" * 800) for number in range(500)]
    (one,) = segments(SITE, events, at(0))
    put(archive, one)
    assert read(archive, one.key) == one


def test_a_segment_is_gzip_of_lines_that_end_and_says_how_many(archive: Root) -> None:
    one = Segment(KEY, (leg_seen(1), leg_seen(2)))
    put(archive, one)
    with archive.open(KEY) as file:
        text = gzip.decompress(file.read()).decode()
    assert text.endswith("}\n")
    assert [json.loads(line)["object"]["id"] for line in text.splitlines()] == [event.leg_id for event in one.events]
    assert archive.head(KEY).metadata["events"] == "2"


def test_the_same_segment_has_the_same_bytes(archive: Root) -> None:
    put(archive, Segment(KEY, (leg_seen(1),)))
    put(archive, Segment(KEY.replace("x.", "y."), (leg_seen(1),)))
    assert archive.head(KEY).sha256 == archive.head(KEY.replace("x.", "y.")).sha256


def test_a_segment_is_never_overwritten(archive: Root) -> None:
    put(archive, Segment(KEY, (leg_seen(1),)))
    with pytest.raises(AlreadyExists):
        put(archive, Segment(KEY, (leg_seen(2),)))
    assert read(archive, KEY).events == (leg_seen(1),)


def test_a_segment_that_is_not_there(archive: Root) -> None:
    with pytest.raises(NotFound):
        read(archive, KEY)


def test_only_segments_are_listed(archive: Root, tmp_path: Path) -> None:
    place(tmp_path, gzip.compress(TEXT.encode()))
    for name in ("README.txt", "x.jsonl.gz.part", "x.jsonl"):
        (tmp_path / "store" / "archive" / KEY).with_name(name).write_text("")
    assert list(keys(archive)) == [KEY]


WHOLE = gzip.compress(TEXT.encode(), mtime=0)


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b"", "it is empty"),
        (gzip.compress(b""), "it is empty"),
        (WHOLE[:-1], "end-of-stream"),
        (WHOLE[:-9], "end-of-stream"),
        (WHOLE[: len(WHOLE) // 2], "end-of-stream"),
        (WHOLE[:5], "end-of-stream"),
        (WHOLE + b"garbage", "gzip"),
        (TEXT.encode(), "gzip"),
        (WHOLE[:-6] + bytes([WHOLE[-6] ^ 1]) + WHOLE[-5:], "CRC"),
        (WHOLE[:-1] + b"\x7f", "length"),
        (gzip.compress(TEXT.encode()[:-1]), "the last line does not end"),
        (gzip.compress(TEXT.encode() + b'{"v":1'), "the last line does not end"),
        (gzip.compress(b"\n"), "line 1"),
        (gzip.compress(TEXT.encode() + b"\n"), "line 4"),
        (gzip.compress((LINES[0] + "\n" + "[]\n" + LINES[1] + "\n").encode()), "line 2: not an object"),
        (gzip.compress((LINES[0] + "\n" + LINES[1] + " x\n").encode()), "line 2: Extra data"),
        (gzip.compress(TEXT.replace("\n", "\r\n").encode("utf-16")), "utf-8"),
        (gzip.compress(TEXT.encode().replace(b'"A"', b'"\xff"')), "utf-8"),
        (gzip.compress(TEXT.encode().replace(b'"A"', b'"\xed\xa0\x80"')), "utf-8"),
        (gzip.compress(TEXT.encode().replace(b'"A"', b'"\x00"')), "line 1: Invalid control character"),
    ],
    ids=lambda one: one if isinstance(one, str) else "bytes",
)
def test_damage_is_told_by_key_and_line_and_the_hint_is_a_copy(
    archive: Root, tmp_path: Path, data: bytes, says: str
) -> None:
    place(tmp_path, data)
    with pytest.raises(DamagedSegment) as raised:
        read(archive, KEY)
    said = str(raised.value)
    assert says in said
    assert KEY in said
    assert said.endswith("Restore this object from a copy of the store.")


def test_a_segment_of_a_newer_version_is_no_damage(archive: Root, tmp_path: Path) -> None:
    newer = LINES[1].replace('"v":1', '"v":2')
    place(tmp_path, gzip.compress(f"{LINES[0]}\n{newer}\n".encode()))
    with pytest.raises(UnknownVersion, match="line 2: format version 2"):
        read(archive, KEY)


@settings(max_examples=150)
@given(st.data())
def test_no_cut_and_no_single_changed_byte_is_read_as_other_events(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    folder = tmp_path_factory.mktemp("damage")
    at_byte = data.draw(st.integers(0, len(WHOLE) - 1))
    spoilt = data.draw(
        st.just(WHOLE[:at_byte])
        | st.integers(1, 255).map(lambda mask: WHOLE[:at_byte] + bytes([WHOLE[at_byte] ^ mask]) + WHOLE[at_byte + 1 :])
    )
    place(folder, spoilt)
    with suppress(JournalError):
        found = read(open_folder_store(folder / "store").archive, KEY)
        assert found.events == (leg_seen(1), leg_seen(2), leg_changed(1, "B"))


def test_the_drawn_tree_shows_every_error() -> None:
    drawn = {line.strip(" ├└─").split()[0] for line in (errors.__doc__ or "").splitlines() if line.startswith("    ")}
    assert drawn == {kind.__name__ for kind in (JournalError, *JournalError.__subclasses__())}
