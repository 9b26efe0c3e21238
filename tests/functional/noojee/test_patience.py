"""Retries, the limiter and the stop event, over real HTTP."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime
from typing import Any

import pytest

from noojee_ingest.noojee import (
    Busy,
    CutBody,
    Interrupted,
    LocalLimiter,
    Noojee,
    NoojeeError,
    NotFound,
    Patience,
    ServerFault,
    TurnKind,
)

DAY = date(2026, 11, 22)
AUDIO = b"RIFF\0" * 60_000  # 300 kB

Client = Callable[..., Noojee]


class Watched:
    """A limiter that writes down what is asked of it; ``late`` lets each slot come that many seconds late."""

    def __init__(self, late: float = 0.0) -> None:
        self.log: list[str] = []
        self.held = 0
        self._late = threading.Event() if late else None
        self._seconds = late

    @contextmanager
    def slot(self) -> Iterator[None]:
        if self._late:
            self._late.wait(self._seconds)
        self.held += 1
        self.log.append("slot")
        try:
            yield
        finally:
            self.held -= 1

    def turn(self, kind: TurnKind) -> None:
        self.log.append(kind)


def templates(noojee: Noojee) -> object:
    return noojee.campaigns.templates()


def by_unique_id(noojee: Noojee) -> object:
    return noojee.recordings.by_unique_id("1700000123.7")


def audio(noojee: Noojee) -> object:
    with noojee.recordings.audio_by_call_record_id("200417", "1") as stream:
        return b"".join(stream)


every_kind = pytest.mark.parametrize("ask", [templates, by_unique_id, audio])


@every_kind
@pytest.mark.parametrize(
    "bad",
    [{"status": 500}, {"status": 503}, {"status": 429}, {"cut": 1}, {"raw": b""}, {"body": "", "raw": b"HTTP/1.1 2"}],
    ids=str,
)
def test_what_is_transient_is_asked_again(
    phone: Any, client: Client, ask: Callable[[Noojee], object], bad: dict[str, Any]
) -> None:
    phone.answers(bad.pop("body", "[]"), **bad).answers("[]")
    noojee = client()

    ask(noojee)

    assert len(phone.asked) == 2
    assert sum(noojee.requests_made.values()) == 2


@every_kind
@pytest.mark.parametrize("status", [302, 400, 401, 403, 404, 410])
def test_what_is_terminal_is_asked_once(
    phone: Any, client: Client, waits: Any, ask: Callable[[Noojee], object], status: int
) -> None:
    phone.answers("", status=status)

    with pytest.raises(NoojeeError):
        ask(client())

    assert len(phone.asked) == 1
    assert waits.told == []


@every_kind
def test_the_tries_are_bounded_and_each_waits(
    phone: Any, client: Client, waits: Any, ask: Callable[[Noojee], object]
) -> None:
    phone.answers("", status=500)

    with pytest.raises(ServerFault):
        ask(client(patience=Patience(tries=4, first=10.0, longest=15.0)))

    assert len(phone.asked) == 4
    assert len(waits.told) == 3
    assert all(told <= bound for told, bound in zip(waits.told, [10.0, 15.0, 15.0], strict=True))


@pytest.mark.parametrize(
    "headers",
    [
        {"Retry-After": "20"},
        {"Retry-After": "Mon, 23 Nov 2026 02:00:20 GMT"},
        {"Retry-After": "Mon, 23 Nov 2026 09:00:20 GMT", "Date": "Mon, 23 Nov 2026 09:00:00 GMT"},
    ],
)
@pytest.mark.parametrize("status", [429, 503])
def test_the_phone_system_says_how_long_to_wait(
    phone: Any, client: Client, waits: Any, status: int, headers: dict[str, str]
) -> None:
    phone.answers("", status=status, headers=headers).answers("[]")

    templates(client(clock=lambda: datetime(2026, 11, 23, 2, 0, tzinfo=UTC)))

    (told,) = waits.told
    assert 20.0 <= told <= 20.5


def test_a_wait_beyond_our_patience_is_not_begun_but_told(phone: Any, client: Client, waits: Any) -> None:
    phone.answers("", status=429, headers={"Retry-After": "3600"})

    with pytest.raises(Busy, match="asks to wait 3600 s") as caught:
        templates(client())

    assert caught.value.retry_after == 3600.0
    assert len(phone.asked) == 1
    assert waits.told == []


def test_each_try_by_hour_takes_a_turn_and_then_a_slot(phone: Any, client: Client) -> None:
    limiter = Watched()
    phone.answers("", status=429).answers('{"Code":-1,"Message":"only one call per minute"}').answers("[]")

    client(limiter=limiter).recordings.by_hour(DAY, 3)

    assert limiter.log == [TurnKind.BY_HOUR, "slot"] * 3


def test_a_turn_that_went_stale_while_waiting_for_a_slot_is_taken_anew(phone: Any, client: Client) -> None:
    limiter = Watched(late=0.2)
    phone.answers("[]")

    client(limiter=limiter).recordings.by_hour(DAY, 3)

    assert limiter.log == [TurnKind.BY_HOUR, "slot", TurnKind.BY_HOUR]


@every_kind
def test_other_questions_take_a_slot_only(phone: Any, client: Client, ask: Callable[[Noojee], object]) -> None:
    limiter = Watched()
    phone.answers("[]")

    ask(client(limiter=limiter))

    assert limiter.log == ["slot"]
    assert limiter.held == 0


@every_kind
@pytest.mark.parametrize("bad", [{"status": 404}, {"status": 500}, {"cut": 1}, {"raw": b""}], ids=str)
def test_a_slot_is_given_back_when_a_question_fails(
    phone: Any, client: Client, ask: Callable[[Noojee], object], bad: dict[str, Any]
) -> None:
    limiter = Watched()
    phone.answers("[]", **bad)

    with pytest.raises(NoojeeError):
        ask(client(limiter=limiter))

    assert limiter.held == 0


@pytest.mark.parametrize("body", [b"", b"RIFF\0", AUDIO], ids=len)
def test_a_stream_gives_its_slot_back_when_its_end_was_read(phone: Any, client: Client, body: bytes) -> None:
    limiter = Watched()
    phone.answers(body)

    with client(limiter=limiter).recordings.audio_by_call_record_id("200417", "1") as stream:
        assert b"".join(stream) == body
        assert limiter.held == 0
        assert list(stream) == []
    assert limiter.held == 0


def test_a_stream_holds_its_slot_until_it_is_left(phone: Any, client: Client) -> None:
    limiter = Watched()
    phone.answers(AUDIO)
    noojee = client(limiter=limiter)

    asked = noojee.recordings.audio_by_call_record_id("200417", "1")
    assert phone.asked == []
    with asked as stream:
        next(iter(stream))
        assert limiter.held == 1
    assert limiter.held == 0
    with pytest.raises(ValueError, match="of the caller"), noojee.recordings.audio_by_unique_id("1.7", "1"):
        raise ValueError("of the caller")
    assert limiter.held == 0


def test_audio_that_was_partly_handed_out_is_not_fetched_again(phone: Any, client: Client) -> None:
    phone.answers(AUDIO, cut=200_000)
    got = bytearray()

    def fetch() -> None:
        with client().recordings.audio_by_call_record_id("200417", "1") as stream:
            for piece in stream:
                got.extend(piece)

    with pytest.raises(CutBody, match=r"fetch audio \(call record id 200417, leg 1\).*200000 of 300000") as caught:
        fetch()

    assert (caught.value.received, caught.value.expected) == (200_000, 300_000)
    assert got == AUDIO[: len(got)]
    assert len(phone.asked) == 1


def test_audio_that_broke_off_before_any_was_handed_out_is_fetched_again(phone: Any, client: Client) -> None:
    phone.answers(AUDIO, cut=1000).answers(AUDIO)

    assert audio(client()) == AUDIO
    assert len(phone.asked) == 2


def test_a_stream_that_was_left_early_does_no_harm_to_the_next(phone: Any, client: Client) -> None:
    phone.answers(AUDIO, b"second")
    noojee = client()

    with noojee.recordings.audio_by_call_record_id("200417", "1") as stream:
        next(iter(stream))

    assert audio(noojee) == b"second"


def test_nothing_is_sent_once_stopped(phone: Any, client: Client, waits: Any) -> None:
    phone.answers("[]")
    waits.set()

    with pytest.raises(Interrupted, match="Could not list campaign templates"):
        templates(client())

    assert phone.asked == []


def test_waiting_to_try_again_ends_when_asked_to_stop(phone: Any, client: Client) -> None:
    stop = threading.Event()
    phone.answers("", status=503, headers={"Retry-After": "100"})
    threading.Timer(0.2, stop.set).start()

    with pytest.raises(Interrupted):
        templates(client(stop=stop))

    assert len(phone.asked) == 1


def test_a_stream_ends_between_two_pieces_when_asked_to_stop(phone: Any, client: Client, waits: Any) -> None:
    limiter = LocalLimiter(1)
    phone.answers(AUDIO)

    def fetch() -> None:
        with client(limiter=limiter).recordings.audio_by_call_record_id("200417", "1") as stream:
            for _ in stream:
                waits.set()

    with pytest.raises(Interrupted, match=r"call record id 200417, leg 1\): stopped after \d+ bytes"):
        fetch()
    with limiter.slot():
        pass


@every_kind
@pytest.mark.parametrize("manner", [{"hang": True}, {"body": AUDIO, "cut": 200_000, "hang": True}], ids=len)
def test_what_hangs_ends_at_once_when_aborted(
    phone: Any, client: Client, ask: Callable[[Noojee], object], manner: dict[str, Any]
) -> None:
    stop = threading.Event()
    limiter = Watched()
    given = dict(manner)
    phone.answers(given.pop("body", b""), **given)
    noojee = client(stop=stop, limiter=limiter, read_timeout=3600.0)

    def end() -> None:
        stop.set()
        noojee.abort()

    threading.Timer(0.2, end).start()

    with pytest.raises(Interrupted):
        ask(noojee)
    assert limiter.held == 0


def test_without_the_stop_event_an_aborted_request_is_tried_again(phone: Any, client: Client) -> None:
    phone.answers("", hang=True).answers("[]")
    noojee = client(read_timeout=3600.0)
    threading.Timer(0.2, noojee.abort).start()

    templates(noojee)

    assert len(phone.asked) == 2


def test_waiting_for_the_by_hour_turn_says_what_was_interrupted(phone: Any, client: Client) -> None:
    stop = threading.Event()
    phone.answers("[]")
    noojee = client(stop=stop, limiter=LocalLimiter(8, by_hour_interval=3600.0, stop=stop))
    noojee.recordings.by_hour(DAY, 3)
    threading.Timer(0.1, stop.set).start()

    with pytest.raises(Interrupted, match=r"list recordings by hour \(2026-11-22, hour 4\)"):
        noojee.recordings.by_hour(DAY, 4)


def test_an_error_of_another_question_within_a_stream_keeps_its_own_name(phone: Any, client: Client) -> None:
    phone.answers(AUDIO).answers("", status=404)
    noojee = client()

    with (
        pytest.raises(NotFound, match=r"unique id 1700000123\.7"),
        noojee.recordings.audio_by_call_record_id("200417", "1"),
    ):
        by_unique_id(noojee)
