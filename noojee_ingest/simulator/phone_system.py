"""The phone system's side of the API: what each endpoint answers (reference, section 2)."""

from __future__ import annotations

import math
import re
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import date

from . import site, wire
from .body import Body
from .calls import Leg
from .clock import Clock
from .figures import Counters
from .reply import Reply
from .scenario import Scenario
from .troubles import audio_of
from .wire import Entry
from .world import World

CAMPAIGNS = "/servicemanager/rest/CampaignAPI/"
RECORDINGS = "/njadmin/rest/RecordingAPI/"
NOT_FOUND = b"<!DOCTYPE html>\n<html><head><title>404 Not Found</title></head><body><h1>Not Found</h1></body></html>\n"

Parameters = Mapping[str, str]


class Refusal(Exception):
    """The phone system says no; carries what it says."""

    def __init__(self, reply: Reply) -> None:
        super().__init__(reply.status)
        self.reply = reply


@dataclass(frozen=True, slots=True)
class Listing:
    """Entries on their way into an envelope: E2 or, ``bare``, E3 (reference, section 1.3)."""

    entries: list[Entry]
    bare: bool = False


class PhoneSystem:
    """What is there, what time it is, and who may ask how often."""

    def __init__(self, scenario: Scenario, key: str) -> None:
        self.scenario = scenario
        self.key: str | None = key
        self.clock = Clock(scenario.now)
        self.world = World(scenario)
        self.counters = Counters()
        self._last_by_hour = -math.inf

    # campaigns

    def templates(self, _asked: Parameters) -> Listing:
        return Listing(wire.named(site.TEMPLATES))

    def campaigns(self, asked: Parameters) -> Listing:
        return Listing(wire.named(site.campaigns_of(_number(asked, "fTemplateId"))))

    def allocations(self, asked: Parameters) -> Listing:
        campaign = _number(asked, "fCampaignId")
        return Listing(wire.named({one.id: one.name for one in site.ALLOCATIONS if one.campaign_id == campaign}))

    def call_records(self, asked: Parameters) -> Listing:
        """``fTemplateId`` must be given; ``campaignId`` and ``allocationId`` may be (proposed)."""
        wanted = {"template_id": _number(asked, "fTemplateId")}
        if "campaignId" in asked:
            wanted["campaign_id"] = _number(asked, "campaignId")
        if "allocationId" in asked:
            wanted["id"] = _number(asked, "allocationId")
        now = self.clock.now()
        return Listing(
            [
                wire.call_record(one, self.world.zone)
                for one in self.world.disposed(now - 3600 * self.scenario.recent_hours, now)
                if all(getattr(one.allocation, name) == value for name, value in wanted.items())
            ]
        )

    # what is known about recordings

    def by_tag(self, asked: Parameters) -> Listing:
        return self._told_by_id(self.world.with_tag(_given(asked, "tag"), self.clock.now()))

    def by_unique_id(self, asked: Parameters) -> Listing:
        return self._told_by_id(self.world.with_unique_id(_given(asked, "uniqueId"), self.clock.now()))

    def by_hour(self, asked: Parameters) -> Listing:
        day, hour = _day(asked), _number(asked, "hour")
        if hour > 23:
            raise _bad_request("hour must be 0 to 23")
        self._wait_your_turn()
        legs = self.world.ended_in(day, hour, self.clock.now())
        return Listing([wire.by_hour(leg, self.world.zone) for leg in legs], bare=True)

    def _told_by_id(self, legs: list[Leg]) -> Listing:
        return Listing([wire.by_id(leg, self.world.zone) for leg in legs], bare=True)

    def _wait_your_turn(self) -> None:
        """At most one call a minute [doc]; how a sooner one is refused is [unknown]. A refused one does not count."""
        now = time.monotonic()
        self.counters.by_hour_instants.append(now)
        wait = self._last_by_hour + self.scenario.by_hour_interval - now
        if wait > 0:
            body = wire.failure(-1, "retrieveMetaDataByHour may be called once a minute")
            raise Refusal(Reply(Body.of(body), status=429, headers={"retry-after": str(math.ceil(wait))}))
        self._last_by_hour = now

    # audio (proposed)

    def leg_by_tag(self, asked: Parameters) -> Leg | None:
        return _leg_asked(self.world.with_tag(_given(asked, "tag"), self.clock.now()), asked)

    def leg_by_record_id(self, asked: Parameters) -> Leg | None:
        return _leg_asked(self.world.with_record_id(_given(asked, "callRecordId"), self.clock.now()), asked)

    def leg_by_unique_id(self, asked: Parameters) -> Leg | None:
        return _leg_asked(self.world.with_unique_id(_given(asked, "uniqueId"), self.clock.now()), asked)

    def audio(self, leg: Leg | None) -> Reply:
        """The leg's audio, 404 while there is none (proposed)."""
        if leg is None or leg.audio_from is None or leg.audio_from > self.clock.now():
            return not_found()
        return sound(audio_of(leg, self.scenario.seed))


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One method of the API."""

    path: str
    methods: tuple[str, ...]

    @property
    def name(self) -> str:
        return self.path.rpartition("/")[2]


@dataclass(frozen=True, slots=True)
class ListEndpoint(Endpoint):
    list: Callable[[PhoneSystem, Parameters], Listing]


@dataclass(frozen=True, slots=True)
class AudioEndpoint(Endpoint):
    find: Callable[[PhoneSystem, Parameters], Leg | None]


ANY, POST = ("GET", "POST"), ("POST",)
ENDPOINTS: Mapping[str, ListEndpoint | AudioEndpoint] = {
    endpoint.path: endpoint
    for endpoint in (
        ListEndpoint(CAMPAIGNS + "getCampaignTemplateList", ANY, PhoneSystem.templates),
        ListEndpoint(CAMPAIGNS + "getCampaignList", ANY, PhoneSystem.campaigns),
        ListEndpoint(CAMPAIGNS + "getAllocationList", ANY, PhoneSystem.allocations),
        ListEndpoint(CAMPAIGNS + "getCallRecordList", ANY, PhoneSystem.call_records),
        ListEndpoint(RECORDINGS + "retrieveMetaData", POST, PhoneSystem.by_tag),
        ListEndpoint(RECORDINGS + "retrieveMetaDataByUniqueId", POST, PhoneSystem.by_unique_id),
        ListEndpoint(RECORDINGS + "retrieveMetaDataByHour", POST, PhoneSystem.by_hour),
        AudioEndpoint(RECORDINGS + "retrieve", ANY, PhoneSystem.leg_by_tag),
        AudioEndpoint(RECORDINGS + "retrieveByCallRecordId", ANY, PhoneSystem.leg_by_record_id),
        AudioEndpoint(RECORDINGS + "retrieveByUniqueId", ANY, PhoneSystem.leg_by_unique_id),
    )
}


def not_found() -> Reply:
    return Reply(Body.of(NOT_FOUND), "text/html;charset=UTF-8", 404)


def sound(body: Body, status: int = 200) -> Reply:
    """Whatever the format, the content type says WAV, and whatever the body is."""
    return Reply(body, "audio/x-wav", status)


def _leg_asked(legs: list[Leg], asked: Parameters) -> Leg | None:
    """The leg named by ``leg``, else the first (proposed)."""
    return next((leg for leg in legs if asked.get("leg", leg.name) == leg.name), None)


def _bad_request(message: str) -> Refusal:
    return Refusal(Reply(Body.of(wire.failure(-1, message)), status=400))


def _given(asked: Parameters, name: str) -> str:
    if not asked.get(name):
        raise _bad_request(f"{name} is missing")
    return asked[name]


def _number(asked: Parameters, name: str) -> int:
    if not re.fullmatch("[0-9]{1,18}", _given(asked, name)):
        raise _bad_request(f"{name} is not a number")
    return int(asked[name])


def _day(asked: Parameters) -> date:
    written = _given(asked, "date")
    if re.fullmatch("[0-9]{4}/[0-9]{2}/[0-9]{2}", written):
        with suppress(ValueError):
            return date.fromisoformat(written.replace("/", "-"))
    raise _bad_request("date must be yyyy/MM/dd")
