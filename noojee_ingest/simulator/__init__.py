"""A Noojee phone system for tests and demos, over real HTTP in its own process.

It knows only the wire, from the reference, and imports nothing else of ours, so that it cannot share our mistakes.
"""

from __future__ import annotations

from .dialect import Dialect
from .faults import Answer, Drip, Edit, OtherAudio, RetryAfter, Rule
from .figures import Counters, TrueCall, TrueLeg, Truth
from .leads import Write
from .running import RunningSimulator, SimulatorError, start
from .scenario import Scenario
from .server import serve

__all__ = [
    "Answer",
    "Counters",
    "Dialect",
    "Drip",
    "Edit",
    "OtherAudio",
    "RetryAfter",
    "Rule",
    "RunningSimulator",
    "Scenario",
    "SimulatorError",
    "TrueCall",
    "TrueLeg",
    "Truth",
    "Write",
    "serve",
    "start",
]
