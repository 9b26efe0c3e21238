"""SIGTERM and Ctrl-C as a request to stop: work in flight is finished or dropped, committed, and the run says so.

Within ``LAST_RESORT`` seconds, that is: what still waits then for a store or a database that does not answer is ended
with the process, as abruptly as by SIGKILL, which the next run makes good.
"""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator
from types import FrameType

LAST_RESORT = 25.0
"""Seconds from the signal; whoever sent it kills after 30."""

SIGNALS = (signal.SIGTERM, signal.SIGINT)

_active: _Ear | None = None


class Stop(threading.Event):
    """Set once the process is asked to stop; ``wait(seconds)`` is the sleep that a request to stop cuts short."""

    def __init__(self) -> None:
        super().__init__()
        self.signal: int | None = None
        self.last_acts: list[Callable[[], object]] = []

    @property
    def exit_code(self) -> int | None:
        """143 after SIGTERM, 130 after Ctrl-C, ``None`` while nobody asked."""
        return None if self.signal is None else 128 + self.signal

    @contextlib.contextmanager
    def ending(self, act: Callable[[], object]) -> Iterator[None]:
        """While the block lasts, ``act`` is called before a last resort: it ends what would outlive this process."""
        self.last_acts.append(act)
        try:
            yield
        finally:
            self.last_acts.remove(act)


@contextlib.contextmanager
def stop_on_signals() -> Iterator[Stop]:
    """Inside the block SIGTERM and SIGINT set the Stop that is yielded, and do nothing else.

    A block that is not left within ``LAST_RESORT`` seconds of a signal ends with the process, under the exit code of
    the signal.

    A flow opens the block again in its own body: while a flow runs, Prefect has a SIGTERM handler of its own in place,
    which would crash the run. The inner block takes the signals back and yields the same Stop. It puts nothing back:
    Prefect restores the outer handler itself, and a signal in between must not crash a run that is all but done.
    Outside the main thread, where Python hears no signals, nothing is changed.
    """
    global _active  # noqa: PLW0603 (signals belong to the process)
    if _active is not None:
        _active.take_signals()
        yield _active.stop
        return
    ear = _Ear()
    ear.listener.start()
    give_back = ear.take_signals()
    _active = ear
    try:
        yield ear.stop
    finally:
        _active = None
        give_back()
        ear.close()


def end_within(seconds: float, exit_code: int) -> None:
    """From now on the process has so many seconds to end by itself; then it ends under ``exit_code``.

    For the very end: threads and exit handlers of libraries may wait for a server that is gone.
    """

    def end() -> None:
        time.sleep(seconds)
        for stream in (sys.stdout, sys.stderr):
            with contextlib.suppress(OSError, ValueError):
                stream.flush()
        os._exit(exit_code)

    threading.Thread(target=end, name="end of the process", daemon=True).start()


class _Ear:
    """Hears the signals of the outermost block.

    The listener is a thread, told by a socket. The handler writes to it, and so does Python itself, at once
    (``signal.set_wakeup_fd``): the handler has to wait while the main thread is in a library's own code, such as
    SQLite's while another program writes. Neither sets the event: that could wait for a lock that the interrupted code
    holds.
    """

    def __init__(self) -> None:
        self.stop = Stop()
        self.listener = threading.Thread(target=self._listen, name="stop listener", daemon=True)
        self._hearing, self._telling = socket.socketpair()
        self._telling.setblocking(False)
        self._asked = False
        self._over = threading.Event()

    def take_signals(self) -> Callable[[], None]:
        """What gives them back."""
        if threading.current_thread() is not threading.main_thread():
            return lambda: None
        told = signal.set_wakeup_fd(self._telling.fileno(), warn_on_full_buffer=False)
        handlers = {number: signal.signal(number, self._handle) for number in SIGNALS}

        def give_back() -> None:
            signal.set_wakeup_fd(told)
            for number, handler in handlers.items():
                signal.signal(number, handler)

        return give_back

    def close(self) -> None:
        self._over.set()
        self._tell(0)
        self.listener.join()
        self._hearing.close()
        self._telling.close()

    def _handle(self, number: int, _frame: FrameType | None) -> None:
        """A second Ctrl-C raises KeyboardInterrupt: the person does not want to wait."""
        if self._asked and number == signal.SIGINT:
            raise KeyboardInterrupt
        self._asked = True
        self._tell(number)

    def _tell(self, number: int) -> None:
        with contextlib.suppress(BlockingIOError):  # so much was told that one more changes nothing
            self._telling.send(bytes([number]))

    def _listen(self) -> None:
        number = self._hearing.recv(1)[0]
        while number and number not in SIGNALS:  # of another signal that has a handler
            number = self._hearing.recv(1)[0]
        if not number:
            return
        self.stop.signal = number
        self.stop.set()
        if not self._over.wait(LAST_RESORT):
            self._end_process()

    def _end_process(self) -> None:
        for act in list(self.stop.last_acts):
            with contextlib.suppress(Exception):
                act()
        with contextlib.suppress(OSError, ValueError):
            print(
                f"noojee-ingest: asked to stop {LAST_RESORT:.0f} s ago, and something does not answer: ending without "
                "it. What is in the store is safe; the next run takes up what was under way.",
                file=sys.stderr,
                flush=True,
            )
        os._exit(self.stop.exit_code or 1)
