"""SIGTERM and Ctrl-C as a request to stop: work in flight is finished or dropped, committed, and the run says so."""

from __future__ import annotations

import contextlib
import queue
import signal
import threading
from collections.abc import Iterator
from types import FrameType

_active: Stop | None = None


class Stop(threading.Event):
    """Set once the process is asked to stop; ``wait(seconds)`` is the sleep that a request to stop cuts short."""

    def __init__(self) -> None:
        super().__init__()
        self.signal: int | None = None
        self._heard: queue.SimpleQueue[bool] = queue.SimpleQueue()

    @property
    def exit_code(self) -> int | None:
        """143 after SIGTERM, 130 after Ctrl-C, ``None`` while nobody asked."""
        return None if self.signal is None else 128 + self.signal

    def hear(self, number: int, _frame: FrameType | None = None) -> None:
        """The signal handler. A second Ctrl-C raises KeyboardInterrupt: the person does not want to wait."""
        if self.signal is not None and number == signal.SIGINT:
            raise KeyboardInterrupt
        if self.signal is None:
            self.signal = number
            self._heard.put(True)  # Event.set in a handler could wait for a lock that the interrupted code holds

    def listen(self) -> None:
        """Set the event when a signal was heard; returns then, or after ``close``."""
        if self._heard.get():
            self.set()

    def close(self) -> None:
        self._heard.put(False)


@contextlib.contextmanager
def stop_on_signals() -> Iterator[Stop]:
    """Inside the block SIGTERM and SIGINT set the Stop that is yielded, and do nothing else.

    A flow opens the block again in its own body: while a flow runs, Prefect has a SIGTERM handler of its own in place,
    which would crash the run. The inner block takes the signals back and yields the same Stop. It puts nothing back:
    Prefect restores the outer handler itself, and a signal in between must not crash a run that is all but done.
    Outside the main thread, where Python hears no signals, nothing is changed.
    """
    global _active  # noqa: PLW0603 (signals belong to the process)
    if _active is not None:
        _take_signals(_active)
        yield _active
        return
    stop = Stop()
    listener = threading.Thread(target=stop.listen, name="stop listener", daemon=True)
    listener.start()
    before = _take_signals(stop)
    _active = stop
    try:
        yield stop
    finally:
        _active = None
        for number, handler in before.items():
            signal.signal(number, handler)
        stop.close()
        listener.join()


def _take_signals(stop: Stop) -> dict[int, signal._HANDLER]:
    if threading.current_thread() is not threading.main_thread():
        return {}
    return {number: signal.signal(number, stop.hear) for number in (signal.SIGTERM, signal.SIGINT)}
