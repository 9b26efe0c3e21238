"""Begins runs, kills them, and hears how they ended."""

from __future__ import annotations

import json
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import IO, Any

import psutil

ROOT = Path(__file__).parents[2]
AT_MOST = 120.0  # seconds for a run


class Hung(Exception):
    """A run did not end."""


@dataclass(frozen=True)
class Ended:
    """How a run ended: ``code`` as of subprocess, ``told`` what it said of itself when it ended by itself."""

    code: int
    told: dict[str, Any]
    seconds: float

    @property
    def was_killed(self) -> bool:
        return self.code == -signal.SIGKILL


class Runs:
    """The processes of one place. ``log`` takes what they write to standard error."""

    def __init__(self, server: subprocess.Popen[str], folder: Path) -> None:
        self._server = server
        self.folder = folder
        self.log = folder / "log"
        self._numbers = count()
        self._begun: dict[int, tuple[Path, float]] = {}

    def begin(self, **order: Any) -> int:
        """Begin a run; its process id, which nobody else has until ``end`` was called."""
        told = self.folder / f"told-{next(self._numbers)}"
        pid: int = self._ask({"do": "begin", "log": str(self.log), "told": str(told), **order})
        self._begun[pid] = told, time.monotonic()
        return pid

    def end(self, pid: int) -> Ended:
        """Wait until it has ended. Raises Hung."""
        told, began = self._begun.pop(pid)
        try:
            code: int = self._ask({"do": "wait", "pid": pid})
        except Hung:
            os.kill(pid, signal.SIGKILL)
            self._answer()
            raise
        said = json.loads(told.read_text()) if told.exists() else {}
        told.unlink(missing_ok=True)
        return Ended(code, said, time.monotonic() - began)

    def run(self, **order: Any) -> Ended:
        return self.end(self.begin(**order))

    def run_killed(self, seconds: float, **order: Any) -> Ended:
        """A run that is killed after so many seconds, unless it is over by then."""
        pid = self.begin(**order)
        time.sleep(seconds)
        os.kill(pid, signal.SIGKILL)
        return self.end(pid)

    def _ask(self, order: dict[str, Any]) -> Any:
        stream: IO[str] = self._server.stdin  # type: ignore[assignment]
        stream.write(json.dumps(order) + "\n")
        stream.flush()
        return self._answer()

    def _answer(self) -> Any:
        stream: IO[str] = self._server.stdout  # type: ignore[assignment]
        if not select.select([stream], [], [], AT_MOST)[0]:
            raise Hung(f"a run did not end within {AT_MOST:.0f} s")
        line = stream.readline()
        if not line:
            raise RuntimeError(f"the process that begins the runs has ended; see {self.log}")
        return json.loads(line)


def holds_still(pid: int, seconds: float = 60.0) -> bool:
    """Wait until a run has stopped itself; ``False`` when it ended instead."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        with suppress(psutil.Error):
            status = psutil.Process(pid).status()
            if status == psutil.STATUS_STOPPED:
                return True
            if status == psutil.STATUS_ZOMBIE:
                return False
        time.sleep(0.005)
    raise Hung(f"process {pid} neither stopped nor ended")


@contextmanager
def started(folder: Path) -> Iterator[Runs]:
    """The process that begins the runs; it and all runs end with the block."""
    with (folder / "log").open("ab") as log:
        server = subprocess.Popen(
            [sys.executable, "-W", "error", "-m", "tests.crash.child"],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
        )
    try:
        yield Runs(server, folder)
    finally:
        server.kill()  # its runs end with it
        for pipe in (server.stdin, server.stdout):
            with suppress(BrokenPipeError):
                pipe.close()  # type: ignore[union-attr]
        server.wait()
