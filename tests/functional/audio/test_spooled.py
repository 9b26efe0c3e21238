"""The check on the files that it meets: spooled ones, in memory and on disk, small and very large."""

from __future__ import annotations

import errno
import io
import struct
import tempfile
import tracemalloc
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import BinaryIO, cast

import numpy as np
import pytest
import soundfile

from noojee_ingest.audio import check
from noojee_ingest.model import Audio

FRAME = b"\xff\xe3\x28\xc4" + bytes(140)  # MPEG 2.5, 8 kHz, 16 kbit/s, mono: 144 bytes, 576 samples
GIB = 1 << 30


def encoded(form: str, subtype: str) -> bytes:
    file = io.BytesIO()
    soundfile.write(file, 0.3 * np.sin(np.arange(16000) / 5), 8000, format=form, subtype=subtype)
    return file.getvalue()


@pytest.fixture
def spooled() -> Iterator[Callable[[bytes, int], BinaryIO]]:
    """``spooled(data, limit)``: a spooled file, on disk when ``data`` is longer than ``limit`` bytes."""
    with ExitStack() as stack:

        def make(data: bytes, limit: int) -> BinaryIO:
            file = stack.enter_context(tempfile.SpooledTemporaryFile(limit))
            file.write(data)
            return cast(BinaryIO, file)

        yield make


@pytest.mark.parametrize("limit", [100, 1 << 20], ids=["on disk", "in memory"])
@pytest.mark.parametrize(
    ("form", "subtype"),
    [
        ("WAV", "PCM_16"),
        ("WAV", "GSM610"),
        ("WAV", "ULAW"),
        ("MP3", "MPEG_LAYER_III"),
        ("OGG", "VORBIS"),
        ("OGG", "OPUS"),
    ],
)
def test_a_spooled_recording_is_checked_and_left_at_its_beginning(
    spooled: Callable[[bytes, int], BinaryIO], form: str, subtype: str, limit: int
) -> None:
    data = encoded(form, subtype)
    file = spooled(data, limit)
    found = check(file, len(data))
    assert found.faults == ()
    assert found.seconds == pytest.approx(2.0, abs=1e-3)
    assert file.tell() == 0
    assert file.read() == data


class Watched(io.FileIO):
    """Remembers how much was read at once, and in all."""

    largest = 0
    total = 0

    def read(self, size: int | None = -1, /) -> bytes:  # type: ignore[override]
        data = super().read(size)
        self.largest = max(self.largest, len(data))
        self.total += len(data)
        return data


def watched(path: Path) -> tuple[Audio, Watched, int]:
    """The verdict on the file at ``path``, the file, and the peak of memory in bytes."""
    with Watched(path) as file:
        check(cast(BinaryIO, file), path.stat().st_size)  # what is loaded once is not counted
        file.largest = file.total = 0
        tracemalloc.start()
        try:
            found = check(cast(BinaryIO, file), path.stat().st_size)
            return found, file, tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()


def test_a_recording_of_a_gibibyte_is_hardly_read(tmp_path: Path) -> None:
    path = tmp_path / "long.wav"
    with path.open("wb") as file:
        file.write(b"RIFF" + struct.pack("<I", 36 + GIB) + b"WAVE")
        file.write(b"fmt " + struct.pack("<IHHIIHH", 16, 1, 1, 8000, 16000, 2, 16))
        file.write(b"data" + struct.pack("<I", GIB))
        file.truncate(44 + GIB)
    found, file, peak = watched(path)
    assert found == Audio("wav", "pcm_s16le", 1, 8000, GIB / 16000)
    assert file.total < 1 << 20
    assert peak < 1 << 20


@pytest.mark.parametrize("form", ["MP3", "OGG"])
def test_a_long_recording_that_must_be_walked_is_walked_in_blocks(tmp_path: Path, form: str) -> None:
    path = tmp_path / "long"
    piece = FRAME * 2000 if form == "MP3" else encoded("OGG", "VORBIS") * 20
    size = 0
    with path.open("wb") as file:
        while size < 6 << 20:
            size += file.write(piece)
    found, file, peak = watched(path)
    assert found.extension == form.lower()
    assert file.total >= (size if form == "MP3" else size // 10)
    assert file.largest <= 256 * 1024
    assert peak < 3 << 20


@pytest.mark.parametrize("after", [0, 1, 2, 5])
@pytest.mark.parametrize(("form", "subtype"), [("WAV", "PCM_16"), ("OGG", "VORBIS"), ("MP3", "MPEG_LAYER_III")])
def test_a_spool_that_cannot_be_read_is_an_error_and_no_verdict(form: str, subtype: str, after: int) -> None:
    class Failing(io.BytesIO):
        left = after

        def read(self, size: int | None = -1, /) -> bytes:
            self.left -= 1
            if self.left < 0:
                raise OSError(errno.EIO, "the spool is broken")
            return super().read(size)

        readinto = None  # type: ignore[assignment]

    data = encoded(form, subtype)
    with pytest.raises(OSError, match="the spool is broken"):
        check(Failing(data), len(data))


def test_a_file_shorter_than_was_said_gets_a_verdict() -> None:
    for form, subtype in [("WAV", "PCM_16"), ("MP3", "MPEG_LAYER_III"), ("OGG", "VORBIS")]:
        data = encoded(form, subtype)
        assert check(io.BytesIO(data), len(data) + 100_000).extension == form.lower()
