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


NEVER_ENDING = """
import sys, threading
from noojee_ingest.stopping import end_within

threading.Thread(target=threading.Event().wait).start()
print("told", end="")
end_within(0.2, 3)
sys.exit(0)
"""


def test_the_end_of_a_process_that_a_library_holds_is_bounded_and_what_was_said_arrives() -> None:
    done = run(NEVER_ENDING)
    assert (done.returncode, done.stdout, done.stderr) == (3, "told", "")


HELD = """
import threading
from noojee_ingest import cli
from noojee_ingest.cli import program

def held():
    threading.Thread(target=threading.Event().wait).start()
    raise SystemExit({code})

cli.END_SECONDS, program.main = 0.2, held
cli.main()
"""


@pytest.mark.parametrize(("told", "code"), [("3", 3), ("None", 0), ("'why'", 1)])
def test_so_is_that_of_the_command_under_its_own_exit_code(told: str, code: int) -> None:
    assert run(HELD.format(code=told)).returncode == code


EARLY = """
import sys

class Impatient:
    def find_spec(self, name, *_):
        if name == "noojee_ingest.cli.program":
            raise KeyboardInterrupt

sys.meta_path.insert(0, Impatient())
from noojee_ingest.cli import main
main()
"""


def test_ctrl_c_while_the_command_is_being_imported_is_no_traceback() -> None:
    done = run(EARLY)
    assert (done.returncode, done.stderr) == (130, "")
