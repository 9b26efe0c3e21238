"""Time stamp and hash against a phone system that checks them, with its own idea of the time."""

from __future__ import annotations

import hashlib
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import ExitStack
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import pairwise
from typing import Any
from urllib.parse import parse_qsl, urlsplit
from zoneinfo import ZoneInfo

import pytest

from noojee_ingest.noojee import (
    AuthenticationFailed,
    AuthenticationMethod,
    BadAnswer,
    ExpiredTimeStamp,
    LocalLimiter,
    Noojee,
    NotFound,
    Patience,
    ServerFault,
    Uncertain,
    authentication,
    contract_from,
)

KEY = "5b0f2c1e-7a11-11ec-9d3c-00163e1a2b3c"
EXPIRED = b'{"Message":"Expired TimeStamp","Code":-1}'
TIME = "/servicemanager/rest/Time"


class HashSystem:
    """Takes time stamp and hash only. Its clock runs in real milliseconds and can be moved; nothing of ours is in it.

    ``once``: each stamp is good for one request. ``tick``: milliseconds after which the clock goes on. ``held``: what
    the paths hold that wait for ``hold``.
    """

    def __init__(self) -> None:
        self._started = time.monotonic()
        self.moved = 0
        self.tick = 1
        self.once = False
        self.held = ""
        self.expire_next = 0
        self.time_replies: list[tuple[int, bytes]] = []
        self.reply: tuple[int, bytes] = (200, b"[]")
        self.used: set[str] = set()
        self.asked: list[tuple[str, dict[str, str]]] = []
        self.under_way = 0
        self.most_under_way = 0
        self.hold = threading.Event()
        self.hold.set()
        self._lock = threading.Lock()
        system = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            wbufsize = -1  # head and body in one piece: two would be 40 ms apart (Nagle, delayed ACK)

            def do_POST(self) -> None:
                self.rfile.read(int(self.headers.get("Content-Length", "0")))
                status, body = system.answer(self.path)
                self.send_response(status)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            do_GET = do_POST  # noqa: N815

            def log_message(self, *told: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01})
        self._thread.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}"

    @property
    def now(self) -> int:
        ran = int((time.monotonic() - self._started) * 1_000)
        return 1_500_000_000_123 + self.moved + ran // self.tick * self.tick

    @property
    def counted(self) -> Counter[str]:
        return Counter("time" if path == TIME else "other" for path, _ in self.asked)

    def answer(self, target: str) -> tuple[int, bytes]:
        path, query = urlsplit(target).path, dict(parse_qsl(urlsplit(target).query))
        with self._lock:
            self.asked.append((path, query))
            self.under_way += 1
            self.most_under_way = max(self.most_under_way, self.under_way)
        try:
            if self.held in path:
                self.hold.wait(10)
            with self._lock:
                return self._judge(path, query)
        finally:
            with self._lock:
                self.under_way -= 1

    def _judge(self, path: str, query: dict[str, str]) -> tuple[int, bytes]:
        if path == TIME:
            assert query == {}
            if self.time_replies:
                return self.time_replies.pop(0)
            return 200, str(self.now).encode()
        stamp_text = query.get("timeStamp", "0")
        assert "apiKey" not in query
        if query.get("hash") != hashlib.sha256(f"{KEY}:{stamp_text}".encode()).hexdigest():
            return 200, b'{"Code":-1,"Message":"Invalid hash"}'
        if self.expire_next:
            self.expire_next -= 1
            return 200, EXPIRED
        if not 0 <= self.now - int(stamp_text) <= 10_000 or (self.once and stamp_text in self.used):
            return 200, EXPIRED
        self.used.add(stamp_text)
        return self.reply

    def close(self) -> None:
        self._server.shutdown()
        self._thread.join(timeout=10)
        self._server.server_close()


@pytest.fixture
def system() -> Iterator[HashSystem]:
    running = HashSystem()
    yield running
    running.close()


@pytest.fixture
def connect(system: HashSystem) -> Iterator[Callable[..., Noojee]]:
    with ExitStack() as stack:

        def made(**changes: Any) -> Noojee:
            given: dict[str, Any] = {
                "zone": ZoneInfo("Australia/Melbourne"),
                "method": AuthenticationMethod.HASH,
                "limiter": LocalLimiter(20, by_hour_interval=0.0, lead_interval=0.0),
                "patience": Patience(tries=2, first=0.0),
                **changes,
            }
            return stack.enter_context(Noojee(system.url, given.pop("key", KEY), **given))

        yield made


class Clock:
    """Stands in for the clock that only runs forward."""

    def __init__(self) -> None:
        self.seconds = 1_000.0

    def __call__(self) -> float:
        return self.seconds


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()
    monkeypatch.setattr(authentication.HashCredential.__init__, "__kwdefaults__", {"clock": made})
    return made


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

    assert system.counted == {"time": 2, "other": 2}


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
