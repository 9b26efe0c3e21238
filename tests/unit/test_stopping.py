from __future__ import annotations

import os
import signal
import threading

import pytest

from noojee_ingest.stopping import LAST_RESORT, stop_on_signals

BOTH = pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])


@BOTH
def test_a_signal_sets_the_stop_and_its_exit_code(number: signal.Signals, code: int) -> None:
    with stop_on_signals() as stop:
        assert (stop.is_set(), stop.exit_code) == (False, None)
        os.kill(os.getpid(), number)
        assert stop.wait(10)
        assert stop.exit_code == code


@BOTH
def test_the_handlers_of_before_are_back_afterwards(number: signal.Signals, code: int) -> None:
    before = signal.getsignal(number)
    with stop_on_signals():
        assert signal.getsignal(number) != before
    assert signal.getsignal(number) == before


def test_an_inner_block_takes_the_signals_back_and_yields_the_same_stop() -> None:
    with stop_on_signals() as outer:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)  # as Prefect does with a handler of its own
        with stop_on_signals() as inner:
            assert inner is outer
            os.kill(os.getpid(), signal.SIGTERM)
            assert outer.wait(10)


def test_the_first_signal_decides_the_exit_code_and_a_second_sigterm_changes_nothing() -> None:
    with stop_on_signals() as stop:
        os.kill(os.getpid(), signal.SIGTERM)
        os.kill(os.getpid(), signal.SIGTERM)
        assert stop.wait(10)
        assert stop.exit_code == 143


def test_a_second_ctrl_c_does_not_wait() -> None:
    with stop_on_signals():
        os.kill(os.getpid(), signal.SIGINT)
        with pytest.raises(KeyboardInterrupt):
            os.kill(os.getpid(), signal.SIGINT)


def test_another_thread_shares_the_stop_and_changes_no_handler() -> None:
    shared = []

    def inner() -> None:
        with stop_on_signals() as stop:
            shared.append(stop)

    with stop_on_signals() as outer:
        handler = signal.getsignal(signal.SIGTERM)
        thread = threading.Thread(target=inner)
        thread.start()
        thread.join()
        assert shared == [outer]
        assert signal.getsignal(signal.SIGTERM) == handler


def test_nothing_of_one_block_is_left_for_the_next() -> None:
    with stop_on_signals() as first:
        os.kill(os.getpid(), signal.SIGTERM)
        first.wait(10)
    with stop_on_signals() as second:
        assert second is not first
        assert not second.is_set()
    assert not [thread for thread in threading.enumerate() if thread.name == "stop listener"]


def test_the_wakeup_descriptor_of_before_is_back_afterwards() -> None:
    with stop_on_signals():
        pass
    assert signal.set_wakeup_fd(-1) == -1


def test_there_is_time_left_for_the_last_words() -> None:
    assert LAST_RESORT <= 30 - 3
