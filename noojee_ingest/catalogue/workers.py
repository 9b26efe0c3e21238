"""Processes that fold batches of segments for a rebuild, as many as the machine has cores.

Each is this module run as a program: it reads questions from its standard input and writes answers to its standard
output, and ends when the input does, however the rebuild ends.
"""

from __future__ import annotations

import gc
import os
import pickle
import signal
import subprocess
import sys
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from queue import SimpleQueue
from typing import BinaryIO, cast

from sqlalchemy import Dialect, make_url

from noojee_ingest.catalogue.anew import Anew, folded_anew
from noojee_ingest.journal.segment import read_bytes

Objects = Sequence[tuple[str, bytes]]
"""Segments as the store has them: keys and bytes."""
Question = tuple[Objects, frozenset[str], str]


def folded_here(objects: Objects, without: frozenset[str], dialect: Dialect) -> Anew:
    """Raises DamagedSegment, UnknownVersion."""
    return folded_anew((read_bytes(key, data) for key, data in objects), without, dialect)


class Workers:
    """Use it in a ``with`` block: the processes end with it. With a ``number`` of 0 it is done in this one."""

    def __init__(self, number: int, dialect: Dialect) -> None:
        self._dialect = dialect
        self._processes = [_start() for _ in range(number)]
        self._idle: SimpleQueue[subprocess.Popen[bytes]] = SimpleQueue()
        for process in self._processes:
            self._idle.put(process)
        self._threads = ThreadPoolExecutor(self.ahead)

    @property
    def ahead(self) -> int:
        """So many questions at once keep them busy: while one is answered, the next is read from the store."""
        return 2 * len(self._processes) or 1

    def __enter__(self) -> Workers:
        return self

    def __exit__(self, *_: object) -> None:
        for process in self._processes:
            process.kill()
        self._threads.shutdown(cancel_futures=True)
        for process in self._processes:
            process.wait()
            for pipe in (process.stdin, process.stdout):
                if pipe is not None:
                    with suppress(OSError):
                        pipe.close()

    def fold(self, read: Callable[[], Objects], without: frozenset[str]) -> Future[Anew]:
        """What ``folded_here`` gives of what ``read`` gives; its errors are those of both."""
        return self._threads.submit(self._folded, read, without)

    def _folded(self, read: Callable[[], Objects], without: frozenset[str]) -> Anew:
        objects = read()
        if not self._processes:
            return folded_here(objects, without, self._dialect)
        process = self._idle.get()
        try:
            answer = _asked(process, (objects, without, _url(self._dialect)))
        finally:
            self._idle.put(process)
        return folded_here(objects, without, self._dialect) if answer is None else answer


def _url(dialect: Dialect) -> str:
    return f"{dialect.name}+{dialect.driver}://"


def _asked(process: subprocess.Popen[bytes], question: Question) -> Anew | None:
    """``None`` where the process could not, or is no more: whoever asks finds out why by doing it."""
    to, of = cast(BinaryIO, process.stdin), cast(BinaryIO, process.stdout)
    try:
        pickle.dump(question, to, pickle.HIGHEST_PROTOCOL)
        to.flush()
        answer: Anew | None = pickle.load(of)  # noqa: S301 (our own process)
    except (OSError, EOFError, pickle.UnpicklingError):
        return None
    return answer


def _start() -> subprocess.Popen[bytes]:
    package = str(Path(__file__).resolve().parents[2])
    path = os.pathsep.join(filter(None, (package, os.environ.get("PYTHONPATH"))))
    return subprocess.Popen(  # noqa: S603 (our own program)
        [sys.executable, "-m", __name__],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env={**os.environ, "PYTHONPATH": path},
    )


def _answer(question: Question) -> Anew | None:
    objects, without, url = question
    try:
        return folded_here(objects, without, make_url(url).get_dialect()())
    except Exception:
        return None


def _serve(questions: BinaryIO, answers: BinaryIO) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the rebuild, which ends us
    gc.disable()  # what is made of a batch has no circles and goes with it
    with suppress(EOFError, BrokenPipeError):
        while True:
            pickle.dump(_answer(pickle.load(questions)), answers, pickle.HIGHEST_PROTOCOL)  # noqa: S301
            answers.flush()
            gc.collect()


if __name__ == "__main__":
    _serve(sys.stdin.buffer, sys.stdout.buffer)
