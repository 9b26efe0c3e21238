"""Who a process is: an id alone may be another process's tomorrow."""

from __future__ import annotations

import os
import socket
from typing import Any

import psutil


def this_process() -> dict[str, Any]:
    """Host, process id and start time (seconds since the epoch), as the columns of runs and announced segments."""
    return {"host": socket.gethostname(), "pid": os.getpid(), "started": psutil.Process().create_time()}


def lives_here(row: Any) -> bool:
    """Whether the process of a run or announced segment lives; that of another host counts as alive."""
    if row["host"] != socket.gethostname():
        return True
    try:
        return bool(abs(psutil.Process(row["pid"]).create_time() - row["started"]) < 1.0)
    except psutil.Error:
        return False
