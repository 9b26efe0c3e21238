"""The extensions and their calls, which ring, connect and hang up by themselves in real seconds."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from random import Random

from . import site
from .clock import Clock
from .live import LiveCall, Status
from .scenario import Scenario
from .world import World

EXTENSIONS: Mapping[str, str] = {agent.extension: agent.login for agent in site.AGENTS}
RINGS_FOR = 30.0
"""Seconds until a call that came in is not answered."""
REMEMBERED = 10.0
"""Seconds for which checkState still tells a call that has ended."""
FIRST_SEQUENCE = 100
EVENTS_KEPT = 10_000
UNLIKE_SEEDED = 20_000
"""Unique ids end in more than this, and so are unlike those of the seeded days."""


class Exchange:
    """Live calls and the events they make. All in one event loop."""

    def __init__(self, scenario: Scenario, clock: Clock, world: World) -> None:
        self.calls: list[LiveCall] = []
        self.sequence = FIRST_SEQUENCE
        self._scenario = scenario
        self._clock = clock
        self._world = world
        self._events: deque[tuple[int, str, str]] = deque(maxlen=EVENTS_KEPT)  # sequence, extension, JSON
        self._news = asyncio.Event()
        self._made = 0
        self._chance = Random(f"{scenario.seed}/inbound")
        self.when_connected: Callable[[LiveCall], None] = lambda _call: None
        self.when_ended: Callable[[LiveCall], None] = lambda _call: None

    def open(self) -> None:
        """From now on calls come in by themselves, where the scenario has it so."""
        if self._scenario.inbound_every > 0:
            asyncio.get_running_loop().call_later(self._scenario.inbound_every, self._somebody_calls)

    def _somebody_calls(self) -> None:
        extension = self._chance.choice(list(EXTENSIONS))
        self.call_in(extension, f"03701001{self._chance.randrange(100):02}", queue=True, by_itself=True)
        self.open()

    # finding

    def live(self, extension_or_id: str) -> LiveCall | None:
        """The call that has this unique id on either channel, or the oldest of this extension."""
        going_on = [call for call in self.calls if call.ended is None]
        for call in going_on:
            if extension_or_id in (call.unique_id, call.secondary_unique_id):
                return call
        return next((call for call in going_on if call.extension == extension_or_id), None)

    def latest(self, extension: str) -> LiveCall | None:
        """What checkState tells of: the oldest call going on, else one that ended a moment ago."""
        since = time.monotonic() - REMEMBERED
        gone = [call for call in self.calls if call.extension == extension and (call.ended or 0) > since]
        return self.live(extension) or (gone[-1] if gone else None)

    # what happens

    def dial(self, extension: str, number: str, *, auto_answer: bool = False, caller_id: str = "") -> LiveCall:
        """Ring the agent's handset; when it is answered, ring the number."""
        call = self._call(extension, number, inbound=False, caller_id=number)
        if number in EXTENSIONS:
            call.peer = self._call(number, extension, inbound=True, caller_id=caller_id or extension)
            call.peer.unique_id, call.peer.secondary_unique_id = call.secondary_unique_id, call.unique_id
            call.peer.peer = call
            self.calls.remove(call.peer)  # not until it rings
        self._later(0 if auto_answer else self._scenario.ring_seconds, call, Status.RINGING, self.ring_number)
        return call

    def call_in(self, extension: str, caller_id: str, *, queue: bool = False, by_itself: bool = False) -> LiveCall:
        """A call comes in and rings until it is answered. ``by_itself``: somebody answers it, without being asked."""
        call = self._call(extension, caller_id, inbound=True, caller_id=caller_id)
        call.queue = queue
        self.tell(call)
        if by_itself:
            self._later(self._scenario.ring_seconds, call, Status.RINGING, self.connect)
        self._later(RINGS_FOR, call, Status.RINGING, lambda one: self.end(one, Status.NO_ANSWER))
        return call

    def ring_number(self, call: LiveCall) -> None:
        """The agent has answered; now the other party's telephone rings."""
        self.move(call, Status.DIALING_OUT)
        if call.peer is not None and call.peer not in self.calls:
            self.calls.append(call.peer)
            self.tell(call.peer)
        fate = {site.BUSY: Status.BUSY, site.NO_ANSWER: Status.NO_ANSWER}.get(call.other)
        self._later(
            self._scenario.ring_seconds,
            call,
            Status.DIALING_OUT,
            self.connect if fate is None else lambda one: self.end(one, fate),
        )

    def answer(self, call: LiveCall) -> None:
        """The handset of the call's extension is lifted."""
        if call.inbound:
            self.connect(call)
        else:
            self.ring_number(call)

    def connect(self, call: LiveCall) -> None:
        for one in self._both(call):
            one.connected = one.connected or self._clock.now()
            one.on_hold = False
            self.move(one, Status.CONNECTED)
            self.when_connected(one)
        self._later(self._scenario.talk_seconds, call, Status.CONNECTED, self.end)

    def end(self, call: LiveCall, why: Status | None = None) -> None:
        """Hang up, after telling ``why`` where there was no call."""
        for one in self._both(call):
            if one.ended is None:
                if why is not None:
                    self.move(one, why)
                one.ended = time.monotonic()
                self.move(one, Status.HUNGUP)
                self.when_ended(one)

    def move(self, call: LiveCall, status: Status) -> None:
        call.status = status
        self.tell(call)

    def _both(self, call: LiveCall) -> list[LiveCall]:
        return [call] if call.peer is None or call.peer not in self.calls else [call, call.peer]

    def _call(self, extension: str, other: str, *, inbound: bool, caller_id: str) -> LiveCall:
        self._made += 2
        second = int(self._clock.now())
        call = LiveCall(
            session=400 + self._made // 2,
            extension=extension,
            other=other,
            unique_id=f"{second}.{UNLIKE_SEEDED + self._made}",
            secondary_unique_id=f"{second}.{UNLIKE_SEEDED + self._made + 1}",
            inbound=inbound,
            caller_id=caller_id,
        )
        self.calls.append(call)
        return call

    @staticmethod
    def _later(seconds: float, call: LiveCall, still: Status, do: Callable[[LiveCall], None]) -> None:
        """Do it in so many real seconds, if the call's status is then still the same."""

        def happen() -> None:
            if call.ended is None and call.status is still:
                do(call)

        asyncio.get_running_loop().call_later(seconds, happen)

    # what is told of it

    def tell(self, call: LiveCall) -> None:
        """Make an event of the call's present status."""
        if not call.told:
            return
        self.sequence += 1
        self._events.append((self.sequence, call.extension, call.event(self._world.zone)))
        self._wake()

    def start_again(self, sequence: int) -> None:
        """Forget all events and count on from ``sequence``, as after a restart of the phone system."""
        self.sequence = sequence
        self._events.clear()
        self._wake()

    def present(self, extensions: Iterable[str]) -> dict[str, list[str]]:
        """Extension -> its calls, each as an event; extensions without calls are absent."""
        wanted = set(extensions)
        told: dict[str, list[str]] = {}
        for call in self.calls:
            if call.ended is None and call.told and call.extension in wanted:
                told.setdefault(call.extension, []).append(call.event(self._world.zone))
        return told

    async def events(self, extensions: Iterable[str], last: int, seconds: float) -> dict[str, list[str]]:
        """Extension -> its events after ``last``, waiting for the first of them for so long.

        Empty when the time is up, and at once when ``last`` is yet to come: somebody counted from anew.
        """
        wanted, until = set(extensions), time.monotonic() + seconds
        while True:
            told: dict[str, list[str]] = {}
            for sequence, extension, event in self._events:
                if sequence > last and extension in wanted:
                    told.setdefault(extension, []).append(event)
            left = until - time.monotonic()
            if told or self.sequence < last or left <= 0:
                return told
            with suppress(TimeoutError):  # then look once more: an event may have come with the end of the time
                await asyncio.wait_for(self._news.wait(), left)

    def _wake(self) -> None:
        self._news.set()
        self._news = asyncio.Event()
