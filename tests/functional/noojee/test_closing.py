"""A closed client asks no more, a stop while connecting sends nothing, a change has a connection of its own."""

from __future__ import annotations

import logging
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from noojee_ingest.noojee import Interrupted, Noojee, Patience, Uncertain
from noojee_ingest.noojee.transport import Transport
from tests.functional.conftest import KEY
from tests.functional.noojee.test_secrecy import certificate

__all__ = ["certificate"]

Client = Callable[..., Noojee]
STATE = '{"seq":31,"Code":0,"Data":{"205":[{"CallData":{"status":"Connected"},"CallID":12,"Code":0}]}}'


class Aside:
    """Something done in another thread, and how it ended."""

    def __init__(self, do: Callable[[], object]) -> None:
        self._do = do
        self.ended: object = None
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        try:
            self.ended = self._do()
        except Exception as caught:
            self.ended = caught

    def result(self) -> object:
        self._thread.join(timeout=20)
        assert not self._thread.is_alive()
        return self.ended


def until(happened: Callable[[], bool]) -> None:
    for _ in range(2_000):
        if happened():
            return
        threading.Event().wait(0.01)
    raise AssertionError("it did not happen")


def filters() -> list[logging.Filter]:
    return [f for f in logging.getLogger("urllib3.connectionpool").filters if isinstance(f, logging.Filter)]


def test_a_watch_of_a_client_that_is_closed_ends_and_the_key_stays_hidden(
    phone: Any, client: Client, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    phone.answers(STATE)
    phone.answers("", hang=True)
    noojee = client(stop=threading.Event(), read_timeout=3_600.0)
    watch = Aside(lambda: list(noojee.calls.watch(["205"], timeout=3_600.0)))
    until(lambda: len(phone.asked) == 2)

    noojee.close()

    told = watch.result()
    assert isinstance(told, list)
    assert len(told) == 1
    assert len(phone.asked) == 2
    assert KEY not in caplog.text


@pytest.mark.parametrize("patience", [Patience(tries=1), Patience(tries=9)], ids=["once", "often"])
def test_a_question_under_way_is_interrupted_and_not_repeated(phone: Any, client: Client, patience: Patience) -> None:
    phone.answers("", hang=True)
    noojee = client(stop=threading.Event(), patience=patience, read_timeout=3_600.0)
    asked = Aside(noojee.campaigns.templates)
    until(lambda: len(phone.asked) == 1)

    noojee.close()

    assert isinstance(asked.result(), Interrupted)
    assert "the client was closed" in str(asked.ended)
    assert len(phone.asked) == 1


def test_a_change_under_way_is_uncertain(phone: Any, client: Client) -> None:
    phone.answers("", hang=True)
    noojee = client(read_timeout=3_600.0)
    asked = Aside(lambda: noojee.calls.hangup("205"))
    until(lambda: len(phone.asked) == 1)

    noojee.close()

    assert isinstance(asked.result(), Uncertain)


def test_what_waits_for_its_next_try_is_interrupted(phone: Any, client: Client) -> None:
    class Closing(threading.Event):
        """The client is closed while somebody waits."""

        def wait(self, timeout: float | None = None) -> bool:
            if timeout:
                noojee.close()
            return False

    phone.answers("", status=500)
    noojee = client(stop=Closing())

    with pytest.raises(Interrupted, match="the client was closed"):
        noojee.campaigns.templates()

    assert len(phone.asked) == 1


@pytest.mark.parametrize(
    "ask",
    [
        lambda n: n.campaigns.templates(),
        lambda n: n.calls.dial("0355500123", "SIP/205"),
        lambda n: n.server_time(),
        lambda n: n.recordings.audio_by_unique_id("1.7", "1").__enter__(),
        lambda n: n._session.wait(0.0),
    ],
    ids=["list", "change", "time", "audio", "wait"],
)
def test_a_closed_client_asks_nothing(phone: Any, client: Client, ask: Callable[[Noojee], object]) -> None:
    phone.answers("[]")
    noojee = client()
    noojee.close()

    with pytest.raises(Interrupted, match="the client was closed"):
        ask(noojee)

    assert phone.asked == []
    assert noojee._session.stopped
    assert list(noojee.calls.watch(["205"])) == []


def test_the_redaction_leaves_with_the_last_request(phone: Any, client: Client) -> None:
    before = filters()
    phone.answers(b"RIFF" + b"\0" * 100_000, headers={"Content-Type": "audio/wav"})
    noojee = client()
    with noojee.recordings.audio_by_unique_id("1.7", "1"):
        noojee.close()
        assert len(filters()) == len(before) + 1

    assert filters() == before


def test_the_redaction_leaves_at_once_where_nothing_is_under_way(phone: Any, client: Client) -> None:
    before = filters()
    phone.answers("[]")
    noojee = client()
    noojee.campaigns.templates()

    noojee.close()
    noojee.close()

    assert filters() == before


@pytest.fixture
def slow_tls(certificate: Path) -> Iterator[Any]:
    """A phone system whose handshake waits for ``go``; ``came`` is what was sent to it."""

    class Slow:
        def __init__(self) -> None:
            self.go = threading.Event()
            self.connected = threading.Event()
            self.came: list[bytes] = []
            self.listener = socket.create_server(("127.0.0.1", 0))
            self.url = f"https://127.0.0.1:{self.listener.getsockname()[1]}"
            self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            self.context.load_cert_chain(certificate)
            self.thread = threading.Thread(target=self.serve)
            self.thread.start()

        def serve(self) -> None:
            self.listener.settimeout(20)
            plain, _ = self.listener.accept()
            plain.settimeout(20)
            self.connected.set()
            self.go.wait(20)
            with self.context.wrap_socket(plain, server_side=True) as secure:
                self.came.append(secure.recv(65_536))
                if self.came[-1]:
                    secure.sendall(b'HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n{"Code":0}')

    running = Slow()
    yield running
    running.go.set()
    running.thread.join(timeout=30)
    running.listener.close()


@pytest.mark.parametrize("ask", [lambda n: n.calls.hangup("205"), lambda n: n.campaigns.templates()])
@pytest.mark.parametrize("end", ["stop", "close"])
def test_an_end_while_connecting_sends_nothing(
    slow_tls: Any, client: Client, certificate: Path, ask: Callable[[Noojee], object], end: str
) -> None:
    stop = threading.Event()
    noojee = client(slow_tls.url, stop=stop, ca_bundle=certificate, connect_timeout=15.0)
    asked = Aside(lambda: ask(noojee))
    assert slow_tls.connected.wait(15)

    if end == "stop":
        stop.set()
        noojee.abort()
    else:
        noojee.close()
    slow_tls.go.set()

    assert isinstance(asked.result(), Interrupted)
    slow_tls.thread.join(timeout=20)
    assert slow_tls.came == [b""]


def test_an_abort_without_a_stop_is_tried_again_also_for_a_change_that_was_not_sent(phone: Any, client: Client) -> None:
    class Aborted(Transport):
        """An abort comes between the admission and the first request."""

        sent = 0

        def send(self, *args: Any, **kwargs: Any) -> Any:
            self.sent += 1
            if self.sent == 1:
                self.abort()
            return super().send(*args, **kwargs)

    phone.answers('{"Code":0,"Message":"Channel Hungup"}')
    transport = Aborted(4)

    assert client(transport=transport).calls.hangup("205").message == "Channel Hungup"
    assert transport.sent == 2
    assert len(phone.asked) == 1


@pytest.mark.parametrize("secure", [False, True], ids=["plain", "tls"])
def test_a_change_goes_over_a_connection_of_its_own_and_what_reads_over_kept_ones(
    start_phone: Callable[..., Any], client: Client, certificate: Path, *, secure: bool
) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    phone = start_phone(tls=context if secure else None)
    phone.answers("[]", "[]", '{"Code":0}', '{"Code":0}', "[]")
    noojee = client(phone.url, ca_bundle=certificate)
    connections = []

    for ask in (
        noojee.campaigns.templates,
        noojee.campaigns.templates,
        lambda: noojee.calls.hangup("205"),
        lambda: noojee.calls.hangup("205"),
        noojee.campaigns.templates,
    ):
        ask()
        connections.append(phone.connections)

    assert connections == [1, 1, 2, 3, 3]


@pytest.mark.parametrize("secure", [False, True], ids=["plain", "tls"])
def test_a_first_change_makes_one_connection(
    start_phone: Callable[..., Any], client: Client, certificate: Path, *, secure: bool
) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    phone = start_phone(tls=context if secure else None).answers('{"Code":0}')

    client(phone.url, ca_bundle=certificate).calls.hangup("205")

    assert phone.connections == 1
