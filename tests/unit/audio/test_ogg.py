from __future__ import annotations

import itertools
import random
import re
import struct
import zlib
from collections.abc import Callable

import pytest

from noojee_ingest.audio import NotAudio
from noojee_ingest.model import Audio

Encoded = Callable[..., bytes]
Checked = Callable[[bytes], Audio]

SPEEX = (b"Speex   " + bytes(28) + struct.pack("<IIII", 8000, 0, 4, 1)).ljust(80, b"\0")


def crc(data: bytes) -> int:
    """The definition, bit by bit: polynomial 04C11DB7, highest bit first, from 0."""
    value = 0
    for byte in data:
        value ^= byte << 24
        for _ in range(8):
            value = value << 1 ^ (0x104C11DB7 if value & 0x80000000 else 0)
    return value


def page(number: int, position: int, body: bytes = b"\x55" * 200, *, flags: int = 0, serial: int = 7) -> bytes:
    table = [255] * (len(body) // 255) + [len(body) % 255]
    head = struct.pack("<4sBBqIIIB", b"OggS", 0, flags, position, serial, number, 0, len(table)) + bytes(table)
    return head[:22] + struct.pack("<I", crc(head + body)) + head[26:] + body


def speex(*pages: bytes) -> bytes:
    return b"".join([page(0, 0, SPEEX, flags=2), page(1, 0, b"comment"), *pages])


def pages_of(data: bytes) -> list[bytes]:
    starts = [match.start() for match in re.finditer(b"OggS", data)] + [len(data)]
    return [data[begin:end] for begin, end in itertools.pairwise(starts)]


SOUND = [page(n, (n - 1) * 800, flags=4 if n == 11 else 0) for n in range(2, 12)]  # ten pages of 0.1 s


@pytest.mark.parametrize(("subtype", "codec"), [("VORBIS", "vorbis"), ("OPUS", "opus")])
@pytest.mark.parametrize("channels", [1, 2])
@pytest.mark.parametrize("samples", [800, 8001, 200_000])
def test_a_sound_file_has_its_exact_length_and_no_fault(
    encoded: Encoded, checked: Checked, *, subtype: str, codec: str, channels: int, samples: int
) -> None:
    found = checked(encoded("OGG", subtype, samples=samples, channels=channels))
    assert (found.extension, found.codec, found.channels, found.sample_rate) == ("ogg", codec, channels, 8000)
    assert found.faults == ()
    assert found.seconds == pytest.approx(samples / 8000, abs=1e-4)


def test_speex_is_walked_though_nobody_here_decodes_it(checked: Checked) -> None:
    assert checked(speex(*SOUND)) == Audio("ogg", "speex", 1, 8000, 1.0)


def test_flac_in_ogg_tells_its_rate_and_channels(checked: Checked) -> None:
    body = b"\x7fFLAC\x01\x00\x00\x01fLaC\0\0\0\x22" + bytes(10) + struct.pack(">I", 16000 << 12 | 1 << 9) + bytes(20)
    found = checked(page(0, 0, body, flags=2) + page(1, 16000, flags=4))
    assert found == Audio("ogg", "flac", 2, 16000, 1.0)


@pytest.mark.parametrize("serial", [7, 8], ids=["of the same number", "of another number"])
def test_two_streams_one_after_the_other_are_as_long_as_both(checked: Checked, serial: int) -> None:
    second = [page(0, 0, SPEEX, flags=2, serial=serial), page(1, 4000, flags=4, serial=serial)]
    assert checked(speex(*SOUND, *second)) == Audio("ogg", "speex", 1, 8000, 1.5)


def test_a_stream_that_is_no_sound_does_not_count(checked: Checked) -> None:
    other = [page(0, 0, b"fishead\0", flags=2, serial=8), page(1, 9_000_000, flags=4, serial=8)]
    assert checked(other[0] + speex(*SOUND) + other[1]) == Audio("ogg", "speex", 1, 8000, 1.0)


@pytest.mark.parametrize("subtype", ["VORBIS", "OPUS"])
def test_the_decoder_takes_a_file_of_two_recordings(encoded: Encoded, checked: Checked, subtype: str) -> None:
    found = checked(encoded("OGG", subtype) * 2)
    assert (found.seconds, found.faults) == (pytest.approx(2.0, abs=1e-3), ())


@pytest.mark.parametrize(
    ("damaged", "seconds", "faults"),
    [
        pytest.param(speex(*SOUND[:5]), 0.5, ("cut: no end of the stream",), id="cut between pages"),
        pytest.param(
            speex(*SOUND)[:-100],
            0.9,
            ("cut: 128 of 228 bytes of the last page", "cut: no end of the stream"),
            id="cut in a page",
        ),
        pytest.param(
            speex(*SOUND[:5]) + SOUND[5][:10],
            0.5,
            ("cut: 10 of 27 bytes of the last page", "cut: no end of the stream"),
            id="cut in a page header",
        ),
        pytest.param(speex(*SOUND[:3], *SOUND[6:]), 0.7, ("cut: 3 pages missing",), id="pages missing"),
        pytest.param(
            speex(*SOUND[:4], SOUND[4][:60] + b"!" + SOUND[4][61:], *SOUND[5:]),
            0.9,
            ("damaged: 1 pages fail their checksum", "cut: 1 pages missing"),
            id="a page damaged",
        ),
        pytest.param(
            speex(*SOUND[:4], b"\0" * 99, *SOUND[4:]), 1.0, ("garbage: 99 bytes between pages",), id="garbage between"
        ),
        pytest.param(
            speex(*SOUND, b"\0" * 99), 1.0, ("trailing: 99 bytes after the last page",), id="garbage at the end"
        ),
        pytest.param(speex(page(2, 2**60, flags=4)), 0.0, ("header: positions jump",), id="a position out of reach"),
        pytest.param(speex(page(2, -1, flags=4)), 0.0, ("empty: no sound",), id="no position at all"),
        pytest.param(
            b"".join(SOUND[3:]), 0.0, ("cut: 5 pages missing", "header: no codec that is known"), id="cut at the front"
        ),
        pytest.param(
            page(0, 0, b"\x01vorbis", flags=2) + page(1, 800, flags=4),
            0.0,
            ("header: 0 channels, 0 Hz",),
            id="a header without numbers",
        ),
    ],
)
def test_damage_is_named_and_the_seconds_are_those_of_the_pages(
    checked: Checked, damaged: bytes, seconds: float, faults: tuple[str, ...]
) -> None:
    found = checked(damaged)
    assert found.faults == faults
    assert found.seconds == pytest.approx(seconds)


@pytest.mark.parametrize("subtype", ["VORBIS", "OPUS"])
def test_half_of_a_file_holds_half_of_the_seconds(encoded: Encoded, checked: Checked, subtype: str) -> None:
    whole = encoded("OGG", subtype, samples=200_000)
    found = checked(whole[: len(whole) // 2])
    assert "cut: no end of the stream" in found.faults
    assert found.seconds == pytest.approx(12.5, rel=0.2)


def test_every_cut_of_a_sound_file_is_noticed(checked: Checked) -> None:
    whole = speex(*SOUND)
    for length in range(len(whole)):
        try:
            assert checked(whole[:length]).faults, f"{length} of {len(whole)} bytes"
        except NotAudio:
            assert length < len(page(0, 0, SPEEX))


def test_every_changed_byte_of_a_page_is_noticed(checked: Checked) -> None:
    whole = speex(*SOUND)
    begin = len(speex(*SOUND[:3]))
    for at in range(begin, begin + len(SOUND[3])):
        assert checked(whole[:at] + bytes([whole[at] ^ 0x10]) + whole[at + 1 :]).faults, f"byte {at - begin}"


def test_what_only_the_decoder_refuses_is_a_fault(encoded: Encoded, checked: Checked) -> None:
    header, *rest = pages_of(encoded("OGG", "VORBIS"))
    fakes = [page(n, 0, random.Random(n).randbytes(200)) for n in range(1, len(rest))]
    found = checked(b"".join([page(0, 0, header[28:], flags=2), *fakes, page(len(rest), 8000, flags=4)]))
    assert [fault.partition(":")[0] for fault in found.faults] == ["decoder"]


@pytest.mark.parametrize(
    "data",
    [b"OggS", b"OggS\0" + bytes(100), b"OggS" + b"\xff" * 100, b"OggS" * 1000, speex()[:-30][:20]],
    ids=["mark alone", "zeros", "ones", "marks", "half a header"],
)
def test_the_mark_without_a_page_is_not_audio(checked: Checked, data: bytes) -> None:
    with pytest.raises(NotAudio, match="Ogg mark without a sound page"):
        checked(data)


def test_a_flood_of_streams_ends_the_walk(checked: Checked) -> None:
    found = checked(b"".join(page(0, 0, SPEEX, flags=2, serial=n) for n in range(150)))
    assert "more than 100 streams" in found.faults


def test_a_file_of_gaps_is_not_walked_for_ever(checked: Checked) -> None:
    found = checked(speex(*(page(n, (n - 1) * 800) + b"gap" for n in range(2, 500))))
    assert any(fault.startswith("trailing: ") for fault in found.faults)
    assert found.seconds == pytest.approx(10.1)


def test_the_checksum_is_not_that_of_zlib() -> None:
    assert crc(b"123456789") == 0x89A1897F != zlib.crc32(b"123456789")
