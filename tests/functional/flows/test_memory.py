"""The memory of the whole program with one recording of 256 MiB, Prefect included."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .conftest import Place

MIB = 1024 * 1024
WORKERS, BUFFER = 8, MIB


def test_the_peak_with_one_recording_of_256_mib_stays_below_the_formula(place: Callable[..., Place]) -> None:
    """Less the peak of the same flow over a night of small recordings, which also publishes (pyarrow): below
    ``workers x buffer + 32 MiB``, and below 100 MiB."""
    peaks = []
    for huge in (0, 256 * MIB):
        here = place(calls_a_day=24, huge_leg_bytes=huge)
        run = here.run("nightly", "--json")
        assert run.end() == 0, run.err
        assert run.document["work"]["workers"] == WORKERS
        peaks.append(run.peak)
    sizes = [path.stat().st_size for path in here.folder.glob("data/store/archive/audio/*/*/*.wav")]
    assert abs(max(sizes) - 256 * MIB) < 16_044
    more = peaks[1] - peaks[0]
    assert more < WORKERS * BUFFER + 32 * MIB
    assert more < 100 * MIB
