from __future__ import annotations

import struct
from collections.abc import Callable

import pytest

from noojee_ingest.audio import NotAudio
from noojee_ingest.model import Audio

Encoded = Callable[..., bytes]
Checked = Callable[[bytes], Audio]

SOUND = bytes(range(256)) * 10  # 1,280 samples of 16 bits: 0.16 s at 8 kHz
NOTES = b"LIST" + struct.pack("<I", 16) + b"INFOISFT\4\0\0\0PBX\0"
GSM = b"fmt " + struct.pack("<IHHIIHHHH", 20, 0x31, 1, 8000, 1625, 65, 0, 2, 320)


def fmt(tag: int = 1, channels: int = 1, rate: int = 8000, bits: int = 16, align: int | None = None) -> bytes:
    align = channels * bits // 8 & 0xFFFF if align is None else align
    body = struct.pack("<HHIIHH", tag, channels, rate, rate * align & 0xFFFFFFFF, align, bits)
    return b"fmt " + struct.pack("<I", len(body)) + body


def data(body: bytes = SOUND, size: int | None = None) -> bytes:
    return b"data" + struct.pack("<I", len(body) if size is None else size) + body


def riff(*chunks: bytes, size: int | None = None, mark: bytes = b"RIFF") -> bytes:
    body = b"WAVE" + b"".join(chunks)
    return mark + struct.pack("<I", len(body) if size is None else size) + body


@pytest.mark.parametrize("samples", [1, 319, 320, 321, 8000, 8001])
@pytest.mark.parametrize("channels", [1, 2])
@pytest.mark.parametrize(
    ("form", "subtype", "codec"),
    [
        ("WAV", "PCM_U8", "pcm_u8"),
        ("WAV", "PCM_16", "pcm_s16le"),
        ("WAV", "PCM_24", "pcm_s24le"),
        ("WAV", "FLOAT", "pcm_f32le"),
        ("WAV", "ALAW", "alaw"),
        ("WAV", "ULAW", "ulaw"),
        ("WAVEX", "PCM_16", "pcm_s16le"),
        ("WAVEX", "ULAW", "ulaw"),
        ("RF64", "PCM_16", "pcm_s16le"),
    ],
)
def test_a_sound_file_has_its_exact_length_and_no_fault(
    encoded: Encoded, checked: Checked, *, form: str, subtype: str, codec: str, channels: int, samples: int
) -> None:
    found = checked(encoded(form, subtype, samples=samples, channels=channels))
    assert found == Audio("wav", codec, channels, 8000, samples / 8000)


@pytest.mark.parametrize("samples", [1, 319, 320, 321, 8000, 8001])
def test_the_filling_of_the_last_gsm_block_is_not_counted(encoded: Encoded, checked: Checked, samples: int) -> None:
    assert checked(encoded("WAV", "GSM610", samples=samples)) == Audio("wav", "gsm", 1, 8000, samples / 8000)


def test_gsm_without_a_fact_chunk_is_as_long_as_its_blocks(checked: Checked) -> None:
    found = checked(riff(GSM, data(b"\xd2" * 65 * 25), b"\0"))
    assert found == Audio("wav", "gsm", 1, 8000, 25 * 320 / 8000)


def test_a_fact_chunk_cannot_claim_more_than_the_blocks_hold(checked: Checked) -> None:
    fact = b"fact" + struct.pack("<II", 4, 1_000_000)
    assert checked(riff(GSM, fact, data(b"\xd2" * 65 * 24))).seconds == 24 * 320 / 8000


@pytest.mark.parametrize(
    ("subtype", "codec"), [("IMA_ADPCM", "adpcm_ima"), ("MS_ADPCM", "adpcm_ms"), ("G721_32", "wav-0x0040")]
)
def test_a_codec_that_is_only_walked_is_near_its_length(
    encoded: Encoded, checked: Checked, subtype: str, codec: str
) -> None:
    found = checked(encoded("WAV", subtype))
    assert (found.codec, found.faults) == (codec, ())
    assert found.seconds == pytest.approx(1.0, abs=0.07)  # whole blocks


def test_a_codec_that_nobody_here_decodes_is_audio_called_by_its_number(checked: Checked) -> None:
    g729 = riff(fmt(tag=0x0083, bits=0, align=10), data(bytes(1000)))
    assert checked(g729) == Audio("wav", "wav-0x0083", 1, 8000, 1000 / 80000)


@pytest.mark.parametrize(
    "sound",
    [
        pytest.param(riff(NOTES, fmt(), NOTES, data()), id="notes before the sound"),
        pytest.param(riff(fmt(), data(), NOTES, NOTES), id="notes after the sound"),
        pytest.param(riff(fmt(bits=8), data(SOUND + b"x"), b"\0", NOTES), id="a pad byte"),
        pytest.param(riff(fmt(bits=8), data(SOUND + b"x"), NOTES), id="a forgotten pad byte before notes"),
        pytest.param(riff(fmt(bits=8), data(SOUND + b"x")), id="a forgotten pad byte at the end"),
        pytest.param(riff(fmt(bits=8), data(SOUND + b"x"), size=2562 + 36), id="a pad byte counted but forgotten"),
    ],
)
def test_harmless_habits_of_writers_are_no_fault(checked: Checked, sound: bytes) -> None:
    assert checked(sound).faults == ()


@pytest.mark.parametrize(
    ("damaged", "seconds", "faults"),
    [
        pytest.param(riff(fmt(), data())[:-1360], 0.075, ("cut: 1,200 of 2,560 bytes",), id="cut in the sound"),
        pytest.param(riff(fmt(), data())[:-1359], 1200 / 16000, ("cut: 1,201 of 2,560 bytes",), id="cut in a sample"),
        pytest.param(
            riff(fmt(), data())[:44], 0.0, ("cut: 0 of 2,560 bytes", "empty: 0 bytes of sound"), id="no sound"
        ),
        pytest.param(riff(fmt(), data())[:40], 0.0, ("cut: no sound after the header",), id="cut in the data header"),
        pytest.param(riff(fmt(), data(b"")), 0.0, ("empty: 0 bytes of sound",), id="zero-length data"),
        pytest.param(
            riff(fmt(), data(b""), NOTES), 0.0, ("empty: 0 bytes of sound",), id="zero-length data, then notes"
        ),
        pytest.param(riff(fmt(), data(size=0), size=0), 0.16, ("header never closed",), id="sizes 0"),
        pytest.param(riff(fmt(), data(size=0), size=36), 0.16, ("header never closed",), id="sizes of an empty file"),
        pytest.param(
            riff(fmt(), data(size=0xFFFFFFFF), size=0xFFFFFFFF), 0.16, ("header never closed",), id="sizes all ones"
        ),
        pytest.param(
            riff(fmt(), data(size=0x7FFFF000), size=0x7FFFF024), 0.16, ("header never closed",), id="sizes of a pipe"
        ),
        pytest.param(riff(fmt(), data(), size=0), 0.16, ("header never closed",), id="only the outer size 0"),
        pytest.param(
            riff(fmt(), data(), size=0xFFFFFFFF), 0.16, ("header never closed",), id="only the outer size ones"
        ),
        pytest.param(
            riff(fmt(), data(b""), size=0), 0.0, ("header never closed", "empty: 0 bytes of sound"), id="never written"
        ),
        pytest.param(
            riff(fmt(), data(), size=100), 0.16, ("RIFF size: 108 bytes claimed, 2,604 found",), id="too small"
        ),
        pytest.param(riff(fmt(), data(), size=5000), 0.16, ("cut: 2,604 of 5,008 bytes",), id="cut after the sound"),
        pytest.param(riff(fmt(), data(), NOTES)[:-4], 0.16, ("cut: 2,624 of 2,628 bytes",), id="cut in the notes"),
        pytest.param(riff(fmt(), data()) + b"\0\1" * 50, 0.16, ("trailing: 100 bytes after the end",), id="garbage"),
        pytest.param(
            riff(fmt(), data(), b"\0\1" * 50), 0.16, ("trailing: 100 bytes after the end",), id="counted garbage"
        ),
        pytest.param(
            riff(fmt(), data(SOUND[:-1]), b"\0"),
            0.159875,
            ("cut: 1 of 2 bytes of the last block",),
            id="half a sample",
        ),
        pytest.param(
            riff(GSM, data(b"\xd2" * 64 * 10)),
            9 * 0.04,
            ("cut: 55 of 65 bytes of the last block",),
            id="gsm with a broken block",
        ),
        pytest.param(
            riff(GSM, data(b"\xd2" * 650))[:-100],
            8 * 0.04,
            ("cut: 550 of 650 bytes",),
            id="gsm cut",
        ),
    ],
)
def test_damage_is_named_and_the_seconds_are_those_of_the_bytes(
    checked: Checked, damaged: bytes, seconds: float, faults: tuple[str, ...]
) -> None:
    found = checked(damaged)
    assert found.faults == faults
    assert found.seconds == pytest.approx(seconds)


@pytest.mark.parametrize(
    ("header", "fault"),
    [
        (fmt(channels=0), "header: 0 channels"),
        (fmt(channels=65535), "header: 65,535 channels"),
        (fmt(rate=0), "header: 0 Hz"),
        (fmt(rate=0xFFFFFFFF), "header: 4,294,967,295 Hz"),
        (fmt(align=0), "header: blocks of 0 bytes"),
        (fmt(align=7), "header: blocks of 7 bytes"),
        (fmt(tag=0x31, bits=0, align=33), "header: blocks of 33 bytes"),
        (fmt(tag=0x11, bits=4, align=0), "header: blocks of 0 bytes"),
        (fmt(tag=0xFFFE, align=0), "header: blocks of 0 bytes"),
    ],
)
def test_nonsense_in_the_format_is_a_fault_and_the_bytes_are_still_audio(
    checked: Checked, header: bytes, fault: str
) -> None:
    assert fault in checked(riff(header, data())).faults


def test_a_length_that_nothing_tells_is_not_passed_off_as_zero(checked: Checked) -> None:
    mp3 = fmt(tag=0x55, bits=0, align=1).replace(struct.pack("<I", 8000) * 2, struct.pack("<II", 8000, 0))
    assert checked(riff(mp3, data())).faults == ("header: does not tell the length of this codec",)


@pytest.mark.parametrize("length", range(12, 36))
def test_a_wav_cut_before_its_format_ends_is_not_audio(checked: Checked, length: int) -> None:
    with pytest.raises(NotAudio, match="WAV header without a format"):
        checked(riff(fmt(), data())[:length])


def test_a_wav_without_a_format_is_not_audio_and_shows_its_head(checked: Checked) -> None:
    with pytest.raises(NotAudio) as caught:
        checked(riff(data()))
    assert caught.value.head == riff(data())[:512]


@pytest.mark.parametrize("subtype", ["PCM_16", "ULAW", "GSM610"])
def test_every_cut_of_a_sound_file_is_noticed(encoded: Encoded, checked: Checked, subtype: str) -> None:
    whole = encoded("WAV", subtype, samples=640)
    for length in range(len(whole)):
        try:
            assert checked(whole[:length]).faults, f"{length} of {len(whole)} bytes"
        except NotAudio:
            assert length < 60


def test_a_thousand_empty_chunks_end_the_walk(checked: Checked) -> None:
    with pytest.raises(NotAudio):
        checked(riff(b"junk\0\0\0\0" * 5000, fmt(), data()))


def test_a_file_beyond_four_gigabytes_takes_its_sizes_from_the_wide_header(checked: Checked) -> None:
    wide = b"ds64" + struct.pack("<IQQQI", 28, 5_000_000_000, 4_999_999_000, 0, 0)
    found = checked(riff(wide, fmt(), data(size=0xFFFFFFFF), size=0xFFFFFFFF, mark=b"RF64"))
    assert found.faults == ("cut: 2,560 of 4,999,999,000 bytes",)


def test_what_only_the_decoder_refuses_is_a_fault(checked: Checked) -> None:
    found = checked(riff(fmt(channels=3, tag=0x31, bits=0, align=195), data(b"\xd2" * 1950)))
    assert [fault.partition(":")[0] for fault in found.faults] == ["decoder"]
