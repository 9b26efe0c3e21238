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
    """What one thread is sending. ``aborts``: how often there was an abort when it was admitted."""

    begun = False
    fresh = False
    aborts = 0


class Transport(HTTPAdapter):
    """An adapter of ``requests`` for one host.

    :param connections: how many are kept open for further requests
    """

    def __init__(self, connections: int) -> None:
        self._open: weakref.WeakSet[socket.socket] = weakref.WeakSet()
        self._opening = threading.Lock()
        self._sending = _Sending()
        self._aborts = 0
        super().__init__(pool_connections=1, pool_maxsize=connections)

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        """Let every connection that is made be known here."""
        super().init_poolmanager(*args, **kwargs)
        transport = self
        sending = self._sending

        class Known(HTTPConnection):
            used = False

            def connect(self) -> None:
                self.used = False
                super().connect()
                transport._opened(self.sock)

            def request(self, *args: Any, **kwargs: Any) -> None:
                if sending.fresh and self.used:
                    self.close()  # here, not in send: a request that was begun cannot change its connection any more
                super().request(*args, **kwargs)

            def send(self, data: Any) -> None:
                if self.sock is None:
                    self.connect()
                if sending.aborts != transport._aborts:
                    raise ConnectionAbortedError
                sending.begun = self.used = True
                super().send(data)

        class Secure(Known, HTTPSConnection):
            pass

        class PlainPool(HTTPConnectionPool):
            ConnectionCls = Known

        class SecurePool(HTTPSConnectionPool):
            ConnectionCls = Secure

        self.poolmanager.pool_classes_by_scheme = {"http": PlainPool, "https": SecurePool}

    def admit(self) -> None:
        """From here on an abort stops what this thread is about to send; earlier ones count no more."""
        self._sending.aborts = self._aborts

    def send(self, *args: Any, **kwargs: Any) -> requests.Response:
        """Send a request, as its base does, unless there was an abort since this thread was admitted."""
        self._sending.begun = False
        return super().send(*args, **kwargs)

    @property
    def begun(self) -> bool:
        """Whether a byte of the last request of this thread may have left: a connection stood, TLS and all."""
        return self._sending.begun

    @property
    def fresh(self) -> bool:
        """Whether this thread's requests need a new connection.

        A kept one may be closed by the other side just when it is used, and nobody can tell whether the request came.
        """
        return self._sending.fresh

    @fresh.setter
    def fresh(self, needed: bool) -> None:
        self._sending.fresh = needed

    def abort(self) -> None:
        """End whatever is under way: who waits for an answer gets the end of the connection instead.

        Who is still connecting gets ConnectionAbortedError afterwards, before anything was sent.
        """
        with self._opening:
            self._aborts += 1
            for each in self._open:
                with suppress(OSError):
                    socket.socket.shutdown(each, socket.SHUT_RDWR)  # that of SSLSocket is not safe while another reads

    def _opened(self, connection: socket.socket | None) -> None:
        if connection is not None:
            with self._opening:
                self._open.add(connection)
