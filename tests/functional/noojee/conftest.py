"""A phone system of the tests' own: real sockets on loopback, and every bad manner that a wire can have."""

from __future__ import annotations

import re
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, urlsplit
from zoneinfo import ZoneInfo

import pytest

from noojee_ingest.noojee import AuthenticationMethod, LocalLimiter, Noojee, Patience, authentication
from tests.functional.conftest import KEY
from tests.functional.noojee.hash_system import Clock, HashSystem

REASONS = {200: "OK", 302: "Found", 400: "Bad Request", 404: "Not Found", 429: "Too Many Requests"}


@dataclass(frozen=True)
class Asked:
    """One request as it came over the wire."""

    method: str
    target: str
    headers: dict[str, str]
    body: bytes

    @property
    def path(self) -> str:
        return urlsplit(self.target).path

    @property
    def query(self) -> list[tuple[str, str]]:
        return parse_qsl(urlsplit(self.target).query, keep_blank_values=True, strict_parsing=True)


@dataclass(frozen=True)
class Reply:
    """What to answer, and how badly.

    ``promise``: Content-Length, ``"true"`` for the right one, ``None`` for none. ``cut``: bytes of the body after which
    the connection is closed. ``drop``: bytes of the body sent at once, ``every`` seconds. ``hang``: send nothing
    more after what ``cut`` allows, until the test ends. ``raw``: these bytes and nothing else.
    """

    status: int = 200
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)
    promise: str | None = "true"
    chunked: bool = False
    cut: int | None = None
    drop: int = 1_000_000
    every: float = 0.0
    hang: bool = False
    reset: bool = False
    raw: bytes | None = None


class PhoneSystem:
    """Answers with the replies it was told, in their order; the last one for ever. ``at``: always this at a path."""

    def __init__(self, tls: ssl.SSLContext | None = None) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=64)
        self._tls = tls
        self._over = threading.Event()
        self._lock = threading.Lock()
        self._replies: list[Reply] = []
        self.at: dict[str, Reply] = {}
        self.asked: list[Asked] = []
        self.connections = 0
        self.under_way = 0
        self.most_under_way = 0
        self.port = self._listener.getsockname()[1]
        self._open: list[socket.socket] = []
        self._serving: list[threading.Thread] = []
        self._accepting = threading.Thread(target=self._accept)
        self._accepting.start()

    @property
    def url(self) -> str:
        return f"{'https' if self._tls else 'http'}://127.0.0.1:{self.port}"

    def answers(self, *bodies: bytes | str, **manner: Any) -> PhoneSystem:
        """Queue one reply for each body (or one without), all in the same manner."""
        for body in bodies or (b"",):
            self._replies.append(Reply(body=body.encode() if isinstance(body, str) else body, **manner))
        return self

    def close(self) -> None:
        self._over.set()
        with suppress(OSError):
            socket.create_connection(("127.0.0.1", self.port), timeout=5).close()  # wakes accept
        self._accepting.join(timeout=10)
        for connection in self._open:
            with suppress(OSError):
                socket.socket.shutdown(connection, socket.SHUT_RDWR)
        for thread in self._serving:
            thread.join(timeout=10)
        self._listener.close()

    def _accept(self) -> None:
        while True:
            connection, _ = self._listener.accept()
            if self._over.is_set():
                connection.close()
                return
            self.connections += 1
            self._open.append(connection)
            thread = threading.Thread(target=self._serve, args=(connection,))
            self._serving.append(thread)
            thread.start()

    def _serve(self, connection: socket.socket) -> None:
        with ExitStack() as stack:
            stack.enter_context(connection)
            stack.enter_context(suppress(OSError))
            connection.settimeout(10)
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if self._tls:
                connection = stack.enter_context(self._tls.wrap_socket(connection, server_side=True))
                self._open.append(connection)
            held = b""
            while came := connection.recv(65_536):
                held += came
                if held[0] == 0x16:  # a TLS greeting: what a plain HTTP server says to it
                    connection.sendall(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n")
                    return
                if whole(held):
                    if not self._answer(connection, held):
                        return
                    held = b""

    def _answer(self, connection: socket.socket, request: bytes) -> bool:
        head, _, body = request.partition(b"\r\n\r\n")
        line, *lines = head.decode("latin-1").split("\r\n")
        method, target, _ = line.split(" ")
        headers = {name.lower(): value.strip() for name, value in (each.split(":", 1) for each in lines)}
        with self._lock:
            self.asked.append(Asked(method, target, headers, body))
            reply = self.at.get(self.asked[-1].path)
            if reply is None:
                reply = self._replies.pop(0) if len(self._replies) > 1 else self._replies[0]
            self.under_way += 1
            self.most_under_way = max(self.most_under_way, self.under_way)
        try:
            return self._send(connection, reply)
        finally:
            with self._lock:
                self.under_way -= 1

    def _send(self, connection: socket.socket, reply: Reply) -> bool:
        if reply.raw is not None:
            connection.sendall(reply.raw)
            return False
        headers = {"Content-Type": "application/json", **reply.headers}
        if reply.chunked:
            headers["Transfer-Encoding"] = "chunked"
        elif reply.promise is not None:
            headers["Content-Length"] = str(len(reply.body)) if reply.promise == "true" else reply.promise
        head = [f"HTTP/1.1 {reply.status} {REASONS.get(reply.status, 'Other')}"]
        head += [f"{name}: {value}" for name, value in headers.items()]
        body = reply.body if reply.cut is None else reply.body[: reply.cut]
        if not (reply.hang and reply.cut is None):
            connection.sendall(("\r\n".join(head) + "\r\n\r\n").encode("latin-1"))
            for start in range(0, len(body), reply.drop):
                piece = body[start : start + reply.drop]
                connection.sendall(b"%x\r\n%s\r\n" % (len(piece), piece) if reply.chunked else piece)
                if reply.every and self._over.wait(reply.every):
                    return False
        if reply.hang:
            self._over.wait()
            return False
        if reply.reset:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\0\0\0\0\0\0\0")
            return False
        whole = reply.cut is None and (reply.chunked or reply.promise == "true")
        if whole and reply.chunked:
            connection.sendall(b"0\r\n\r\n")
        return whole


def whole(request: bytes) -> bool:
    """Whether the end of a request is there, body and all."""
    head, end, body = request.partition(b"\r\n\r\n")
    promised = re.search(rb"(?i)\r\ncontent-length: *(\d+)", head)
    return bool(end) and len(body) >= (int(promised[1]) if promised else 0)


@pytest.fixture
def phone() -> Iterator[PhoneSystem]:
    running = PhoneSystem()
    yield running
    running.close()


@pytest.fixture
def start_phone() -> Iterator[Callable[..., PhoneSystem]]:
    """Starts further ones: ``start_phone(tls=context)``."""
    with ExitStack() as stack:

        def started(**how: Any) -> PhoneSystem:
            running = PhoneSystem(**how)
            stack.callback(running.close)
            return running

        yield started


class Waits(threading.Event):
    """A stop event that does not wait but writes down for how long it should have."""

    def __init__(self) -> None:
        super().__init__()
        self.told: list[float] = []

    def wait(self, timeout: float | None = None) -> bool:
        self.told.append(timeout or 0.0)
        return self.is_set()


@pytest.fixture
def waits() -> Waits:
    return Waits()


@pytest.fixture
def client(phone: PhoneSystem, waits: Waits) -> Iterator[Callable[..., Noojee]]:
    """Makes clients of the phone system: short time-outs, no waiting between tries."""
    with ExitStack() as stack:

        def made(url: str = "", **changes: Any) -> Noojee:
            given = {
                "zone": ZoneInfo("Australia/Melbourne"),
                "limiter": LocalLimiter(8, by_hour_interval=0.0),
                "patience": Patience(tries=3),
                "connect_timeout": 2.0,
                "read_timeout": 5.0,
                "stop": waits,
                **changes,
            }
            return stack.enter_context(Noojee(url or phone.url, given.pop("key", KEY), **given))

        yield made


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


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()
    monkeypatch.setattr(authentication.HashCredential.__init__, "__kwdefaults__", {"clock": made})
    return made
