"""Who a process is: an id alone may be another process's tomorrow."""

from __future__ import annotations

import os
import socket
from functools import cache
from typing import Any

import psutil


def this_process() -> dict[str, Any]:
    """Host, process id and start time (seconds since the epoch), as the columns of runs and announced segments."""
    pid = os.getpid()
    return {"host": socket.gethostname(), "pid": pid, "started": _started(pid)}


@cache
def _started(pid: int) -> float:
    """Asked once: the answer moves along when the clock is set."""
    return psutil.Process(pid).create_time()


def is_running_here(process: Any) -> bool:
    """Whether a process, by the three columns of its row, is seen to run on this host.

    ``False`` does not mean that it is dead: it may run elsewhere, or in another container, which we do not see.
    """
    if process["host"] != socket.gethostname():
        return False
    try:
        return psutil.Process(process["pid"]).create_time() == float(process["started"])
    except psutil.Error:
        return False


def identity(process: Any) -> tuple[str, int, float]:
    """The three columns of a row that tell a process from all others."""
    return process["host"], process["pid"], float(process["started"])
