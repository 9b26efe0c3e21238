"""A phone system that takes time stamp and hash only, with its own idea of the time."""

from __future__ import annotations

import hashlib
import threading
import time
from collections import Counter
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from tests.functional.conftest import KEY

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


class Clock:
    """Stands in for the clock that only runs forward."""

    def __init__(self) -> None:
        self.seconds = 1_000.0

    def __call__(self) -> float:
        return self.seconds
