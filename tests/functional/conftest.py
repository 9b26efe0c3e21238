"""Simulated phone systems for the functional tests."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest

from noojee_ingest.simulator import RunningSimulator, Scenario, start

KEY = "5b0f2c1e-7a11-11ec-9d3c-00163e1a2b3c"


@pytest.fixture(scope="session")
def simulator_key() -> str:
    """The API key that every simulator of the tests is started with."""
    return KEY


@pytest.fixture(scope="session")
def clean_simulator() -> Iterator[RunningSimulator]:
    """One clean site for the whole session, without the by-hour limit.

    Leave its clock and key alone; who adds rules clears them.
    """
    with start(Scenario.clean(by_hour_interval=0.0), KEY) as running:
        yield running


@pytest.fixture
def start_simulator() -> Iterator[Callable[..., RunningSimulator]]:
    """Starts a site of the test's own: ``start_simulator(days=1, never_legs=2)``.

    Without arguments it is small (24 calls a day, one day of history), clean, and without the by-hour limit.
    """
    small = {"calls_a_day": 24, "days": 1, "by_hour_interval": 0.0}
    with ExitStack() as stack:

        def started(**scenario: Any) -> RunningSimulator:
            return stack.enter_context(start(Scenario.clean(**{**small, **scenario}), KEY))

        yield started
