"""The spool: recordings of any size in bounded memory and a bounded folder."""

from __future__ import annotations

import hashlib
import resource
import threading
from pathlib import Path

import pytest

from noojee_ingest.pipeline.errors import RecordingTooLarge, SpoolFailed, SpoolFull
from noojee_ingest.pipeline.spool import Spool, Spooled

KIB = 1024
MIB = 1024 * KIB
PIECE = bytes(range(256)) * 256  # 64 KiB


def spool(folder: Path, *, memory: int = 100 * KIB, disk: int = MIB, largest: int = 8 * MIB) -> Spool:
    return Spool(folder / "spool", memory_bytes=memory, disk_bytes=disk, largest=largest)


def fill(spooled: Spooled, pieces: int) -> None:
    for _ in range(pieces):
        spooled.write(PIECE)


@pytest.mark.parametrize("pieces", [0, 1, 2, 16], ids=["nothing", "in memory", "just over", "in the folder"])
@pytest.mark.parametrize("told", [True, False], ids=["length known", "length unknown"])
def test_what_is_spooled_comes_back_whole_with_its_digest_and_leaves_nothing(
    tmp_path: Path, pieces: int, told: bool
) -> None:
    with spool(tmp_path).recording(pieces * len(PIECE) if told else None, leg_id="a") as spooled:
        fill(spooled, pieces)
        spooled.file.seek(0)
        assert spooled.file.read() == PIECE * pieces
        assert spooled.size == pieces * len(PIECE)
        assert spooled.sha256 == hashlib.sha256(PIECE * pieces).hexdigest()
        assert not list((tmp_path / "spool").iterdir())  # the files have no names
    assert not list((tmp_path / "spool").iterdir())


def test_one_that_grows_beyond_the_folder_is_refused_and_its_room_is_free_again(tmp_path: Path) -> None:
    area = spool(tmp_path)
    for _ in range(2):
        with pytest.raises(SpoolFull, match=r"^fetching leg abc: .* do not fit .* Raise spool\.disk_bytes\.$"):  # noqa: SIM117
            with area.recording(None, leg_id="abc") as spooled:
                fill(spooled, 30)
    with area.recording(16 * len(PIECE), leg_id="b") as spooled:
        fill(spooled, 16)


def test_two_that_grow_do_not_wait_for_each_other(tmp_path: Path) -> None:
    area = spool(tmp_path)
    with area.recording(None, leg_id="a") as first:
        fill(first, 8)
        with pytest.raises(SpoolFull), area.recording(None, leg_id="b") as second:
            fill(second, 9)
        fill(first, 8)


def test_one_of_known_length_waits_until_there_is_room(tmp_path: Path) -> None:
    area, entered = spool(tmp_path), threading.Event()

    def second() -> None:
        with area.recording(12 * len(PIECE), leg_id="b") as spooled:
            entered.set()
            fill(spooled, 12)

    with area.recording(12 * len(PIECE), leg_id="a") as first:
        waiting = threading.Thread(target=second, daemon=True)
        waiting.start()
        fill(first, 12)
        assert not entered.wait(0.2)
    waiting.join(10)
    assert entered.is_set()


@pytest.mark.parametrize("told", [True, False], ids=["length known", "length unknown"])
def test_a_recording_over_the_limit_is_refused_before_or_as_it_comes(tmp_path: Path, told: bool) -> None:
    area, expected = spool(tmp_path, largest=500 * KIB), 9 * len(PIECE) if told else None
    said = r"the limit is 512,000\. Raise archive\.max_recording_bytes"
    with pytest.raises(RecordingTooLarge, match=said), area.recording(expected, leg_id="a") as spooled:
        fill(spooled, 0 if told else 9)


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "spool").write_text("a file")
    with pytest.raises(SpoolFailed, match=rf"the spool {tmp_path}/spool cannot be written: .*name another folder"):  # noqa: SIM117
        with spool(tmp_path).recording(None, leg_id="a"):
            pass


def test_a_folder_that_goes_away_is_named_when_it_is_needed(tmp_path: Path) -> None:
    with pytest.raises(SpoolFailed, match="Make room there"), spool(tmp_path).recording(None, leg_id="a") as spooled:  # noqa: PT012
        (tmp_path / "spool").rmdir()
        fill(spooled, 3)


def test_a_disk_that_takes_no_more_is_met_by_the_write_that_it_refuses(tmp_path: Path) -> None:
    """Not by a later one, nor when the file is closed: a small rest is not left waiting for either."""
    room = spool(tmp_path, memory=10)
    before = resource.getrlimit(resource.RLIMIT_FSIZE)

    def trickle(spooled: Spooled) -> None:
        for _ in range(81):  # of which Python would keep all in its own buffer
            spooled.write(b"x" * 100)

    with room.recording(None, leg_id="one") as spooled:
        resource.setrlimit(resource.RLIMIT_FSIZE, (8000, before[1]))
        try:
            with pytest.raises(SpoolFailed, match=r"the spool .* cannot be written"):
                trickle(spooled)
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, before)
    with room.recording(5000, leg_id="two") as spooled:
        spooled.write(b"y" * 5000)
    assert spooled.size == 5000
