"""Memory follows the number of workers, never the size of recordings.

The peak of a night's process until it publishes, less that of a night without recordings, stays below

    workers x spool.memory_bytes_per_worker + 32 MiB

Publishing loads pyarrow, whose size has nothing to do with recordings and would hide what archiving takes.

The peak is VmHWM: ru_maxrss of a child begins with that of the process that started it.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

import noojee_ingest
from tests.functional.conftest import KEY

if TYPE_CHECKING:
    from .conftest import Site

MIB = 1024 * 1024
WORKERS, BUFFER = 8, MIB

NIGHT = """
import json, re, sys, threading
from datetime import datetime
from pathlib import Path
from noojee_ingest import model
from noojee_ingest.pipeline import budget, night
from noojee_ingest.pipeline.phone import clock_from
from noojee_ingest.pipeline.work import open_work
from noojee_ingest.settings import load

def peak():
    return 1024 * int(re.search(r"VmHWM:\\s+(\\d+) kB", Path("/proc/self/status").read_text())[1])

def publishing(work):
    global archived
    archived = peak()
    return publish(work)

publish, night.publish_changes = night.publish_changes, publishing
model.now_utc = clock_from(datetime.fromisoformat(sys.argv[2]))
budget.MARGIN_SECONDS = 0.0
with open_work(load(Path(sys.argv[1])), "here", actor="child", stop=threading.Event()) as work:
    report = night.run_night(work)
print(json.dumps({"peak": archived, "fetched": report.bounds.fetched_bytes, "workers": report.bounds.workers}))
"""


def night_of_a_child(site: Site, name: str) -> dict[str, Any]:
    site.folder = site.folder.parent / name
    site.settings()
    told_so = {"SITES__HERE__API_KEY": KEY, "SITES__HERE__CONCURRENT_REQUESTS": "10", **site.environ}
    variables = {f"NOOJEE_INGEST_{name}": value for name, value in told_so.items()}
    variables["PYTHONPATH"] = str(Path(noojee_ingest.__file__).parents[1])
    done = subprocess.run(
        [sys.executable, "-c", NIGHT, str(site.folder.parent / "config.toml"), site.now().isoformat()],
        env={**os.environ, **variables},
        capture_output=True,
        text=True,
        timeout=250,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    told: dict[str, Any] = json.loads(done.stdout)
    return told


def empty_night(site: Site) -> int:
    """The peak of a night without recordings, in bytes."""
    site.rule("retrieveMetaDataByHour", text="[]")
    site.rule("getCallRecordList", text='{"code":0,"message":"OK","entities":[]}')
    told = night_of_a_child(site, "empty")
    site.simulator.clear_rules()
    assert (told["fetched"], told["workers"]) == (0, WORKERS)
    return int(told["peak"])


def bound(empty: int) -> int:
    """The most bytes that a night may have where one without recordings has ``empty``."""
    return empty + WORKERS * BUFFER + 32 * MIB


@pytest.mark.parametrize(
    ("recordings", "size"), [(1, 256 * MIB), (12, 48 * MIB)], ids=["one of 256 MiB", "many at once"]
)
def test_the_peak_of_a_night_with_huge_recordings_stays_below_the_formula(
    site: Site, recordings: int, size: int
) -> None:
    empty = empty_night(site)
    legs = site.simulator.truth().ended(site.began.date().replace(day=10))[:recordings]
    for leg in legs:
        match = {"callRecordId": leg.call_record_id, "leg": leg.leg}
        site.rule("retrieveByCallRecordId", match=match, audio_bytes=size)
    told = night_of_a_child(site, "huge")
    assert told["fetched"] > recordings * size
    assert told["peak"] < bound(empty)
    assert bound(empty) < empty + 100 * MIB
    sizes = sorted(path.stat().st_size for path in site.audio_files())
    assert sizes[-recordings:] == [size] * recordings
