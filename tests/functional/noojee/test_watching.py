"""Watching extensions: events in order, gaps told, and a clean end."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from itertools import islice
from typing import Any

import pytest

from noojee_ingest.model import TimeMark
from noojee_ingest.noojee import (
    AuthenticationFailed,
    BadAnswer,
    CallEvent,
    Gap,
    Interrupted,
    Noojee,
    NotFound,
    Patience,
    Refused,
    ServerFault,
)

Client = Callable[..., Noojee]
Told = CallEvent | Gap


def answer(seq: int | None, *events: tuple[str, str], **more: Any) -> str:
    """An answer of subscribe with events of (extension, status)."""
    data: dict[str, list[Any]] = {}
    for extension, status in events:
        data.setdefault(extension, []).append({"CallData": {"status": status}, "CallID": 12, "Code": 0})
    return json.dumps(({"Data": data} if events else {}) | ({} if seq is None else {"seq": seq}) | {"Code": 0, **more})


def polls(phone: Any) -> list[tuple[str, str]]:
    """What was asked: last sequence number and time-out."""
    return [(dict(a.query)["lastSequenceNumber"], dict(a.query)["timeOut"]) for a in phone.asked]


def words(told: Iterator[Told], count: int) -> list[str]:
    return [
        "gap" if isinstance(each, Gap) else f"{'is ' if each.is_state else ''}{each.extension} {each.status}"
        for each in islice(told, count)
    ]


def test_the_state_comes_first_and_then_events_from_the_last_number(phone: Any, client: Client) -> None:
    phone.answers(
        answer(31, ("205", "Connected")),
        answer(33, ("205", "Hungup"), ("206", "Ringing"), ("206", "Connected")),
        answer(33),
        answer(34, ("206", "No Answer")),
    )

    told = words(client().calls.watch(["SIP/205", "206"], timeout=29.2), 5)

    assert told == ["is 205 Connected", "205 Hungup", "206 Ringing", "206 Connected", "206 No Answer"]
    assert polls(phone) == [("0", "0"), ("31", "30"), ("33", "30"), ("33", "30")]
    assert {dict(a.query)["exten"] for a in phone.asked} == {"205,206"}
    assert phone.asked[0].method == "POST"


def test_who_has_the_state_goes_on_from_a_number(phone: Any, client: Client) -> None:
    phone.answers(answer(41, ("205", "Hungup")))

    assert words(client().calls.watch(["205"], since=40), 1) == ["205 Hungup"]
    assert polls(phone) == [("40", "30")]


def test_an_event_is_read_whole(phone: Any, client: Client) -> None:
    raw = (
        '{"CallData": {"canAnswer": true, "callerId": "205", "uniqueCallId": "1500000123.10",'
        '"secondaryUniqueCallId": 1500000123.20, "callStartTime": "2019/03/04 09:15:00", "isQueueCall": false,'
        '"isClickToDialCall": "true", "inbound": true, "status": "Dialing Out"}, "CallID": 12, "Code": 3,'
        ' "Message": "mind"}'
    )
    phone.answers(f'{{"seq": 31, "Code": 0, "Data": {{"210": [ {raw} ]}}}}')

    (event,) = islice(client().calls.watch(["210"]), 1)

    assert isinstance(event, CallEvent)
    assert event.call_start.utc == datetime(2019, 3, 3, 22, 15, tzinfo=UTC)
    assert (event.extension, event.status, event.caller_id) == ("210", "Dialing Out", "205")
    assert (event.unique_call_id, event.secondary_unique_call_id) == ("1500000123.10", "1500000123.20")
    assert (event.inbound, event.can_answer, event.is_queue_call, event.is_click_to_dial) == (True, True, False, True)
    assert (event.call_id, event.seq, event.is_state) == ("12", 31, True)
    assert (event.code, event.message, event.unreadable, event.raw) == (3, "mind", (), raw)


def test_an_idle_extension_and_an_event_with_fields_missing_are_events(phone: Any, client: Client) -> None:
    phone.answers(
        '{"seq": 1, "Data": {"205": [{"Code": 0}, {"CallData": {"status": "Busy", "inbound": "maybe",'
        '"callStartTime": "soon", "callerId": ["x"]}}]}}'
    )

    idle, odd = (each for each in islice(client().calls.watch(["205"]), 2) if isinstance(each, CallEvent))

    assert (idle.status, idle.inbound, idle.code, idle.call_start.mark) == ("", None, 0, TimeMark.ABSENT)
    assert (odd.status, odd.inbound, odd.code) == ("Busy", None, None)
    assert sorted(odd.unreadable) == ["callStartTime", "callerId", "inbound"]


BROKEN: dict[str, dict[str, Any]] = {
    "closed": {"raw": b""},
    "cut": {"body": "{" * 50, "cut": 10},
    "failed": {"status": 500},
    "busy": {"status": 503, "headers": {"Retry-After": "7"}},
    "not found": {"status": 404, "body": "<html>no such application</html>"},
    "a page": {"body": "<html></html>"},
    "half an object": {"body": '{"seq": 32, "Da'},
    "a list": {"body": "[]"},
    "events a text": {"body": '{"seq": 32, "Data": "x"}'},
    "events a list": {"body": '{"seq": 32, "Data": ["x"]}'},
    "events without a number": {"body": '{"Data": {"205": [{"CallData": {"status": "Ringing"}}]}, "Code": 0}'},
}


@pytest.mark.parametrize("manner", BROKEN)
def test_a_broken_poll_is_a_gap_and_the_state_is_read_again(
    phone: Any, client: Client, waits: Any, manner: str
) -> None:
    broken = dict(BROKEN[manner])
    phone.answers(answer(31, ("205", "Ringing")))
    phone.answers(broken.pop("body", ""), **broken)
    phone.answers(answer(35, ("205", "Connected")), answer(36, ("205", "Hungup")))
    now = datetime(2026, 11, 22, tzinfo=UTC)

    told = list(islice(client(clock=lambda: now).calls.watch(["205"]), 4))

    assert [type(each) for each in told] == [CallEvent, Gap, CallEvent, CallEvent]
    gap, again = told[1], told[2]
    assert isinstance(gap, Gap)
    assert isinstance(again, CallEvent)
    assert (gap.seq, gap.at) == (31, now)
    assert gap.reason.startswith("a poll broke: ")
    assert again.is_state
    assert polls(phone) == [("0", "0"), ("31", "30"), ("0", "0"), ("35", "30")]
    assert (waits.told[0] >= 7.0) is (manner == "busy")


def test_a_silent_poll_is_given_up_after_its_time_and_some_more(
    phone: Any, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("noojee_ingest.noojee.watching.POLL_MARGIN", -0.8)
    phone.answers(answer(31, ("205", "Ringing")))
    phone.answers("", hang=True)
    phone.answers(answer(32))
    noojee = client(read_timeout=0.001)
    monkeypatch.setattr("noojee_ingest.noojee.watching.POLL_MARGIN", 5.0)
    watch = noojee.calls.watch(["205"], timeout=1.0)
    next(watch)
    monkeypatch.setattr("noojee_ingest.noojee.watching.POLL_MARGIN", -0.8)

    gap = next(watch)

    assert isinstance(gap, Gap)
    assert "did not answer within 0.2 s" in gap.reason


def test_a_long_outage_is_one_gap_however_long_it_takes(phone: Any, client: Client, waits: Any) -> None:
    phone.answers(answer(31, ("205", "Ringing")))
    phone.answers(*[""] * 40, status=500)
    phone.answers(answer(35, ("205", "Connected")))

    told = words(client(patience=Patience(tries=3, first=1.0, longest=9.0, total=20.0)).calls.watch(["205"]), 3)

    assert told == ["is 205 Ringing", "gap", "is 205 Connected"]
    assert len(phone.asked) == 42
    assert len(waits.told) == 40
    assert max(waits.told) <= 9.0
    assert sum(waits.told) > 20.0


def test_a_lower_number_is_a_gap_and_loses_no_event(phone: Any, client: Client) -> None:
    phone.answers(
        answer(500, ("205", "Connected")),
        answer(3, ("205", "Ringing")),
        answer(4, ("205", "Connected")),
        answer(5, ("205", "Hungup")),
    )

    told = list(islice(client().calls.watch(["205"]), 5))

    assert isinstance(told[1], Gap)
    assert told[1].seq == 500
    assert "3 came after 500" in told[1].reason
    assert words(iter(told), 5) == ["is 205 Connected", "gap", "205 Ringing", "is 205 Connected", "205 Hungup"]
    assert polls(phone) == [("0", "0"), ("500", "30"), ("0", "0"), ("4", "30")]


@pytest.mark.parametrize(
    "body",
    [
        '{"seq": 32, "Data": {"205": ["x", {"CallData": {"status": "Hungup"}}]}}',
        '{"seq": 32, "Data": {"205": [{"CallData": "x"}, {"CallData": {"status": "Hungup"}}]}}',
        '{"seq": 32, "Data": {"206": {"status": "x"}, "205": [{"CallData": {"status": "Hungup"}}]}}',
    ],
)
def test_one_event_that_cannot_be_read_is_a_gap_and_spoils_no_other(phone: Any, client: Client, body: str) -> None:
    phone.answers(answer(31, ("205", "Connected")), body)

    assert words(client().calls.watch(["205"]), 3) == ["is 205 Connected", "gap", "205 Hungup"]


@pytest.mark.parametrize(
    "quiet", [answer(31), answer(None), '{"seq": 31, "Code": 0, "Data": {}}', '{"seq":"31","Data":null}']
)
def test_a_poll_without_events_is_followed_by_the_next_after_a_breath(
    phone: Any, client: Client, waits: Any, quiet: str
) -> None:
    phone.answers(answer(31, ("205", "Connected")), quiet, quiet, answer(32, ("205", "Hungup")))

    assert words(client().calls.watch(["205"]), 2) == ["is 205 Connected", "205 Hungup"]
    assert polls(phone) == [("0", "0"), ("31", "30"), ("31", "30"), ("31", "30")]
    assert waits.told == [0.5, 0.5]


@pytest.mark.parametrize(
    ("body", "error"),
    [
        ('{"Code":-1,"Message":"Invalid apiKey"}', AuthenticationFailed),
        ('{"Code":-4,"Message":"no such extension"}', Refused),
    ],
)
def test_what_will_not_pass_ends_the_watch_with_its_error(
    phone: Any, client: Client, body: str, error: type[Exception]
) -> None:
    phone.answers(answer(31, ("205", "Connected")), body)
    watch = client().calls.watch(["205"])
    next(watch)

    with pytest.raises(error, match="Could not watch extensions"):
        next(watch)


@pytest.mark.parametrize("since", [0, 31])
@pytest.mark.parametrize(("status", "error"), [(200, BadAnswer), (404, NotFound)])
def test_what_makes_no_sense_from_the_start_is_an_error(
    phone: Any, client: Client, since: int, status: int, error: type[Exception]
) -> None:
    phone.answers("<html></html>", status=status)

    with pytest.raises(error, match="Could not watch extensions"):
        next(client().calls.watch(["205"], since=since))
    assert len(phone.asked) == 1


@pytest.mark.parametrize(("status", "error"), [(200, BadAnswer), (404, NotFound)])
def test_the_third_bad_poll_in_a_row_ends_the_watch(
    phone: Any, client: Client, waits: Any, status: int, error: type[Exception]
) -> None:
    state = answer(31, ("205", "Connected"))
    for _ in range(3):
        phone.answers(state)
        phone.answers("<html></html>", status=status)
    watch = client().calls.watch(["205"])

    assert words(watch, 5) == ["is 205 Connected", "gap", "is 205 Connected", "gap", "is 205 Connected"]
    with pytest.raises(error, match="Could not watch extensions"):
        next(watch)
    assert waits.told == [0.5, 1.0]


@pytest.mark.parametrize(("status", "error"), [(200, BadAnswer), (404, NotFound)])
def test_the_third_bad_state_in_a_row_ends_the_watch(
    phone: Any, client: Client, waits: Any, status: int, error: type[Exception]
) -> None:
    phone.answers(answer(31, ("205", "Connected")))
    phone.answers("<html></html>", status=status)
    watch = client().calls.watch(["205"])

    assert words(watch, 2) == ["is 205 Connected", "gap"]
    with pytest.raises(error, match="Could not watch extensions"):
        next(watch)
    assert polls(phone) == [("0", "0"), ("31", "30"), ("0", "0"), ("0", "0"), ("0", "0")]
    assert waits.told == [0.5, 1.0, 2.0]


def test_bad_polls_with_a_good_one_in_between_do_not_end_the_watch(phone: Any, client: Client) -> None:
    phone.answers(answer(31))
    for seq in range(32, 38):
        phone.answers("<html></html>", answer(seq), answer(seq, ("205", "Ringing")))

    told = words(client().calls.watch(["205"]), 12)

    assert told == ["gap", "205 Ringing"] * 6


def test_events_that_count_no_further_are_followed_by_a_breath(phone: Any, client: Client, waits: Any) -> None:
    same = answer(31, ("205", "Ringing"))
    phone.answers(answer(31), same, same, same, answer(32, ("205", "Connected")), answer(33, ("205", "Hungup")))

    told = words(client().calls.watch(["205"]), 5)

    assert told == ["205 Ringing"] * 3 + ["205 Connected", "205 Hungup"]
    assert waits.told == [0.5] * 3


def test_lower_numbers_again_and_again_are_asked_after_at_growing_distances(
    phone: Any, client: Client, waits: Any
) -> None:
    for _ in range(9):
        phone.answers(answer(31), answer(0))
    phone.answers(answer(31), answer(32, ("205", "Ringing")), answer(3), answer(4), answer(5, ("205", "Hungup")))

    told = words(client(patience=Patience(longest=30.0)).calls.watch(["205"]), 12)

    assert told == ["gap"] * 9 + ["205 Ringing", "gap", "205 Hungup"]
    assert waits.told == [0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 30.0, 30.0, 30.0, 0.5]


def test_polls_that_break_again_and_again_are_asked_after_at_growing_distances(
    phone: Any, client: Client, waits: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("random.uniform", lambda _least, most: most)
    for _ in range(5):
        phone.answers(answer(31))
        phone.answers("", status=500)
    phone.answers(answer(31))

    assert words(client(patience=Patience(first=1.0)).calls.watch(["205"]), 5) == ["gap"] * 5
    assert waits.told == [1.0, 2.0, 4.0, 8.0]


def test_who_cannot_be_reached_from_the_start_is_an_error(phone: Any, client: Client) -> None:
    phone.answers("", status=500)

    with pytest.raises(ServerFault):
        next(client(patience=Patience(tries=3)).calls.watch(["205"]))
    assert len(phone.asked) == 3


def test_a_watch_that_is_stopped_ends_without_an_error(phone: Any, client: Client, waits: Any) -> None:
    phone.answers(answer(31, ("205", "Connected")))
    watch = client().calls.watch(["205"])
    next(watch)

    waits.set()

    assert list(watch) == []


def test_a_poll_under_way_ends_at_once_when_stopped_and_aborted(phone: Any, client: Client) -> None:
    phone.answers(answer(31, ("205", "Connected")))
    phone.answers("", hang=True)
    stop = threading.Event()
    noojee = client(stop=stop)

    def end() -> None:
        stop.set()
        noojee.abort()

    threading.Timer(0.3, end).start()

    assert words(noojee.calls.watch(["205"], timeout=3_600.0), 9) == ["is 205 Connected"]


def test_an_outage_ends_when_stopped(phone: Any, client: Client) -> None:
    phone.answers(answer(31, ("205", "Connected")))
    phone.answers("", status=500)
    stop = threading.Event()
    threading.Timer(0.3, stop.set).start()

    told = words(client(stop=stop, patience=Patience(first=3_600.0, longest=3_600.0)).calls.watch(["205"]), 9)

    assert told == ["is 205 Connected", "gap"]


def test_a_watch_that_is_closed_asks_no_more(phone: Any, client: Client) -> None:
    phone.answers(answer(31, ("205", "Connected")))
    watch = client().calls.watch(["205"])
    next(watch)

    watch.close()  # type: ignore[attr-defined]

    assert list(watch) == []
    assert len(phone.asked) == 1


def test_a_stopped_client_still_says_so_elsewhere(phone: Any, client: Client, waits: Any) -> None:
    phone.answers("[]")
    waits.set()

    with pytest.raises(Interrupted):
        client().recordings.by_tag("x")
