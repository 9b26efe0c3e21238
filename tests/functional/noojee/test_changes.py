"""What changes something is sent once: never again by itself when it may have reached the phone system."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable
from typing import Any

import pytest
from requests.adapters import HTTPAdapter

from noojee_ingest.noojee import (
    AuthenticationFailed,
    Busy,
    ExpiredTimeStamp,
    Interrupted,
    Lead,
    LeadGeneration,
    Misconfigured,
    Noojee,
    NoojeeError,
    NotFound,
    Patience,
    Refused,
    Uncertain,
    Unreachable,
)

Client = Callable[..., Noojee]
Change = Callable[[Noojee], Any]

LEAD = Lead("12", "34", "56", external_id="A-100", fields={"FirstPhone": "0355500123"})
OUTCOME = Lead("12", "34", "56", external_id="A-100", disposition="Callback")

CHANGES: dict[str, Change] = {
    "dial": lambda n: n.calls.dial("0355500123", "SIP/205"),
    "hangup": lambda n: n.calls.hangup("1700000123.7"),
    "answer": lambda n: n.calls.answer("1700000123.7", "205", auto_answer="Alert-Info: Ring Answer"),
    "start": lambda n: n.recordings.start("205"),
    "stop": lambda n: n.recordings.stop("205"),
    "tag": lambda n: n.recordings.tag("205", "INV-77"),
    "save_fast": lambda n: n.leads.save(LEAD),
    "save_old": lambda n: n.leads.save(LEAD, generation=LeadGeneration.OLD),
    "update_fast": lambda n: n.leads.update(OUTCOME),
    "update_old": lambda n: n.leads.update(OUTCOME, generation=LeadGeneration.OLD),
}
every_change = pytest.mark.parametrize("name", CHANGES)

OPEN: dict[str, dict[str, Any]] = {
    "closed after the request was read": {"raw": b""},
    "reset after the request was read": {"body": '{"Code":0}', "cut": 0, "reset": True},
    "closed within the status line": {"raw": b"HTTP/1.1 2"},
    "closed within the body": {"body": '{"Code":0,"Message":"OK"}', "cut": 9},
    "silent": {"hang": True},
    "silent within the body": {"body": '{"Code":0,"Message":"OK"}', "cut": 9, "hang": True},
    "not sound HTTP": {"raw": b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\n[]"},
    "failed within": {"status": 500},
    "failed behind a proxy": {"status": 502, "body": "<html>Bad gateway</html>"},
    "proxy gave up": {"status": 504},
    "request gave up": {"status": 408},
    "asked to wait": {"status": 429, "headers": {"Retry-After": "1"}},
    "too busy": {"status": 503},
    "sent elsewhere": {"status": 302, "headers": {"Location": "https://elsewhere.example/"}},
    "a page": {"body": "<html>Welcome</html>"},
    "not JSON": {"body": '{"Code":'},
    "an object without a code": {"body": '{"Message":"Done"}'},
    "a list": {"body": "[]"},
}


def answered(phone: Any, manner: dict[str, Any]) -> None:
    given = dict(manner)
    phone.answers(given.pop("body", ""), **given)


@every_change
@pytest.mark.parametrize("manner", OPEN)
def test_a_lost_answer_is_uncertain_and_the_request_was_sent_once(
    *, phone: Any, client: Client, waits: Any, monkeypatch: pytest.MonkeyPatch, name: str, manner: str
) -> None:
    monkeypatch.setattr("noojee_ingest.noojee.leads.LONGEST_QUEUE", 0.2)
    answered(phone, OPEN[manner])
    noojee = client(read_timeout=0.2)

    with pytest.raises(Uncertain) as caught:
        CHANGES[name](noojee)

    assert len(phone.asked) == 1
    assert noojee.requests_made == {name: 1}
    assert not [told for told in waits.told if told]
    told = str(caught.value)
    assert "may have been done" in told
    assert "It was not repeated. " in told
    assert "before you" in told or "see whether" in told
    assert caught.value.__cause__ is None
    assert caught.value.__context__ is None


def test_how_long_to_wait_is_told_with_the_uncertainty(phone: Any, client: Client) -> None:
    answered(phone, {"status": 503, "headers": {"Retry-After": "7"}})

    with pytest.raises(Uncertain) as caught:
        client().calls.hangup("205")

    assert caught.value.retry_after == 7.0


@every_change
@pytest.mark.parametrize(
    ("manner", "error"),
    [
        ({"body": '{"Code":-5,"Message":"Unknown channel"}'}, Refused),
        ({"body": '{"Code":-5,"Message":"Unknown channel"}', "status": 400}, Refused),
        ({"body": '{"Code":-1,"Message":"Invalid apiKey"}'}, AuthenticationFailed),
        ({"status": 401}, AuthenticationFailed),
        ({"status": 404, "body": "<html>404</html>"}, NotFound),
        ({"body": '{"Code":-1,"Message":"wait"}', "status": 503}, Busy),
        ({"body": '{"Code":-1,"Message":"too many requests"}'}, Busy),
    ],
    ids=str,
)
def test_an_answer_that_says_no_is_told_as_it_is_and_nothing_is_repeated(
    *, phone: Any, client: Client, waits: Any, name: str, manner: dict[str, Any], error: type[NoojeeError]
) -> None:
    answered(phone, manner)

    with pytest.raises(error) as caught:
        CHANGES[name](client())

    assert type(caught.value) is error
    assert len(phone.asked) == 1
    assert not [told for told in waits.told if told]


@every_change
def test_while_no_connection_is_made_it_is_tried_again(client: Client, waits: Any, name: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]

    with pytest.raises(Unreachable, match="refused the connection"):
        CHANGES[name](client(f"http://127.0.0.1:{port}", patience=Patience(tries=4)))

    assert len([told for told in waits.told if told]) == 3


def test_what_a_tls_handshake_refused_was_not_sent(phone: Any, client: Client) -> None:
    phone.answers('{"Code":0}')

    with pytest.raises(Unreachable, match="no secure connection"):
        client(phone.url.replace("http", "https")).calls.hangup("205")

    assert phone.asked == []


@every_change
def test_a_connection_that_comes_late_is_used_once(phone: Any, client: Client, name: str) -> None:
    class Late(HTTPAdapter):
        """Reaches nobody the first time."""

        calls = 0

        def send(self, request: Any, *args: Any, **kwargs: Any) -> Any:
            self.calls += 1
            if self.calls == 1:
                request.url = request.url.replace(f":{phone.port}", ":1")
            return super().send(request, *args, **kwargs)

    phone.answers('{"code":0,"message":"OK"}')

    CHANGES[name](client(transport=Late()))

    assert len(phone.asked) == 1


@every_change
def test_through_a_transport_of_the_callers_it_is_sent_once_too(phone: Any, client: Client, name: str) -> None:
    phone.answers(raw=b"")

    with pytest.raises(Uncertain):
        CHANGES[name](client(transport=HTTPAdapter()))

    assert len(phone.asked) == 1


@every_change
def test_a_stop_before_it_was_sent_is_no_uncertainty(phone: Any, client: Client, waits: Any, name: str) -> None:
    phone.answers('{"Code":0}')
    waits.set()

    with pytest.raises(Interrupted):
        CHANGES[name](client())

    assert phone.asked == []


def test_an_answer_that_comes_while_stopping_is_still_read(phone: Any, client: Client) -> None:
    stop = threading.Event()

    class Stopping(HTTPAdapter):
        def send(self, *args: Any, **kwargs: Any) -> Any:
            response = super().send(*args, **kwargs)
            stop.set()
            return response

    phone.answers('{"Code":0,"Message":"Channel Hungup"}')

    assert client(transport=Stopping(), stop=stop).calls.hangup("205").message == "Channel Hungup"


def test_a_request_that_is_aborted_on_the_way_is_uncertain(phone: Any, client: Client) -> None:
    stop = threading.Event()
    phone.answers(hang=True)
    noojee = client(stop=stop, read_timeout=3600.0)

    def end() -> None:
        stop.set()
        noojee.abort()

    threading.Timer(0.3, end).start()

    with pytest.raises(Uncertain):
        noojee.calls.dial("0355500123", "SIP/205")
    assert len(phone.asked) == 1


@every_change
def test_a_warning_reaches_the_caller(phone: Any, client: Client, name: str) -> None:
    phone.answers('{"Code":3,"Message":"mind the gap"}')

    done = CHANGES[name](client())

    assert (done.code, done.message, done.warning) == (3, "mind the gap", "code 3, 'mind the gap'")


@every_change
def test_what_was_done_without_warning_says_so(phone: Any, client: Client, name: str) -> None:
    phone.answers('{"Message":"OK","Code":0}')

    done = CHANGES[name](client())

    assert (done.code, done.message, done.warning) == (0, "OK", "")


@pytest.mark.parametrize("name", ["start", "stop"])
def test_recordings_may_be_started_and_stopped_by_an_answer_without_words(
    phone: Any, client: Client, name: str
) -> None:
    phone.answers("")

    assert CHANGES[name](client()).code == 0


@pytest.mark.parametrize("name", sorted(CHANGES.keys() - {"start", "stop"}))
def test_for_all_others_an_empty_answer_is_uncertain(phone: Any, client: Client, name: str) -> None:
    phone.answers("")

    with pytest.raises(Uncertain, match="the answer is empty"):
        CHANGES[name](client())


def test_an_expired_stamp_where_there_is_none_is_told(phone: Any, client: Client) -> None:
    phone.answers('{"Message":"Expired TimeStamp","Code":-1}')

    with pytest.raises(ExpiredTimeStamp):
        client().calls.hangup("205")


@pytest.mark.parametrize(
    "ask",
    [
        lambda n: n.calls.dial("", "205"),
        lambda n: n.calls.dial("  ", "205"),
        lambda n: n.calls.dial("0355500123", ""),
        lambda n: n.calls.dial("0355500123", "205", tag="INV-77"),
        lambda n: n.calls.dial("0355500123", "205", auto_answer="Call-Info: x\r\nX-Evil: y"),
        lambda n: n.calls.dial("0355500123", "205", caption="a\nb"),
        lambda n: n.calls.dial("0355500123", "205", caller_id="a\0b"),
        lambda n: n.calls.dial("0355500123", "205", caption="half \ud83d"),
        lambda n: n.calls.hangup(" "),
        lambda n: n.calls.answer("", "205", auto_answer="x"),
        lambda n: n.calls.answer("1.7", "", auto_answer="x"),
        lambda n: n.calls.answer("1.7", "205", auto_answer=""),
        lambda n: n.calls.state([]),
        lambda n: n.calls.state([" ", ","]),
        lambda n: n.calls.state(["205"], timeout=-1.0),
        lambda n: n.calls.state(["205"], timeout=float("nan")),
        lambda n: n.calls.watch([]),
        lambda n: n.calls.watch(["205"], since=-1),
        lambda n: n.calls.watch(["205"], timeout=0.0),
        lambda n: n.calls.watch(["205"], timeout=float("inf")),
        lambda n: n.recordings.start(""),
        lambda n: n.recordings.stop(""),
        lambda n: n.recordings.tag("205", ""),
        lambda n: n.recordings.by_tag(""),
        lambda n: n.recordings.audio_by_tag("", "1"),
        lambda n: n.site.rosters(""),
        lambda n: n.leads.save(Lead("", "34", "56")),
        lambda n: n.leads.save(Lead("12", "", "56")),
        lambda n: n.leads.save(Lead("12", "34", "")),
        lambda n: n.leads.save(Lead("12", "34", "56", disposition="Sale")),
        lambda n: n.leads.save(Lead("12", "34", "56", priority=101)),
        lambda n: n.leads.save(Lead("12", "34", "56", priority=-1)),
        lambda n: n.leads.save(Lead("12", "34", "56", fields={"njPriority": "1"})),
        lambda n: n.leads.save(Lead("12", "34", "56", fields={"NJDISPOSITION": "Sale"})),
        lambda n: n.leads.save(Lead("12", "34", "56", fields={"": "x"})),
        lambda n: n.leads.update(Lead("12", "34", "56", disposition="Sale")),
        lambda n: n.leads.update(Lead("12", "34", "56", external_id="A-100")),
    ],
)
def test_what_cannot_work_is_refused_before_anything_is_sent(phone: Any, client: Client, ask: Change) -> None:
    phone.answers('{"Code":0}')

    with pytest.raises(Misconfigured) as caught:
        ask(client())

    assert phone.asked == []
    assert str(caught.value).startswith("Could not ")
