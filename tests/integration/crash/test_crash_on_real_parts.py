"""The short form of ``make crash-test``, into a real S3 server and PostgreSQL."""

from __future__ import annotations

from pathlib import Path

import pytest

from noojee_ingest.simulator import start
from tests.crash.campaign import SCENARIO, Campaign, Tally
from tests.crash.places import KEY, buckets
from tests.crash.runs import started

SEED, KILLS = 5, 8


def test_killed_anywhere_nothing_is_lost_doubled_falsely_archived_or_fetched_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tally = Tally()
    with started(tmp_path) as runs, buckets(tmp_path) as new, start(SCENARIO, KEY) as simulator:
        for name, text in new.environ.items():
            monkeypatch.setenv(name, text)
        Campaign(new, simulator, runs, tally, seed=SEED).run(KILLS)
    assert tally.told == []
    assert tally.is_right
    assert tally.kills >= KILLS
