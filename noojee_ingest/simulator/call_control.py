"""Calls and their recording as the CallManagementAPI has them (reference, 02.0 to 08.0)."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping

from . import wire
from .asked import Asked, refused, said
from .body import Body
from .exchange import EXTENSIONS
from .live import LiveCall
from .phone_system import PhoneSystem
from .reply import Reply

TECHNOLOGY = re.compile("(?:PJ)?SIP/(.+)")
LEAST_POLL = 0.1
"""Seconds [doc]."""
LONGEST_POLL = 300.0
"""Seconds ([unknown])."""


async def dial(system: PhoneSystem, asked: Asked) -> Reply:
    """The events of the call reach subscribe only with ``monitored=yes`` [doc]."""
    number = asked.text("number").replace(" ", "")
    technology = TECHNOLOGY.fullmatch(asked.text("extenOrUniqueId"))
    if technology is None or technology[1] not in EXTENSIONS:
        raise refused(f"Unknown extension {asked.text('extenOrUniqueId')}")
    call = system.exchange.dial(
        technology[1], number, auto_answer=bool(asked.get("autoAnswer")), caller_id=asked.get("callerId")
    )
    call.told = asked.get("monitored") == "yes"
    call.caption = asked.get("phoneCaption")
    call.record = asked.get("record") == "true"
    call.tag = asked.get("tag")
    system.exchange.tell(call)
    return said(0, "Dialing", SessionID=str(call.session))


async def check_state(system: PhoneSystem, asked: Asked) -> Reply:
    """Answers at once: the state of every extension is known here."""
    _seconds(asked, "timeOut", 10)
    states = {}
    for extension in asked.text("extenOrUniqueId").split(","):
        if extension not in EXTENSIONS:
            states[extension] = {"Code": "-1", "Message": wire.text("Unknown extension")}
            continue
        states[extension] = {"Code": "0"}
        if call := system.exchange.latest(extension):
            states[extension] |= {"uniqueCallId": wire.text(call.unique_id), "Message": wire.text(call.state())}
    state = _object({one: wire.turned(state, place) for place, (one, state) in enumerate(states.items())})
    return Reply(Body.of(wire.turned({"State": state, "Code": "0"}, 0).encode()))


async def hangup(system: PhoneSystem, asked: Asked) -> Reply:
    call = system.exchange.live(asked.text("extenOrUniqueId"))
    if call is None:
        raise refused("No such channel")
    system.exchange.end(call)
    return said(0, "Channel Hungup")


async def subscribe(system: PhoneSystem, asked: Asked) -> Reply:
    """Unknown extensions have no events ([unknown]). Without events there is no ``Data`` ([unknown])."""
    exchange, extensions = system.exchange, asked.text("exten").split(",")
    last, seconds = asked.number("lastSequenceNumber"), _seconds(asked, "timeOut", 10)
    if seconds == 0:
        await asyncio.sleep(LEAST_POLL)
    if last == seconds == 0:
        told = exchange.present(extensions)
    else:
        told = await exchange.events(extensions, last, seconds)
    members = {"seq": str(exchange.sequence), "Code": "0"}
    if told:
        members["Data"] = _object({extension: f"[{','.join(events)}]" for extension, events in told.items()})
    return Reply(Body.of(wire.turned(members, exchange.sequence).encode()))


async def answer(system: PhoneSystem, asked: Asked) -> Reply:
    unique_id, extension = asked.text("uniqueId"), _bare(asked.text("exten"))
    asked.text("answerString")
    call = system.exchange.live(unique_id)
    if call is None or call.extension != extension:
        raise refused("No such channel")
    if not call.rings:
        raise refused("The call does not ring")
    system.exchange.answer(call)
    return said(0, "Answered")


async def start(system: PhoneSystem, asked: Asked) -> Reply:
    """What is recorded already is a warning ([unknown]: no positive code is documented)."""
    call = _live(system, asked)
    if call.connected is None:
        raise refused("The call is not connected", 400)
    if call.recording is not None:
        return said(1, "Already recording")
    system.recorder.start(call, owner=asked.get("agentLoginName"), tag=asked.get("tag"))
    return said(0, "Recording started")


async def stop(system: PhoneSystem, asked: Asked) -> Reply:
    """A named agent must be the owner: the name is there to check that [doc]."""
    call, agent = _live(system, asked), asked.get("agentLoginName")
    if call.recording is None:
        raise refused("The call is not recorded", 400)
    if agent and agent != call.recording.owner:
        raise refused(f"{agent} may not stop this recording", 400)
    system.recorder.stop(call)
    return said(0, "Recording stopped")


async def tag(system: PhoneSystem, asked: Asked) -> Reply:
    """(proposed) A recording that is going on, by either id, or a finished call by its unique id."""
    name = _bare(asked.text("extenOrUniqueId"))
    if "tag" not in asked:
        raise asked.senseless("tag is missing")
    if not system.recorder.tag(system.exchange.live(name), name, asked.get("tag")):
        raise refused("No such recording", 400)
    return said(0, "Tagged")


def _live(system: PhoneSystem, asked: Asked) -> LiveCall:
    """The call meant by start and stop; what they refuse has no status 200 [doc]."""
    call = system.exchange.live(_bare(asked.text("extenOrUniqueId")))
    if call is None:
        raise refused("No such channel", 400)
    return call


def _bare(extension: str) -> str:
    """Without its technology, and without the suffix of a channel: ``SIP/205-0A1B2C`` is 205 [doc]."""
    technology = TECHNOLOGY.fullmatch(extension)
    return technology[1].partition("-")[0] if technology else extension


def _seconds(asked: Asked, name: str, default: float) -> float:
    if not asked.get(name):
        return default
    if not re.fullmatch(r"[0-9]{1,6}(\.[0-9]{1,6})?", asked.get(name)):
        raise asked.senseless(f"{name} is not a number of seconds")
    return min(float(asked.get(name)), LONGEST_POLL)


def _object(members: Mapping[str, str]) -> str:
    return "{" + ",".join(f"{wire.text(name)}:{value}" for name, value in members.items()) + "}"
