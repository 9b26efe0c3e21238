"""Processes that help a rebuild: they fold batches of segments.

Each is this module run as a program: it reads questions from its standard input and writes answers to its standard
output, and ends when the input does, however the rebuild ends. One that dies, or does not answer in time, is done
without: what it was asked is folded here, and the others go on.
"""

from __future__ import annotations

import gc
import os
import pickle
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO, cast

from sqlalchemy import Dialect, make_url

from noojee_ingest.catalogue.anew import FoldedBatch, folded_anew
from noojee_ingest.journal.segment import Segment, read_bytes

Objects = Sequence[tuple[str, bytes]]
"""Segments as the store has them: keys and bytes."""
Question = tuple[Objects, frozenset[str], str]

ANSWER_SECONDS = 60.0
"""So long a process may take for its answer, and as long again for each MiB of segments: a hundred times the usual."""
COLLECTED_AFTER = 10
"""So many answers: what is made of a batch has no circles and goes with it, but for a little."""


class Workers:
    """Use it in a ``with`` block: the processes end with it, and what is not answered then is dropped.

    ``number`` of processes, fewer where the system starts no more. With none all is folded in this process.
    """

    def __init__(self, number: int, dialect: Dialect) -> None:
        self._dialect = dialect
        self._helpers: list[_Helper] = []
        with suppress(OSError):  # no more processes, or no memory for them: then with fewer
            while len(self._helpers) < number:
                self._helpers.append(_Helper())
        self._idle = list(self._helpers)
        self._living = len(self._helpers)
        self._changed = threading.Condition()  # of the two above, and of:
        self._ending = False
        self._here = threading.Lock()
        self.ahead = 2 * self._living or 1
        """So many questions at once keep them busy: while one is answered, the next is read from the store."""
        self._threads = ThreadPoolExecutor(self.ahead)

    def __enter__(self) -> Workers:
        return self

    def __exit__(self, *_: object) -> None:
        with self._changed:
            self._ending = True
            self._changed.notify_all()
        for helper in self._helpers:
            helper.kill()
        self._threads.shutdown(cancel_futures=True)
        for helper in self._helpers:
            helper.close()

    def fold(self, read: Callable[[], Objects], left_out: frozenset[str]) -> Future[FoldedBatch]:
        """What ``folded_anew`` gives of the segments that ``read`` gives; its errors are those of both."""
        return self._threads.submit(self._folded, read, left_out)

    def _folded(self, read: Callable[[], Objects], left_out: frozenset[str]) -> FoldedBatch:
        objects = read()
        with self._helper() as helper:
            if helper is not None:
                answer = helper.asked((objects, left_out, f"{self._dialect.name}+{self._dialect.driver}://"))
                if answer is not None:
                    return answer
        with self._here:  # one at a time: more would take memory, and no less time
            return folded_anew(self._read(objects), left_out, self._dialect)

    @contextmanager
    def _helper(self) -> Iterator[_Helper | None]:
        """One that has nothing to do, once there is one; ``None`` when all have died."""
        with self._changed:
            self._changed.wait_for(lambda: self._idle or not self._living or self._ending)
            self._go_on()
            helper = self._idle.pop() if self._idle else None
        try:
            yield helper
        finally:
            with self._changed:
                if helper is not None and helper.lives:
                    self._idle.append(helper)
                elif helper is not None:
                    self._living -= 1
                self._changed.notify_all()

    def _read(self, objects: Objects) -> Iterator[Segment]:
        for key, data in objects:
            self._go_on()
            yield read_bytes(key, data)

    def _go_on(self) -> None:
        if self._ending:
            raise _Ending


class _Ending(Exception):
    """Nobody waits for the answer any more."""


class _Helper:
    """A process that folds. Raises OSError when it cannot be started. ``lives``: it can be asked again."""

    def __init__(self) -> None:
        self._process = _start()
        self.lives = True

    def asked(self, question: Question) -> FoldedBatch | None:
        """``None`` where it could not, or is no more: whoever asks finds out why by doing it."""
        to, of = cast(BinaryIO, self._process.stdin), cast(BinaryIO, self._process.stdout)
        too_late = threading.Timer(_patience(question[0]), self.kill)  # then both pipes end
        too_late.daemon = True
        too_late.start()
        try:
            pickle.dump(question, to, pickle.HIGHEST_PROTOCOL)
            to.flush()
            answer: FoldedBatch | None = pickle.load(of)  # noqa: S301 (our own process)
        except (OSError, EOFError, pickle.UnpicklingError):
            self.kill()
            return None
        finally:
            too_late.cancel()
        return answer

    def kill(self) -> None:
        self.lives = False
        self._process.kill()

    def close(self) -> None:
        """After ``kill``."""
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                with suppress(OSError):
                    pipe.close()


def _patience(objects: Objects) -> float:
    return ANSWER_SECONDS * (1 + sum(len(data) for _, data in objects) / 1024**2)


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


def _answer(question: Question) -> FoldedBatch | None:
    objects, left_out, url = question
    try:
        segments = (read_bytes(key, data) for key, data in objects)
        return folded_anew(segments, left_out, make_url(url).get_dialect()())
    except Exception:
        return None


def _serve(questions: BinaryIO, answers: BinaryIO) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the rebuild, which ends us
    gc.disable()
    answered = 0
    with suppress(EOFError, BrokenPipeError):
        while True:
            pickle.dump(_answer(pickle.load(questions)), answers, pickle.HIGHEST_PROTOCOL)  # noqa: S301
            answers.flush()
            answered += 1
            if answered == 1:
                gc.freeze()  # what the program consists of need not be looked through
            if answered % COLLECTED_AFTER == 0:
                gc.collect()


if __name__ == "__main__":
    _serve(sys.stdin.buffer, sys.stdout.buffer)
