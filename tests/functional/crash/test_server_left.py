"""A run that is killed while it starts Prefect's server."""

from __future__ import annotations

import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import psutil
import pytest

from noojee_ingest.embedded_prefect import end_leftovers

KILLED = """
import os, signal, sys
from pathlib import Path
from noojee_ingest import embedded_prefect as module

name, nth, when = sys.argv[2:]
really, calls = getattr(module, name), []

def dying(*words, **named):
    calls.append(None)
    due = len(calls) == int(nth)
    if due and when == "before":
        os.kill(os.getpid(), signal.SIGKILL)
    result = really(*words, **named)
    if due:
        os.kill(os.getpid(), signal.SIGKILL)
    return result

setattr(module, name, dying)
with module.embedded_prefect(Path(sys.argv[1])):
    pass
"""


def servers(home: Path) -> list[psutil.Process]:
    """The processes that work in Prefect's folder."""
    found = []
    for process in psutil.process_iter():
        with suppress(psutil.Error):
            if process.status() != psutil.STATUS_ZOMBIE and process.cwd() == str(home):
                found.append(process)
    return found


@pytest.mark.parametrize(
    ("name", "nth", "when", "left"),
    [
        ("_write_record", 1, "before", 0),
        ("_write_record", 1, "after", 0),
        ("_start", 1, "after", 1),
        ("_write_record", 2, "before", 1),
        ("_write_record", 2, "after", 1),
        ("_answers", 1, "before", 1),
    ],
)
def test_no_server_is_left_wherever_its_start_is_killed(
    tmp_path: Path, name: str, nth: int, when: str, left: int
) -> None:
    home = tmp_path / "prefect"
    command = [sys.executable, "-c", KILLED, str(home), name, str(nth), when]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    try:
        assert done.returncode == -signal.SIGKILL, done.stderr
        assert len(servers(home)) == left
        assert end_leftovers(home) == left
        assert servers(home) == []
        assert list(home.glob("server-*.json")) == []
    finally:
        for process in servers(home):
            process.kill()
