"""An answer and its way out, faults of manner included."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from email.utils import formatdate

from starlette.types import Receive, Send

from .body import Body
from .faults import Answer

NOT_FOUND = b"<!DOCTYPE html>\n<html><head><title>404 Not Found</title></head><body><h1>Not Found</h1></body></html>\n"
LUMP = 256 * 1024  # bytes handed to the connection at once


@dataclass(frozen=True, slots=True)
class Reply:
    body: Body
    content_type: str = "application/json"
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)


def not_found() -> Reply:
    return Reply(Body.of(NOT_FOUND), "text/html;charset=UTF-8", 404)


def sound(body: Body, status: int = 200) -> Reply:
    """Whatever the format, the content type says WAV, and whatever the body is."""
    return Reply(body, "audio/x-wav", status)


async def deliver(reply: Reply, manner: Answer, now: float, receive: Receive, send: Send) -> None:
    """Send a reply in the manner asked, dated ``now`` (seconds since the epoch).

    Returning before its end makes the server cut the connection.
    """
    await asyncio.sleep(manner.delay)
    if manner.hang and manner.cut_after is None:
        await _gone(receive)
        return
    promised = reply.body.size if manner.content_length is None else manner.content_length
    headers = {"content-type": reply.content_type, "content-length": str(promised)}
    headers["date"] = formatdate(now, usegmt=True)
    if manner.retry_after is not None:
        headers["retry-after"] = manner.retry_after.header(now)
    headers.update({name.lower(): value for name, value in {**reply.headers, **manner.headers}.items()})
    await send(
        {
            "type": "http.response.start",
            "status": reply.status,
            "headers": [(name.encode("latin-1"), value.encode("latin-1")) for name, value in headers.items()],
        }
    )
    body = reply.body.first(promised)
    whole = manner.cut_after is None and body.size == promised
    for piece in _lumps(body if manner.cut_after is None else body.first(manner.cut_after), manner):
        await send({"type": "http.response.body", "body": piece, "more_body": True})
        if manner.drip:
            await asyncio.sleep(manner.drip.every)
    if whole:
        await send({"type": "http.response.body", "body": b""})
    elif manner.hang:
        await _gone(receive)


def _lumps(body: Body, manner: Answer) -> Iterator[bytes]:
    """The body in even lumps: large ones, or drops."""
    size = manner.drip.size if manner.drip else LUMP
    held = bytearray()
    for piece in body.pieces():
        held += piece
        while len(held) >= size:
            yield bytes(held[:size])
            del held[:size]
    if held:
        yield bytes(held)


async def _gone(receive: Receive) -> None:
    """Wait until the other side has gone."""
    while (await receive())["type"] != "http.disconnect":
        pass
