"""A small HTTP proxy between a client and an S3 server that loses, cuts, refuses and rewrites as it is told to."""

from __future__ import annotations

import base64
import hashlib
import http.client
import socket
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Lock, Thread
from typing import Any, Self
from urllib.parse import urlsplit

from botocore.auth import S3SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from tests.integration.s3_server import Keys


@dataclass
class Request:
    """What a client asked; names of ``headers`` are in lower case."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes = b""


@dataclass
class Reply:
    status: int
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""


class Dropped(Exception):
    """The connection is to be closed without another word."""


@dataclass
class _Fault:
    method: str
    times: int
    act: Callable[[Request], Reply | None]  # None: go on as if nothing were wrong
    keep_body: float = 1.0  # how much of the request's body is read before ``act``


class FaultyProxy:
    """Each fault is for the next ``times`` requests of one method, in the order in which they were told."""

    def __init__(self, upstream: int, keys: Keys) -> None:
        self._upstream = upstream
        self._signer = S3SigV4Auth(Credentials(keys.access, keys.secret), "s3", "us-east-1")
        self._faults: list[_Fault] = []
        self._lock = Lock()
        self.requests: list[Request] = []
        proxy = self

        class Handler(_Handler):
            owner = proxy

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.endpoint = f"http://127.0.0.1:{self._server.server_port}"
        self._thread = Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02})

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def asked(self, method: str) -> list[Request]:
        with self._lock:
            return [request for request in self.requests if request.method == method]

    def answer(self, method: str, status: int, code: str, *, times: int = 1, **headers: str) -> None:
        """Answers with an S3 error, without asking the store."""
        text = (
            f"<Error><Code>{code}</Code><Message>told to</Message><Region>{headers.get('region', '')}</Region></Error>"
        )
        body = b"" if method == "HEAD" else text.encode()
        told = {"Content-Type": "application/xml"}
        if "region" in headers:
            told["x-amz-bucket-region"] = headers["region"]
        self._add(method, times, lambda _: Reply(status, told, body))

    def lose_answer(self, method: str, *, times: int = 1) -> None:
        """The store does what it is asked, and nobody hears of it."""

        def lose(request: Request) -> Reply:
            self.forward(request)
            raise Dropped

        self._add(method, times, lose)

    def fail_after(self, method: str, status: int, code: str, *, times: int = 1) -> None:
        """The store does what it is asked, and says that it failed."""

        def fail(request: Request) -> Reply:
            self.forward(request)
            return Reply(status, {"Content-Type": "application/xml"}, f"<Error><Code>{code}</Code></Error>".encode())

        self._add(method, times, fail)

    def cut_request(self, method: str, *, times: int = 1) -> None:
        """The connection breaks when half of the body is sent."""

        def cut(_: Request) -> Reply:
            raise Dropped

        self._add(method, times, cut, keep_body=0.5)

    def cut_answer(self, method: str, *, times: int = 1) -> None:
        """The connection breaks when half of the answer's body is there."""

        def cut(request: Request) -> Reply:
            reply = self.forward(request)
            return Reply(reply.status, {**reply.headers, "X-Cut": "half"}, reply.body)

        self._add(method, times, cut)

    def spoil_answer(self, method: str, *, times: int = 1) -> None:
        """The last byte of the answer's body is another one."""

        def spoil(request: Request) -> Reply:
            reply = self.forward(request)
            return Reply(reply.status, reply.headers, reply.body[:-1] + bytes([reply.body[-1] ^ 1]))

        self._add(method, times, spoil)

    def rewrite(self, method: str, change: Callable[[Request], None], *, times: int = 1_000_000) -> None:
        """The store is asked something else, properly signed."""

        def rewritten(request: Request) -> Reply:
            change(request)
            return self.forward(self._signed(request))

        self._add(method, times, rewritten)

    def before(self, method: str, act: Callable[[], object], *, times: int = 1) -> None:
        """Something happens just before the store is asked."""

        def acting(_: Request) -> None:
            act()

        self._add(method, times, acting)

    def forward(self, request: Request) -> Reply:
        connection = http.client.HTTPConnection("127.0.0.1", self._upstream, timeout=60)
        try:
            connection.putrequest(request.method, request.path, skip_host=True, skip_accept_encoding=True)
            for name, value in request.headers.items():
                if name not in {"connection", "expect"}:
                    connection.putheader(name, value)
            connection.endheaders(request.body or None)
            response = connection.getresponse()
            return Reply(response.status, dict(response.getheaders()), response.read())
        finally:
            connection.close()

    def handled(self, request: Request, read_body: Callable[[float], bytes]) -> Reply:
        with self._lock:
            self.requests.append(request)
            fault = next((fault for fault in self._faults if fault.method == request.method and fault.times), None)
            if fault is not None:
                fault.times -= 1
        request.body = read_body(fault.keep_body if fault else 1.0)
        reply = fault.act(request) if fault else None
        return reply or self.forward(request)

    def _add(self, method: str, times: int, act: Callable[[Request], Reply | None], keep_body: float = 1.0) -> None:
        with self._lock:
            self._faults.append(_Fault(method, times, act, keep_body))

    def _signed(self, request: Request) -> Request:
        dropped = {"authorization", "host", "x-amz-date", "x-amz-content-sha256", "content-length", "expect"}
        headers = {name: value for name, value in request.headers.items() if name not in dropped}
        url = f"http://{request.headers['host']}{request.path}"
        again = AWSRequest(method=request.method, url=url, data=request.body, headers=headers)
        self._signer.add_auth(again)
        signed = {name.lower(): value for name, value in again.headers.items()}
        length = {"content-length": str(len(request.body))}
        return Request(request.method, request.path, {**signed, **length, "host": urlsplit(url).netloc}, request.body)


def without_condition(request: Request) -> None:
    """As a store that has never heard of If-None-Match."""
    request.headers.pop("if-none-match", None)


def with_the_right_checksum(request: Request) -> None:
    """As a store that does not look at the checksum it is given."""
    request.headers["x-amz-checksum-sha256"] = base64.b64encode(hashlib.sha256(request.body).digest()).decode()


class _Handler(BaseHTTPRequestHandler):
    owner: FaultyProxy
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def do(self) -> None:
        headers = {name.lower(): value for name, value in self.headers.items()}
        length = int(headers.get("content-length", "0"))
        try:
            reply = self.owner.handled(
                Request(self.command, self.path, headers), lambda share: self._body(int(length * share))
            )
        except Dropped:
            self._drop()
            return
        self._send(reply)

    do_GET = do_PUT = do_HEAD = do_DELETE = do_POST = do  # noqa: N815

    def _body(self, length: int) -> bytes:
        body = self.rfile.read(length)
        if len(body) < length:
            raise Dropped  # the client went away
        return body

    def _send(self, reply: Reply) -> None:
        cut = reply.headers.pop("X-Cut", "")
        size = reply.headers.get("Content-Length") if self.command == "HEAD" else None
        self.send_response(reply.status)
        for name, value in _passed_on(reply.headers).items():
            self.send_header(name, value)
        self.send_header("Content-Length", size or str(len(reply.body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(reply.body[: len(reply.body) // 2] if cut else reply.body)
        if cut:
            self._drop()

    def _drop(self) -> None:
        self.close_connection = True
        self.wfile.flush()
        self.connection.shutdown(socket.SHUT_RDWR)

    def log_message(self, *_: Any) -> None:
        """Says nothing."""


def _passed_on(headers: Mapping[str, str]) -> dict[str, str]:
    own = {"content-length", "connection", "transfer-encoding", "date", "server"}
    return {name: value for name, value in headers.items() if name.lower() not in own}
