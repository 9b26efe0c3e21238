"""The process that serves the simulated phone system."""

from __future__ import annotations

import os
import select
import socket
import threading

import uvicorn
from pydantic import ValidationError
from starlette.applications import Starlette
from starlette.routing import Mount

from .api import Api
from .controls import controls, explain
from .faults import FaultPlan
from .live_controls import live_controls
from .phone_system import PhoneSystem
from .scenario import Scenario

READY = "listening on "
LONGEST_HEAD = 1024**2
"""Bytes of a request's line and headers: a tag of 5,000 emoji, escaped in the query, takes 60,000."""


def make_app(system: PhoneSystem) -> Starlette:
    plan = FaultPlan(system.scenario.seed, system.clock.now)
    return Starlette(
        routes=[
            Mount("/_simulator", routes=[*controls(system, plan), *live_controls(system)]),
            Mount("/", app=Api(system, plan)),
        ],
        exception_handlers={ValidationError: explain},
    )


def serve(scenario: Scenario, port: int, key: str, *, until_stdin_closes: bool = False) -> None:
    """Serve on 127.0.0.1 until SIGTERM or SIGINT; blocks.

    ``port`` 0 takes a free one. When ready, prints ``listening on http://127.0.0.1:PORT``. With ``until_stdin_closes``
    it also ends when its standard input does, so that it cannot outlive a parent that holds the pipe's other end.
    Raises ``OSError`` when the port is taken, ``ValueError`` for an empty key.
    """
    if not key:
        raise ValueError("the simulated phone system needs a key; any text will do")
    system = PhoneSystem(scenario, key)
    config = uvicorn.Config(
        make_app(system),
        lifespan="off",
        ws="none",
        log_level="error",
        access_log=False,
        server_header=False,
        date_header=False,  # the simulated clock's stands there
        timeout_keep_alive=60,
        h11_max_incomplete_event_size=LONGEST_HEAD,
        timeout_graceful_shutdown=1,
    )
    server = _Server(config, system)
    # named as TCP, or asyncio leaves Nagle's delay on and every answer takes 40 ms
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(("127.0.0.1", port))
        if until_stdin_closes:
            threading.Thread(target=_end_with_parent, args=(server, os.getppid()), daemon=True).start()
        server.run([listener])


class _Server(uvicorn.Server):
    def __init__(self, config: uvicorn.Config, system: PhoneSystem) -> None:
        super().__init__(config)
        self._system = system

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self._system.exchange.open()
        for listener in sockets or ():
            print(f"{READY}http://127.0.0.1:{listener.getsockname()[1]}", flush=True)


def _end_with_parent(server: uvicorn.Server, parent: int) -> None:
    """Wait for the end of standard input; look at the parent too, in case a sister process keeps the pipe open."""
    while os.getppid() == parent:
        readable, _, _ = select.select([0], [], [], 0.5)
        if readable and not os.read(0, 4096):
            break
    server.should_exit = True
