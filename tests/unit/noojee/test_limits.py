"""The limiter of one process: slots and turns."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from noojee_ingest.noojee import Interrupted, LocalLimiter, TurnKind


def test_no_more_than_the_allowed_number_hold_a_slot_at_once() -> None:
    limiter = LocalLimiter(concurrent=3)
    holding, most = 0, 0
    counting = threading.Lock()

    def hold() -> None:
        nonlocal holding, most
        with limiter.slot():
            with counting:
                holding += 1
                most = max(most, holding)
            time.sleep(0.01)
            with counting:
                holding -= 1

    with ThreadPoolExecutor(12) as pool:
        for future in [pool.submit(hold) for _ in range(24)]:
            future.result()

    assert most == 3


def test_a_slot_is_given_back_when_its_holder_fails() -> None:
    limiter = LocalLimiter(concurrent=1)
    for _ in range(3):
        with pytest.raises(ValueError, match="x"), limiter.slot():
            raise ValueError("x")
    with limiter.slot():
        pass


def test_turns_of_one_kind_keep_their_distance_even_between_threads() -> None:
    limiter = LocalLimiter(by_hour_interval=0.05)
    taken: list[float] = []

    def take() -> None:
        limiter.turn(TurnKind.BY_HOUR)
        taken.append(time.monotonic())

    began = time.monotonic()
    with ThreadPoolExecutor(4) as pool:
        for future in [pool.submit(take) for _ in range(4)]:
            future.result()

    assert all(moment - began >= 0.05 * place for place, moment in enumerate(sorted(taken)))


def test_the_kinds_do_not_wait_for_each_other() -> None:
    limiter = LocalLimiter(by_hour_interval=3600.0, lead_interval=0.0)

    limiter.turn(TurnKind.BY_HOUR)
    for _ in range(3):
        limiter.turn(TurnKind.LEAD)


def test_waiting_for_a_turn_ends_when_asked_to_stop() -> None:
    stop = threading.Event()
    limiter = LocalLimiter(by_hour_interval=3600.0, stop=stop)
    limiter.turn(TurnKind.BY_HOUR)
    threading.Timer(0.05, stop.set).start()

    with pytest.raises(Interrupted, match="by-hour"):
        limiter.turn(TurnKind.BY_HOUR)


def test_waiting_for_a_slot_ends_when_asked_to_stop() -> None:
    stop = threading.Event()
    limiter = LocalLimiter(concurrent=1, stop=stop)
    threading.Timer(0.05, stop.set).start()

    with limiter.slot(), pytest.raises(Interrupted, match="slot"), limiter.slot():
        pass
