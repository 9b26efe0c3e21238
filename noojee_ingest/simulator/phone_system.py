"""What the simulated phone system is made of. Its endpoints are in ``endpoints``, by family."""

from __future__ import annotations

import math

from .clock import Clock
from .exchange import Exchange
from .figures import Counters
from .keys import Keys
from .leads import Leads
from .recorder import Recorder
from .scenario import Scenario
from .turns import Turns
from .world import World


class PhoneSystem:
    """What is there, what time it is, and who may ask how often."""

    def __init__(self, scenario: Scenario, key: str) -> None:
        self.scenario = scenario
        self.clock = Clock(scenario.now)
        self.keys = Keys(key, scenario.dialect, self.clock)
        self.world = World(scenario)
        self.leads = Leads(self.world, self.clock)
        self.turns = Turns(scenario)
        self.exchange = Exchange(scenario, self.clock, self.world)
        self.recorder = Recorder(self.exchange, self.clock, self.world)
        self.counters = Counters()
        self.other_audio: dict[str, list[str]] = {}  # by leg: SHA-256 of what the fault plan sent for its own
        self.last_by_hour = -math.inf  # seconds of the monotonic clock
