"""Whatever the bytes: a verdict, and nothing else."""

from __future__ import annotations

import io
import math
from collections.abc import Callable

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from noojee_ingest.audio import NotAudio, check
from noojee_ingest.model import Audio

Encoded = Callable[..., bytes]

MARKS = [b"", b"RIFF\0\0\0\0WAVE", b"RIFF\xff\xff\xff\xffWAVEfmt \x10\0\0\0\x01\0", b"RF64\xff\xff\xff\xffWAVEds64"]
MARKS += [b"OggS\0\2", b"ID3\4\0\0\0\0\0\0", b"\xff\xfb\x90\x64", b"\xff\xe3\x28\xc4", b"{", b"<", b"\xef\xbb\xbf"]
RECORDINGS = [("WAV", "PCM_16"), ("WAV", "GSM610"), ("WAV", "IMA_ADPCM"), ("WAVEX", "ULAW"), ("RF64", "PCM_16")]
RECORDINGS += [("MP3", "MPEG_LAYER_III"), ("OGG", "VORBIS"), ("OGG", "OPUS")]


def verdict(data: bytes) -> None:
    file = io.BytesIO(data)
    found: Audio | NotAudio
    try:
        found = check(file, len(data))
    except NotAudio as refused:
        found = refused
    if isinstance(found, NotAudio):
        assert found.reason
        assert data.startswith(found.head)
    else:
        assert math.isfinite(found.seconds)
        assert found.seconds >= 0
        assert all(len(fault) < 120 and fault.isascii() for fault in found.faults)
    assert file.tell() == 0


@given(mark=st.sampled_from(MARKS), data=st.binary(max_size=2000))
def test_any_bytes_get_a_verdict(mark: bytes, data: bytes) -> None:
    verdict(mark + data)


@pytest.mark.parametrize(("form", "subtype"), RECORDINGS)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
@given(st.data())
def test_any_damage_to_a_recording_gets_a_verdict(
    encoded: Encoded, form: str, subtype: str, data: st.DataObject
) -> None:
    broken = bytearray(encoded(form, subtype, samples=3000))
    for _ in range(data.draw(st.integers(1, 5))):
        near = data.draw(st.sampled_from([80, len(broken)]))  # headers are worth more blows
        at = data.draw(st.integers(0, max(0, min(near, len(broken) - 1))))
        length = data.draw(st.integers(0, 8))
        broken[at : at + length] = data.draw(st.binary(max_size=8))
    verdict(bytes(broken[: data.draw(st.integers(0, len(broken)))]))


@pytest.mark.parametrize(("form", "subtype"), RECORDINGS)
@pytest.mark.parametrize("keep", [1.0, 0.5])
def test_the_decoders_write_nothing_to_standard_error(
    encoded: Encoded, capfd: pytest.CaptureFixture[str], form: str, subtype: str, keep: float
) -> None:
    whole = encoded(form, subtype, samples=20000)
    verdict(whole[: int(len(whole) * keep)])
    assert capfd.readouterr() == ("", "")
