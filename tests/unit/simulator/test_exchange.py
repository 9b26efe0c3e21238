"""Events of live calls, as a poll waits for them."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any

import pytest

from noojee_ingest.simulator import Scenario
from noojee_ingest.simulator import exchange as module
from noojee_ingest.simulator.clock import Clock
from noojee_ingest.simulator.exchange import FIRST_SEQUENCE, Exchange
from noojee_ingest.simulator.world import World


def test_an_event_that_comes_with_the_end_of_a_poll_is_told_by_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """Else it would be lost: the answer's sequence counts it already."""
    scenario = Scenario.clean(days=0)

    async def polled() -> tuple[dict[str, list[str]], int]:
        exchange = Exchange(scenario, Clock(scenario.now), World(scenario))

        async def ends(waiting: Coroutine[Any, Any, Any], timeout: float) -> None:
            waiting.close()
            await asyncio.sleep(timeout)
            exchange.call_in("205", "0355500123")
            raise TimeoutError

        monkeypatch.setattr(module.asyncio, "wait_for", ends)
        return await exchange.events(["205"], FIRST_SEQUENCE, 0.01), exchange.sequence

    told, sequence = asyncio.run(polled())
    assert sequence > FIRST_SEQUENCE
    assert list(told) == ["205"]
