from __future__ import annotations

import io
import struct
from collections.abc import Callable

import pytest
import soundfile

from noojee_ingest.audio import NotAudio
from noojee_ingest.model import Audio

Encoded = Callable[..., bytes]
Checked = Callable[[bytes], Audio]

FRAME = b"\xff\xe3\x28\xc4" + bytes(140)  # MPEG 2.5, 8 kHz, 16 kbit/s, mono: 144 bytes, 576 samples, silence
FRAME_SECONDS = 576 / 8000


def id3(length: int) -> bytes:
    sizes = bytes(length >> shift & 0x7F for shift in (21, 14, 7, 0))
    return b"ID3\x04\x00\x00" + sizes + bytes(length)


def vbri(frames: int, length: int) -> bytes:
    return FRAME[:36] + b"VBRI" + struct.pack(">HHHII", 1, 0, 0, length, frames) + bytes(144 - 54)


@pytest.mark.parametrize(("rate", "channels"), [(8000, 1), (8000, 2), (16000, 1), (22050, 2), (44100, 1), (48000, 2)])
@pytest.mark.parametrize("samples", [4000, 50000])
def test_a_sound_file_has_its_exact_length_and_no_fault(
    encoded: Encoded, checked: Checked, rate: int, channels: int, samples: int
) -> None:
    found = checked(encoded("MP3", "MPEG_LAYER_III", samples=samples, channels=channels, rate=rate))
    assert found == Audio("mp3", "mp3", channels, rate, samples / rate)


def test_the_length_without_a_promise_is_what_the_decoder_gives(checked: Checked) -> None:
    bare = FRAME * 50
    decoded = len(soundfile.read(io.BytesIO(bare))[0])
    assert checked(bare).seconds == decoded / 8000


def test_one_frame_that_is_the_whole_file_is_mp3(checked: Checked) -> None:
    found = checked(FRAME)
    assert (found.extension, found.seconds) == ("mp3", FRAME_SECONDS)


@pytest.mark.parametrize(
    "sound",
    [
        pytest.param(FRAME * 50, id="frames alone"),
        pytest.param(id3(2000) + FRAME * 50, id="a tag before"),
        pytest.param(id3(5) + id3(300) + FRAME * 50, id="two tags before"),
        pytest.param(FRAME * 50 + b"TAG" + b"\xff\xe3\x28\xc4" * 31 + b"x", id="a tag after"),
        pytest.param(vbri(49, 50 * 144) + FRAME * 49, id="a promise that is kept"),
        pytest.param(vbri(50, 50 * 144) + FRAME * 49, id="a promise that counts itself"),
    ],
)
def test_a_whole_file_has_no_fault(checked: Checked, sound: bytes) -> None:
    found = checked(sound)
    assert found.faults == ()
    assert found.seconds == pytest.approx((49 if b"VBRI" in sound else 50) * FRAME_SECONDS)


@pytest.mark.parametrize(
    ("damaged", "frames", "faults"),
    [
        pytest.param((FRAME * 50)[:-44], 49, ("cut: 100 of 144 bytes of the last frame",), id="last frame cut"),
        pytest.param((FRAME * 50)[: 144 * 25 + 50], 25, ("cut: 50 of 144 bytes of the last frame",), id="cut in half"),
        pytest.param(vbri(49, 0) + FRAME * 20, 20, ("cut: 20 of 49 frames",), id="promised frames missing"),
        pytest.param(vbri(0, 50 * 144) + FRAME * 20, 20, ("cut: 3,024 of 7,200 bytes",), id="promised bytes missing"),
        pytest.param(
            vbri(49, 0) + FRAME[:100], 0, ("cut: 0 of 49 frames", "empty: no frame of sound"), id="only the promise"
        ),
        pytest.param(vbri(49, 0) + FRAME * 60, 60, ("header: 49 frames promised, 60 found",), id="more than promised"),
        pytest.param(
            FRAME * 20 + b"\0" * 777 + FRAME * 20,
            40,
            ("garbage: 777 bytes between frames",),
            id="garbage between frames",
        ),
        pytest.param(
            FRAME * 20 + b"\0" * 777, 20, ("trailing: 777 bytes after the last frame",), id="garbage at the end"
        ),
        pytest.param(FRAME * 20 + b"\xff\xe3", 20, ("trailing: 2 bytes after the last frame",), id="half a header"),
        pytest.param(
            id3(100) + b"?" * 33 + FRAME * 20,
            20,
            ("garbage: 33 bytes before the first frame",),
            id="garbage after the tag",
        ),
    ],
)
def test_damage_is_named_and_the_seconds_are_those_of_the_frames(
    checked: Checked, damaged: bytes, frames: int, faults: tuple[str, ...]
) -> None:
    found = checked(damaged)
    assert found.faults == faults
    assert found.seconds == pytest.approx(frames * FRAME_SECONDS)


def test_half_of_a_file_with_a_promise_holds_half_of_the_seconds(encoded: Encoded, checked: Checked) -> None:
    whole = encoded("MP3", "MPEG_LAYER_III", samples=50000)
    found = checked(whole[: len(whole) // 2])
    assert found.faults[0].startswith("cut: ")
    assert found.faults[0].endswith(" frames")
    assert found.seconds == pytest.approx(50000 / 8000 / 2, rel=0.4)  # the bit rate varies


def test_every_cut_of_a_file_with_a_promise_is_noticed(encoded: Encoded, checked: Checked) -> None:
    whole = encoded("MP3", "MPEG_LAYER_III", samples=4000)
    for length in range(len(whole)):
        try:
            assert checked(whole[:length]).faults, f"{length} of {len(whole)} bytes"
        except NotAudio:
            assert length < 2 * 144 + 100


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(id3(100), id="a tag alone"),
        pytest.param(id3(100)[:40], id="half a tag"),
        pytest.param(id3(100) + b"\x01\x02nothing" * 500, id="garbage after a tag"),
        pytest.param(id3(100) + FRAME[:100], id="less than a frame after a tag"),
        pytest.param(id3(100) + b"\xff" * 5000, id="ones after a tag"),
        pytest.param(id3(100) + (FRAME[:4] + b"\0") * 3000, id="headers without frames"),
    ],
)
def test_a_tag_without_frames_is_not_audio(checked: Checked, data: bytes) -> None:
    with pytest.raises(NotAudio, match="MP3 tag without sound"):
        checked(data)


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(FRAME + b"\0" * 200, id="one header by chance"),
        pytest.param(FRAME[:100], id="one frame cut"),
        pytest.param(FRAME + b"\xff\xfb\x90\x00" + bytes(413), id="two frames of different streams"),
        pytest.param(b"\xff\xfd\x90\x00" + bytes(1000), id="layer two"),
        pytest.param(b"\xff\xe3\xf8\xc4" + bytes(1000), id="a bit rate that does not exist"),
        pytest.param(b"\xff\xfe", id="a mark of text alone"),
    ],
)
def test_bytes_that_only_begin_like_a_frame_are_not_mp3(checked: Checked, data: bytes) -> None:
    with pytest.raises(NotAudio):
        checked(data)


def test_a_file_of_gaps_is_not_walked_for_ever(checked: Checked) -> None:
    found = checked((FRAME * 2 + b"\xff\xe3\x28") * 3000)
    assert found.faults[-1].startswith("trailing: ")
    assert found.seconds < 300 * FRAME_SECONDS
