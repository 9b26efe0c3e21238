"""The examples of docs/api.md, run as they stand there against a simulated phone system."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from noojee_ingest.simulator import Dialect

ROOT = Path(__file__).parents[3]
EXAMPLES = dict(
    re.findall(r"^```python\n# (\w+)\.py\n(.*?)^```$", (ROOT / "docs" / "api.md").read_text(), re.DOTALL | re.MULTILINE)
)


def test_there_are_five() -> None:
    assert sorted(EXAMPLES) == ["dial", "hour", "lead", "older", "watch"]


@pytest.fixture
def run(simulator_key: str) -> Callable[..., list[str]]:
    """Runs an example in a process of its own; gives the lines that it prints."""

    def run(name: str, simulator: Any, **more: str) -> list[str]:
        environ = {"NOOJEE_URL": simulator.url, "NOOJEE_KEY": simulator_key, **more, "PYTHONPATH": str(ROOT)}
        done = subprocess.run(
            [sys.executable, "-W", "error", "-c", EXAMPLES[name]],
            env={**os.environ, **environ},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert (done.returncode, done.stderr) == (0, "")
        return done.stdout.splitlines()

    return run


def test_hour(run: Callable[..., list[str]], start_simulator: Callable[..., Any]) -> None:
    simulator = start_simulator(calls_a_day=100)
    truth = simulator.truth()
    ended = [leg for leg in truth.legs if f"{leg.end:%Y-%m-%dT%H}" == "2026-03-09T23"]  # 10 o'clock in Melbourne
    *legs, size = run("hour", simulator)
    assert ended
    assert sorted(line.split()[0] + "/" + line.split()[1] for line in legs) == sorted(
        f"{leg.call_record_id}/{leg.leg}" for leg in ended
    )
    assert int(size.removesuffix(" bytes")) > 1000


def test_dial(run: Callable[..., list[str]], start_simulator: Callable[..., Any]) -> None:
    simulator = start_simulator()
    (line,) = run("dial", simulator)
    assert re.fullmatch(r"session \d+ without a warning", line)
    assert simulator.counters().requests["dial"] == 1


def test_watch(run: Callable[..., list[str]], start_simulator: Callable[..., Any]) -> None:
    assert run("watch", start_simulator(ring_seconds=0.2)) == ["talking with 0355500123"]


def test_lead(run: Callable[..., list[str]], start_simulator: Callable[..., Any]) -> None:
    simulator = start_simulator()
    ok, refused, again = run("lead", simulator)
    assert (ok, again) == ("OK", "OK")
    assert refused.startswith("105 Update the one that exists")
    assert len([lead for lead in simulator.leads() if "A-10" in str(lead)]) == 1


def test_older(run: Callable[..., list[str]], start_simulator: Callable[..., Any]) -> None:
    simulator = start_simulator(dialect=Dialect.HASH_ONLY)
    legs = simulator.truth().legs
    of_call = [leg for leg in legs if leg.unique_id == legs[0].unique_id]
    names, number = run("older", simulator, UNIQUE_ID=legs[0].unique_id)
    assert "Energy renewals" in names
    assert number == f"{len(of_call)} legs"
