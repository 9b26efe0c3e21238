"""Time stamp and hash against a phone system that checks them, with its own idea of the time."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from noojee_ingest.noojee import (
    AuthenticationFailed,
    AuthenticationMethod,
    BadAnswer,
    ExpiredTimeStamp,
    Noojee,
    NotFound,
    Patience,
    ServerFault,
    Uncertain,
    contract_from,
)
from tests.functional.conftest import KEY
from tests.functional.noojee.hash_system import EXPIRED, TIME, Clock, HashSystem


def test_stamp_and_hash_go_in_front_and_the_key_never(system: HashSystem, connect: Callable[..., Noojee]) -> None:
    connect().recordings.by_unique_id("1700000123.7")

    (time_path, _), (_, query) = system.asked
    assert time_path == TIME
    assert list(query) == ["timeStamp", "hash", "uniqueId"]
    assert 0 <= int(query["timeStamp"]) - 1_500_000_000_123 <= 60_000
    assert KEY not in str(system.asked)


def test_a_stamp_serves_all_calls_while_it_is_fresh_and_is_renewed_in_time(
    system: HashSystem, connect: Callable[..., Noojee], clock: Clock
) -> None:
    noojee = connect()

    for _ in range(30):  # 30 s, one call a second, on both clocks
        noojee.recordings.by_unique_id("1.7")
        clock.seconds += 1.0
        system.moved += 1_000

    assert system.counted == {"time": 5, "other": 30}
    assert noojee.requests_made == {"time": 5, "by_unique_id": 30}


def test_our_own_wrong_clock_does_no_harm(system: HashSystem, connect: Callable[..., Noojee]) -> None:
    for wrong in (datetime(1999, 1, 1, tzinfo=UTC), datetime(2999, 1, 1, tzinfo=UTC)):
        connect(clock=lambda wrong=wrong: wrong).recordings.by_unique_id("1.7")

    assert system.counted == {"time": 2, "other": 2}


def test_a_stamp_that_expired_on_the_way_leads_to_a_new_one_and_one_repeat(
    system: HashSystem, connect: Callable[..., Noojee], clock: Clock
) -> None:
    noojee = connect()
    noojee.recordings.by_unique_id("1.7")
    system.moved += 11_000
    clock.seconds += 6.9

    noojee.recordings.by_unique_id("1.7")

    assert system.counted == {"time": 2, "other": 3}


@pytest.mark.parametrize("status", [200, 400, 401, 403])
def test_expired_is_understood_whatever_the_status(
    system: HashSystem, connect: Callable[..., Noojee], status: int
) -> None:
    system.reply = (status, EXPIRED)

    with pytest.raises(ExpiredTimeStamp, match="Expired TimeStamp"):
        connect().recordings.by_unique_id("1.7")

    assert (system.counted["other"], system.counted["time"] >= 2) == (2, True)  # a third in the same millisecond


def test_a_change_is_repeated_once_too_as_the_phone_system_did_nothing(
    system: HashSystem, connect: Callable[..., Noojee]
) -> None:
    system.reply = (200, b'{"Message":"Channel Hungup","Code":0}')
    system.expire_next = 1

    assert connect().calls.hangup("1.7").message == "Channel Hungup"
    assert system.counted == {"time": 2, "other": 2}


def test_a_change_is_not_repeated_a_second_time(system: HashSystem, connect: Callable[..., Noojee]) -> None:
    system.expire_next = 100

    with pytest.raises(ExpiredTimeStamp):
        connect().calls.hangup("1.7")

    assert system.counted == {"time": 2, "other": 2}


def test_a_change_whose_repeat_is_lost_is_uncertain(system: HashSystem, connect: Callable[..., Noojee]) -> None:
    system.reply = (500, b"")
    system.expire_next = 1

    with pytest.raises(Uncertain):
        connect().calls.hangup("1.7")

    assert system.counted == {"time": 2, "other": 2}


def test_a_change_waits_for_the_time_as_long_as_it_takes(system: HashSystem, connect: Callable[..., Noojee]) -> None:
    system.time_replies = [(500, b""), (503, b"")]
    system.reply = (200, b'{"Code":0}')

    assert connect(patience=Patience(tries=3, first=0.0)).calls.hangup("1.7").code == 0
    assert system.counted == {"time": 3, "other": 1}


def test_audio_whose_stamp_expired_is_asked_again(system: HashSystem, connect: Callable[..., Noojee]) -> None:
    system.reply = (200, b"RIFF\0\0\0\0WAVE")
    system.expire_next = 1

    with connect().recordings.audio_by_unique_id("1.7", "1") as audio:
        assert b"".join(audio) == b"RIFF\0\0\0\0WAVE"


def test_a_wrong_key_is_told_as_such_and_asked_once(system: HashSystem, connect: Callable[..., Noojee]) -> None:
    with pytest.raises(AuthenticationFailed, match="Invalid hash") as caught:
        connect(key="another-key-0123456789").recordings.by_unique_id("1.7")

    assert type(caught.value) is AuthenticationFailed
    assert system.counted == {"time": 1, "other": 1}


@pytest.mark.parametrize(
    ("reply", "error"),
    [
        ((404, b"<html>404</html>"), NotFound),
        ((200, b"<html>Welcome</html>"), BadAnswer),
        ((200, b"soon"), BadAnswer),
        ((200, b""), BadAnswer),
        ((200, b"15000000001234567"), BadAnswer),
        ((200, b"-1500000000123"), BadAnswer),
        ((200, b'{"time":1500000000123}'), BadAnswer),
        ((200, b'{"Code":-1,"Message":"Invalid hash"}'), AuthenticationFailed),
        ((500, b""), ServerFault),
    ],
)
@pytest.mark.parametrize("ask", [lambda n: n.server_time(), lambda n: n.calls.hangup("1.7")])
def test_a_clock_that_cannot_be_read_is_told_and_nothing_else_is_sent(
    system: HashSystem, connect: Callable[..., Noojee], ask: Any, reply: tuple[int, bytes], error: type[Exception]
) -> None:
    system.time_replies = [reply] * 2

    with pytest.raises(error, match="Could not fetch the phone system's time"):
        ask(connect())

    assert system.counted["other"] == 0


@pytest.mark.parametrize("method", AuthenticationMethod)
@pytest.mark.parametrize("body", [b"1500000000123", b" 1500000000123\r\n", b'"1500000000123"'])
def test_the_time_is_told_without_any_key(
    system: HashSystem, connect: Callable[..., Noojee], method: AuthenticationMethod, body: bytes
) -> None:
    system.time_replies = [(200, body)]

    told = connect(method=method).server_time()

    assert told == datetime(2017, 7, 14, 2, 40, 0, 123_000, tzinfo=UTC)
    assert system.asked == [(TIME, {})]


def test_a_corrected_contract_goes_out_instead(phone: Any) -> None:
    contract = contract_from({"authentication": {"time_stamp": "ts", "hash": "digest"}, "time": {"path": "/Clock"}})
    phone.answers("1500000000123", "[]")

    with Noojee(phone.url, KEY, zone=ZoneInfo("UTC"), method=AuthenticationMethod.HASH, contract=contract) as noojee:
        noojee.recordings.by_unique_id("1.7")

    first, second = phone.asked
    assert (first.target, first.body) == ("/Clock", b"")
    assert [name for name, _ in second.query] == ["ts", "digest", "uniqueId"]
