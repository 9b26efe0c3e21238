"""A call that is going on, and how subscribe and checkState write it (reference, 03.0 and 05.0)."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from zoneinfo import ZoneInfo


class Status(StrEnum):
    """The events of 14.0 [doc]."""

    RINGING = "Ringing"
    DIALING_OUT = "Dialing Out"
    CONNECTED = "Connected"
    UNLINKED = "Unlinked"
    BUSY = "Busy"
    NO_ANSWER = "No Answer"
    HUNGUP = "Hungup"


@dataclass(slots=True)
class Recording:
    """A leg that is being recorded."""

    leg: str
    owner: str  # login; "" where nobody is on the extension
    tag: str
    begun: float = field(default_factory=time.monotonic)


@dataclass(slots=True, eq=False)
class LiveCall:
    """A call as one extension has it; a call between two extensions is one for each, with each other for ``peer``."""

    session: int
    extension: str
    other: str  # number or extension of the other party
    unique_id: str
    secondary_unique_id: str  # of the far channel
    inbound: bool
    queue: bool = False
    caller_id: str = ""
    caption: str = ""
    told: bool = True  # its events reach subscribe
    record: bool = False  # from the answer on
    tag: str = ""
    status: Status = Status.RINGING
    on_hold: bool = False
    connected: float | None = None  # seconds since the epoch, by the simulator's clock
    ended: float | None = None  # seconds of the monotonic clock
    record_id: str = ""  # "" until it is recorded
    legs: int = 0
    recording: Recording | None = None
    peer: LiveCall | None = None

    @property
    def rings(self) -> bool:
        return self.status is Status.RINGING

    def event(self, zone: ZoneInfo) -> str:
        """One entry of ``Data``, as JSON text."""
        far = self.secondary_unique_id if self.inbound or not self.rings else ""
        start = "" if self.connected is None else f"{datetime.fromtimestamp(self.connected, zone):%Y/%m/%d %H:%M:%S}"
        data = {
            "canAnswer": self.rings,
            "callerId": self.caller_id,
            "uniqueCallId": self.unique_id,
            "callStartTime": start,
            "isQueueCall": self.queue,
            "isClickToDialCall": not self.inbound,
            "inbound": self.inbound,
            "status": self.status,
            "otherPartyCallerId": self.other,
            "connectedCallerIdNum": self.other if self.connected is not None else "",
            "outboundDestination": "" if self.inbound else self.other,
            **({"secondaryUniqueCallId": far} if far else {}),
        }
        return json.dumps({"CallData": data, "CallID": self.session, "Code": 0})

    def state(self) -> str:
        """What checkState says of it [doc]."""
        if self.ended is not None:
            return "Hung Up"
        if self.on_hold:
            return "On Hold"
        return {Status.RINGING: "Ringing Agent", Status.DIALING_OUT: "Ringing Client"}.get(self.status, "On Call")

    def told_to_tests(self) -> dict[str, str | int | bool]:
        return {
            "session": self.session,
            "extension": self.extension,
            "other": self.other,
            "unique_id": self.unique_id,
            "secondary_unique_id": self.secondary_unique_id,
            "inbound": self.inbound,
            "caller_id": self.caller_id,
            "caption": self.caption,
            "status": "On Hold" if self.on_hold else self.status.value,
            "recorded": self.recording is not None,
            "tag": self.recording.tag if self.recording else self.tag,
            "call_record_id": self.record_id,
            "ended": self.ended is not None,
        }
