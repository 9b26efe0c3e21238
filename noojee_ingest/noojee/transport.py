"""The ordinary transport: one pool of connections, which can be cut from another thread."""

from __future__ import annotations

import socket
import threading
import weakref
from contextlib import suppress
from typing import Any

from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool


class Transport(HTTPAdapter):
    """An adapter of ``requests`` for one host.

    :param connections: how many are kept open for further requests
    """

    def __init__(self, connections: int) -> None:
        self._open: weakref.WeakSet[socket.socket] = weakref.WeakSet()
        self._opening = threading.Lock()
        super().__init__(pool_connections=1, pool_maxsize=connections)

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        """Let every connection that is made be known here."""
        super().init_poolmanager(*args, **kwargs)
        opened = self._opened

        class Plain(HTTPConnection):
            def connect(self) -> None:
                super().connect()
                opened(self.sock)

        class Secure(HTTPSConnection):
            def connect(self) -> None:
                super().connect()
                opened(self.sock)

        class PlainPool(HTTPConnectionPool):
            ConnectionCls = Plain

        class SecurePool(HTTPSConnectionPool):
            ConnectionCls = Secure

        self.poolmanager.pool_classes_by_scheme = {"http": PlainPool, "https": SecurePool}

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
