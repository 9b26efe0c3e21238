"""A relay in front of a server that stops answering when it is told to: connections stay open, and nothing comes."""

from __future__ import annotations

import contextlib
import socket
from threading import Event, Thread
from types import TracebackType
from typing import Self


class Relay:
    """Passes bytes on until ``silence`` is set; from then on it takes connections and bytes, and says nothing."""

    def __init__(self, upstream: int) -> None:
        self.silence = Event()
        self.unanswered = Event()
        """Set when somebody has said something into the silence."""
        self._upstream = upstream
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._open: list[socket.socket] = []
        self.port: int = self._listener.getsockname()[1]

    def __enter__(self) -> Self:
        Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for each in (self._listener, *self._open):
            with contextlib.suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
            each.close()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                server = socket.create_connection(("127.0.0.1", self._upstream))
                self._open += [client, server]
                Thread(target=self._pass_on, args=(client, server), daemon=True).start()
                Thread(target=self._pass_on, args=(server, client), daemon=True).start()

    def _pass_on(self, from_: socket.socket, to: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while piece := from_.recv(65536):
                if self.silence.is_set():
                    self.unanswered.set()
                else:
                    to.sendall(piece)
            to.shutdown(socket.SHUT_WR)
