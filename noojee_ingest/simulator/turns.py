"""How many lead calls run together, and how long the others wait (reference, 23.0)."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

from . import wire
from .asked import Refusal
from .body import Body
from .reply import Reply
from .scenario import Scenario


class Turns:
    """All lead calls share the room; the old insert has one place besides, for the whole system [doc]."""

    def __init__(self, scenario: Scenario) -> None:
        self._room = asyncio.Semaphore(scenario.lead_calls_at_once)
        self._old_insert = asyncio.Semaphore(1)
        self._seconds = scenario.lead_call_seconds
        self._patience = scenario.lead_queue_seconds

    @asynccontextmanager
    async def turn(self, *, old_insert: bool = False) -> AsyncIterator[None]:
        """Wait for a place, then for as long as such a call takes. Raises ``Refusal`` (109) when the queue is long."""
        async with AsyncExitStack() as places:
            try:
                async with asyncio.timeout(self._patience):
                    if old_insert:
                        await places.enter_async_context(self._old_insert)
                    await places.enter_async_context(self._room)
            except TimeoutError:
                body = wire.failure(109, "TIMEOUT_TOO_MANY_CONCURRENT_REQUESTS")
                raise Refusal(Reply(Body.of(body), status=400)) from None
            await asyncio.sleep(self._seconds)
            yield
