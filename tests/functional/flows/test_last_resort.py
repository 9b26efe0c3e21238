"""The last resort of a run that is asked to stop, in processes of their own: it ends them."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest


def lives(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def run(code: str) -> subprocess.CompletedProcess[str]:
    """Python code in a process of its own: it may not outlive its test."""
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False)


HANGING = """
import os, signal, subprocess, sys, threading
from noojee_ingest import stopping

stopping.LAST_RESORT = 0.2
child = subprocess.Popen(["sleep", "600"])
print(child.pid, flush=True)
with stopping.stop_on_signals() as stop, stop.ending(child.kill), stop.ending(lambda: 1 / 0):
    os.kill(os.getpid(), signal.{signal})
    {hang}
"""


@pytest.mark.parametrize(
    "hang",
    ["threading.Event().wait()", "lock = threading.Lock(); lock.acquire(); lock.acquire()"],
    ids=["event", "lock"],
)
@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_a_block_that_is_not_left_ends_with_the_process_and_takes_along_what_it_was_given(
    number: signal.Signals, code: int, hang: str
) -> None:
    done = run(HANGING.format(signal=number.name, hang=hang))
    assert done.returncode == code
    assert done.stderr.count("\n") == 1
    assert "the next run takes up what was under way" in done.stderr
    deadline = time.monotonic() + 20
    while lives(int(done.stdout)):
        assert time.monotonic() < deadline
        time.sleep(0.05)


LEFT = """
import os, signal, time
from noojee_ingest import stopping

stopping.LAST_RESORT = 0.2
with stopping.stop_on_signals() as stop:
    os.kill(os.getpid(), signal.SIGTERM)
    stop.wait(10)
time.sleep(0.6)
print("went on")
"""


def test_a_block_that_was_left_in_time_ends_nothing() -> None:
    done = run(LEFT)
    assert (done.returncode, done.stdout, done.stderr) == (0, "went on\n", "")


BUSY = """
import os, signal, sqlite3, sys, threading
from noojee_ingest import stopping

holder, waiter = (sqlite3.connect(sys.argv[1], isolation_level=None, timeout=60) for _ in range(2))
holder.execute("BEGIN EXCLUSIVE")

def ask_to_stop(stop):
    os.kill(os.getpid(), signal.SIGTERM)
    print("heard" if stop.wait(20) else "not heard", flush=True)
    os._exit(0)  # the main thread waits still

with stopping.stop_on_signals() as stop:
    threading.Timer(0.5, ask_to_stop, [stop]).start()
    waiter.execute("BEGIN EXCLUSIVE")
"""


def test_a_signal_is_heard_while_the_main_thread_waits_for_sqlite(tmp_path: Path) -> None:
    code = BUSY.replace("sys.argv[1]", repr(str(tmp_path / "busy.db")))
    assert run(code).stdout == "heard\n"
