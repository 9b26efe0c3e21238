"""How long a time stamp serves and for whom: one call each, or all while it is fresh; many at once."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import ExitStack
from itertools import pairwise
from typing import Any

import pytest

from noojee_ingest.noojee import (
    ExpiredTimeStamp,
    Noojee,
    authentication,
)
from tests.functional.noojee.hash_system import TIME, Clock, HashSystem


def test_where_a_stamp_serves_one_call_only_every_call_takes_its_own(
    system: HashSystem, connect: Callable[..., Noojee]
) -> None:
    system.once = True
    noojee = connect()

    for _ in range(10):
        noojee.recordings.by_unique_id("1.7")
        time.sleep(0.002)

    assert system.counted == {"time": 10, "other": 11}  # one was wasted on finding out


@pytest.mark.parametrize("tick", [1, 40])
def test_two_calls_of_one_millisecond_have_two_stamps(
    system: HashSystem, connect: Callable[..., Noojee], tick: int
) -> None:
    system.once = True
    system.tick = tick
    noojee = connect()

    for _ in range(20):
        noojee.recordings.by_unique_id("1.7")

    assert system.counted["other"] == 21
    assert 20 <= system.counted["time"] <= 20 * (8 if tick == 40 else 4)  # asked again, at growing distances


def test_a_clock_that_stands_still_is_taken_as_it_is_in_the_end(
    system: HashSystem, connect: Callable[..., Noojee], waits: Any
) -> None:
    system.tick = 10**9
    system.expire_next = 1

    connect(stop=waits).recordings.by_unique_id("1.7")

    assert system.counted["other"] == 2
    assert 10.0 <= sum(waits.told) <= 10.5
    assert waits.told[:4] == [0.001, 0.002, 0.004, 0.008]
    assert max(waits.told) == 0.2


@pytest.mark.parametrize("served", [0, 2, 9])
def test_one_that_expired_for_no_reason_does_not_end_the_sharing(
    system: HashSystem, connect: Callable[..., Noojee], clock: Clock, served: int
) -> None:
    noojee = connect()
    for _ in range(served):
        noojee.recordings.by_unique_id("1.7")
    system.expire_next = 1

    for _ in range(20):
        noojee.recordings.by_unique_id("1.7")

    # the first one, that of the repeat, and the one shared after it
    assert system.counted["other"] == served + 21
    assert system.counted["time"] - _same(system) == 3


def test_sharing_stays_when_the_repeat_failed_too(
    system: HashSystem, connect: Callable[..., Noojee], clock: Clock
) -> None:
    noojee = connect()
    noojee.recordings.by_unique_id("1.7")
    system.expire_next = 2
    with pytest.raises(ExpiredTimeStamp):
        noojee.recordings.by_unique_id("1.7")

    for _ in range(20):
        noojee.recordings.by_unique_id("1.7")

    assert system.counted["time"] - _same(system) == 3


def test_the_repeat_has_a_stamp_of_its_own(system: HashSystem, connect: Callable[..., Noojee]) -> None:
    noojee = connect()
    system.expire_next = 1

    noojee.recordings.by_unique_id("1.7")
    noojee.recordings.by_unique_id("1.7")

    stamps = [query["timeStamp"] for path, query in system.asked if path != TIME]
    assert len(set(stamps)) == 3


def _same(system: HashSystem) -> int:
    """How often the time was asked for in vain, within one millisecond."""
    paths = [path for path, _ in system.asked]
    return sum(one == other == TIME for one, other in pairwise(paths))


def test_where_a_stamp_serves_one_call_only_many_at_once_work_too(
    system: HashSystem, connect: Callable[..., Noojee]
) -> None:
    system.once = True
    noojee = connect()

    with ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(lambda _: noojee.recordings.by_unique_id("1.7"), range(400)))

    assert len(answers) == 400
    assert system.most_under_way <= 5


def test_many_at_once_share_one_stamp_and_at_most_five_authenticate(
    system: HashSystem, connect: Callable[..., Noojee]
) -> None:
    noojee = connect()
    noojee.recordings.by_unique_id("1.7")
    system.hold.clear()

    with ThreadPoolExecutor(16) as pool:
        asked = [pool.submit(noojee.recordings.by_unique_id, "1.7") for _ in range(63)]
        threading.Timer(0.5, system.hold.set).start()
        assert all(each.result(timeout=60) is not None for each in asked)

    assert system.counted == {"time": 1, "other": 64}
    assert system.most_under_way == 5


def test_polls_count_among_the_five_for_their_first_seconds_only(
    system: HashSystem, connect: Callable[..., Noojee], clock: Clock
) -> None:
    noojee = connect()
    noojee.recordings.by_unique_id("1.7")
    system.hold.clear()
    system.held = "subscribe"
    system.reply = (200, b'{"seq":1,"Code":0}')

    with ThreadPoolExecutor(6) as pool:
        polls = [pool.submit(next, noojee.calls.watch([str(each)], since=1), None) for each in range(5)]
        until(lambda: system.under_way == 5)
        system.reply = (200, b"[]")
        asked = pool.submit(noojee.recordings.by_unique_id, "1.7")
        with pytest.raises(TimeoutError):
            asked.result(timeout=0.5)
        clock.seconds += authentication.COUNTED

        answered = wait([asked], timeout=5.0).done
        for each in polls:
            assert not each.done()
        noojee._session._stop.set()
        system.hold.set()

    assert answered


def test_what_is_answered_soon_holds_its_attempt_to_the_end(
    system: HashSystem, connect: Callable[..., Noojee], clock: Clock
) -> None:
    noojee = connect()
    noojee.recordings.by_unique_id("1.7")
    system.hold.clear()

    with ThreadPoolExecutor(6) as pool:
        asked = [pool.submit(noojee.recordings.by_unique_id, "1.7") for _ in range(6)]
        until(lambda: system.under_way == 5)
        clock.seconds += authentication.COUNTED
        wait(asked, timeout=0.5)
        most = system.most_under_way
        system.hold.set()

    assert most == 5


def until(met: Callable[[], bool]) -> None:
    """Wait until it is so, for 10 s at most."""
    for _ in range(1_000):
        if met():
            return
        time.sleep(0.01)
    pytest.fail("it never came to that")


def test_streams_that_are_open_hold_no_attempt(system: HashSystem, connect: Callable[..., Noojee]) -> None:
    system.reply = (200, b"RIFF\0\0\0\0WAVE")
    noojee = connect()

    with ExitStack() as stack:
        streams = [stack.enter_context(noojee.recordings.audio_by_unique_id("1.7", str(leg))) for leg in range(8)]
        assert [b"".join(stream) for stream in streams] == [b"RIFF\0\0\0\0WAVE"] * 8
