"""The ordinary transport: one pool of connections, which can be cut from another thread."""

from __future__ import annotations

import socket
import threading
import weakref
from contextlib import suppress
from typing import Any

import requests
from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool


class _Sending(threading.local):
    begun = False


class Transport(HTTPAdapter):
    """An adapter of ``requests`` for one host.

    :param connections: how many are kept open for further requests
    """

    def __init__(self, connections: int) -> None:
        self._open: weakref.WeakSet[socket.socket] = weakref.WeakSet()
        self._opening = threading.Lock()
        self._sending = _Sending()
        super().__init__(pool_connections=1, pool_maxsize=connections)

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        """Let every connection that is made be known here."""
        super().init_poolmanager(*args, **kwargs)
        opened = self._opened
        sending = self._sending

        class Plain(HTTPConnection):
            def connect(self) -> None:
                super().connect()
                opened(self.sock)

            def send(self, data: Any) -> None:
                if self.sock is None:
                    self.connect()
                sending.begun = True
                super().send(data)

        class Secure(HTTPSConnection):
            def connect(self) -> None:
                super().connect()
                opened(self.sock)

            def send(self, data: Any) -> None:
                if self.sock is None:
                    self.connect()
                sending.begun = True
                super().send(data)

        class PlainPool(HTTPConnectionPool):
            ConnectionCls = Plain

        class SecurePool(HTTPSConnectionPool):
            ConnectionCls = Secure

        self.poolmanager.pool_classes_by_scheme = {"http": PlainPool, "https": SecurePool}

    def send(self, *args: Any, **kwargs: Any) -> requests.Response:
        """Send a request, as its base does."""
        self._sending.begun = False
        return super().send(*args, **kwargs)

    @property
    def begun(self) -> bool:
        """Whether a byte of the last request of this thread may have left: a connection stood, TLS and all."""
        return self._sending.begun

    def abort(self) -> None:
        """End whatever is under way: who waits for an answer gets the end of the connection instead."""
        with self._opening:
            for each in self._open:
                with suppress(OSError):
                    socket.socket.shutdown(each, socket.SHUT_RDWR)  # that of SSLSocket is not safe while another reads

    def _opened(self, connection: socket.socket | None) -> None:
        if connection is not None:
            with self._opening:
                self._open.add(connection)
