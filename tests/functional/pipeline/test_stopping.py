"""A run that is asked to stop leaves within 30 seconds, whatever the phone system does, and the next one goes on."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest

from noojee_ingest.stopping import Stop

if TYPE_CHECKING:
    from .conftest import Site

LEAVES_WITHIN = 30  # seconds; the phone system has a minute to answer


def stop_when(reached: Callable[[], bool]) -> Stop:
    """A stop that comes, as if by SIGTERM, once something is so."""
    stop = Stop()

    def watch() -> None:
        while not reached():
            time.sleep(0.02)
        stop.signal = signal.SIGTERM
        stop.set()

    threading.Thread(target=watch, daemon=True).start()
    return stop


@pytest.mark.parametrize(
    ("endpoint", "match"),
    [
        ("getCallRecordList", {}),
        ("retrieveMetaDataByHour", {"hour": "14"}),
        ("retrieveMetaDataByUniqueId", {}),
        ("retrieveByCallRecordId", {}),
    ],
    ids=["call records", "by hour", "by unique id", "audio"],
)
@pytest.mark.parametrize(
    "answer", [{"hang": True}, {"cut_after": 1, "hang": True}], ids=["silent", "within the answer"]
)
def test_a_phone_system_that_hangs_does_not_hold_up_the_end(
    site: Site, endpoint: str, match: dict[str, str], answer: dict[str, object]
) -> None:
    site.rule(endpoint, match=match, **answer)
    counters = site.simulator.counters
    wanted = 15 if match else 1
    stop = stop_when(lambda: counters().requests[endpoint] >= wanted)
    began = time.monotonic()
    report = site.night(stop=stop, ARCHIVE__BATCH=10)
    assert time.monotonic() - began < LEAVES_WITHIN
    assert report.interrupted
    assert report.exit_code == 130
    assert report.summary.startswith("interrupted: ")
    assert site.rows("select exit_code, summary from run") == [{"exit_code": 143, "summary": report.summary}]
    archived = {row["leg_id"] for row in site.legs().values() if row["state"] == "archived"}
    assert {path.name[:32] for path in site.audio_files()} == archived  # what was put is written down
    assert not [row for row in site.legs().values() if row["tries"]]  # and nothing is held against a leg
    site.simulator.clear_rules()
    report = site.night(ARCHIVE__BATCH=10)
    assert report.exit_code == 0
    assert set(site.states().values()) == {"archived"}
