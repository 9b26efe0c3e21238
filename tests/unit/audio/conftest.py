"""Recordings made on the spot: what a sound file of each format looks like."""

from __future__ import annotations

import functools
import io
from collections.abc import Callable

import numpy as np
import pytest
import soundfile

from noojee_ingest.audio import check
from noojee_ingest.model import Audio


@functools.cache
def _encode(form: str, subtype: str, samples: int, channels: int, rate: int) -> bytes:
    time = np.arange(samples) / rate
    voice = 0.4 * np.sin(2 * np.pi * (300 + 100 * np.sin(7 * time)) * time)
    file = io.BytesIO()
    soundfile.write(file, np.stack([voice] * channels, axis=1), rate, format=form, subtype=subtype)
    return file.getvalue()


@pytest.fixture(scope="session")
def encoded() -> Callable[..., bytes]:
    """``encoded("WAV", "GSM610", samples=1600, channels=1, rate=8000)``: the bytes of a sound recording."""

    def make(form: str, subtype: str, *, samples: int = 8000, channels: int = 1, rate: int = 8000) -> bytes:
        return _encode(form, subtype, samples, channels, rate)

    return make


@pytest.fixture(scope="session")
def checked() -> Callable[[bytes], Audio]:
    """Checks bytes, and that the file is left at its beginning."""

    def run(data: bytes) -> Audio:
        file = io.BytesIO(data)
        file.seek(len(data))
        try:
            return check(file, len(data))
        finally:
            assert file.tell() == 0

    return run
