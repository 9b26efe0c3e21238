"""Recording live calls: start, stop and tag (reference, 07.0, 08.0)."""

from __future__ import annotations

import time

from . import site
from .calls import Direction, Leg, Trouble
from .clock import Clock
from .exchange import EXTENSIONS, Exchange
from .live import LiveCall, Recording
from .recording import Format
from .world import World

FIRST_NUMBER = 3_000_000
"""Of the audio; seeded days stay below."""
FIRST_RECORD = 95_000
"""Of a day's call records, seeded ones stay below."""


class Recorder:
    """Makes a leg, with audio, of what was recorded; it is there once stopped or hung up."""

    def __init__(self, exchange: Exchange, clock: Clock, world: World) -> None:
        self._clock = clock
        self._world = world
        self._made = 0
        exchange.when_connected = self._answered
        exchange.when_ended = self.stop

    def start(self, call: LiveCall, *, owner: str = "", tag: str = "") -> None:
        if not call.record_id:
            day = self._world.local(self._clock.now()).date()
            self._made += 1
            call.record_id = str((day.toordinal() - 730_000) * 100_000 + FIRST_RECORD + self._made)
        call.legs += 1
        call.recording = Recording(str(call.legs), owner or EXTENSIONS[call.extension], tag)

    def stop(self, call: LiveCall) -> None:
        """The leg ends now. Nothing happens to a call that is not recorded."""
        recording, call.recording = call.recording, None
        if recording is None:
            return
        end = int(self._clock.now())
        seconds = max(1, round(time.monotonic() - recording.begun))
        source, destination = (call.other, call.extension) if call.inbound else (call.extension, call.other)
        internal = call.other in EXTENSIONS
        outward = Direction.INBOUND if call.inbound else Direction.OUTBOUND
        self._world.add(
            Leg(
                number=FIRST_NUMBER + int(call.record_id) % 5000 * 100 + call.legs,
                record_id=call.record_id,
                unique_id=call.unique_id,
                name=recording.leg,
                direction=Direction.INTERNAL if internal else outward,
                start=end - seconds,
                end=end,
                source=source,
                destination=destination,
                did="internal" if internal else site.DIDS[0] if call.inbound else site.TRUNK,
                username=recording.owner,
                tag=recording.tag,
                form=Format.PCM,
                trouble=Trouble.NONE,
                audio_from=end,
            ),
            self._clock.now(),
        )

    def tag(self, call: LiveCall | None, unique_id: str, tag: str) -> bool:
        """Tag the leg being recorded, or else every leg with this unique id. Tells whether there was any."""
        if call is not None and call.recording is not None:
            call.recording.tag = tag
            return True
        return self._world.retag(call.unique_id if call else unique_id, tag, self._clock.now())

    def _answered(self, call: LiveCall) -> None:
        if call.record and call.recording is None:
            self.start(call, tag=call.tag)
