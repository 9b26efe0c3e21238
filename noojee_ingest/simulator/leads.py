"""The dialler's leads: one for each dispositioned call, and those that were inserted (reference, 23.0 and 24.0)."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from typing import Any, Self

from . import site
from .calls import Disposition
from .clock import Clock
from .site import Allocation
from .world import World

PRIORITY = 10
"""Of a lead that was given none [doc]."""


@dataclass(slots=True)
class Lead:
    """What the dialler knows of somebody to call. ``""`` stands for what was never set."""

    id: str
    external_id: str
    allocation: Allocation
    since: float  # seconds since the epoch
    fields: dict[str, str] = field(default_factory=dict)
    dialled: str = ""  # the number
    disposition: str = ""
    callback: str = ""  # yyyy/MM/dd HH:mm, in the time zone of its contact hours
    priority: int = PRIORITY
    contact_hours: str = ""
    editing: bool = False  # a person has it open

    def numbers(self) -> set[str]:
        """All its phone numbers."""
        return {self.dialled, *phones(self.fields)} - {""}


@dataclass(frozen=True, slots=True)
class Write:
    """A change that was made to a lead, in the order of ``number``.

    at: by the simulator's clock, in UTC
    body: the members of the request's JSON body
    changed: wire name -> value before, value after; empty when the request changed nothing
    """

    number: int
    at: datetime
    endpoint: str
    lead_id: str
    external_id: str
    template_id: int
    campaign_id: int
    allocation_id: int
    body: Mapping[str, str]
    changed: Mapping[str, tuple[str, str]]

    def as_json(self) -> dict[str, Any]:
        return {**asdict(self), "at": self.at.isoformat()}

    @classmethod
    def from_json(cls, told: Mapping[str, Any]) -> Self:
        changed = {name: (before, after) for name, (before, after) in told["changed"].items()}
        return cls(**{**told, "at": datetime.fromisoformat(told["at"]), "changed": changed})


class Leads:
    """All leads, those of calls to come left out."""

    def __init__(self, world: World, clock: Clock) -> None:
        self.do_not_call = set(site.DO_NOT_CALL)
        self.writes: list[Write] = []
        self._world = world
        self._clock = clock
        self._seen = 0  # calls of the world that have their lead here
        self._leads: dict[str, Lead] = {}
        self._by_external_id: dict[str, list[Lead]] = defaultdict(list)
        self._by_number: dict[str, list[Lead]] = defaultdict(list)
        self._changed: set[str] = set()

    def everyone(self) -> Iterator[Lead]:
        """Oldest first."""
        self._catch_up()
        now = self._clock.now()
        return iter(sorted((lead for lead in self._leads.values() if lead.since <= now), key=lambda one: one.since))

    def with_id(self, lead_id: str) -> Lead | None:
        self._catch_up()
        return self._leads.get(lead_id)

    def find(self, allocation: Allocation, external_id: str) -> Lead | None:
        """The newest lead of the allocation with this external id, which need not be unique ([unknown])."""
        self._catch_up()
        now = self._clock.now()
        fitting = [
            lead
            for lead in self._by_external_id.get(external_id, ())
            if lead.since <= now and lead.allocation == allocation
        ]
        return max(fitting, key=lambda one: one.since, default=None)

    def taken(self, campaign_id: int, numbers: set[str]) -> list[Lead]:
        """The leads of a campaign that have one of these numbers."""
        self._catch_up()
        now = self._clock.now()
        return [
            lead
            for number in numbers
            for lead in self._by_number.get(number, ())
            if lead.since <= now and lead.allocation.campaign_id == campaign_id and number in lead.numbers()
        ]

    def insert(self, allocation: Allocation, external_id: str) -> Lead:
        """A new lead, still empty."""
        self._catch_up()
        lead = Lead(f"5{len(self._leads) + 1:07}", external_id, allocation, self._clock.now())
        self._add(lead)
        return lead

    def write(self, lead: Lead, endpoint: str, changes: Mapping[str, str], body: Mapping[str, str]) -> None:
        """Change a lead as ``changes`` (wire name -> value) say, and keep a note of it."""
        changed = {}
        for name, value in changes.items():
            before = _set(lead, name, value)
            if before != value:
                changed[name] = (before, value)
        for number in lead.numbers():
            if lead not in self._by_number[number]:
                self._by_number[number].append(lead)
        self._changed.add(lead.id)
        self.writes.append(
            Write(
                number=len(self.writes) + 1,
                at=datetime.fromtimestamp(self._clock.now(), UTC),
                endpoint=endpoint,
                lead_id=lead.id,
                external_id=lead.external_id,
                template_id=lead.allocation.template_id,
                campaign_id=lead.allocation.campaign_id,
                allocation_id=lead.allocation.id,
                body=body,
                changed=changed,
            )
        )

    def as_it_is(self, call: Disposition) -> Disposition:
        """The call with what its lead was changed to since."""
        if call.lead_id not in self._changed:
            return call
        lead = self._leads[call.lead_id]
        return replace(call, chosen=lead.disposition, fields=lead.fields)

    def _catch_up(self) -> None:
        _, calls = self._world.everything(self._clock.now())
        for call in calls[self._seen :]:
            self._add(
                Lead(
                    id=call.lead_id,
                    external_id=call.external_lead_id,
                    allocation=call.allocation,
                    since=call.at,
                    fields=dict(call.fields),
                    dialled=call.number,
                    disposition=call.chosen,
                )
            )
        self._seen = len(calls)

    def _add(self, lead: Lead) -> None:
        self._leads[lead.id] = lead
        if lead.external_id:
            self._by_external_id[lead.external_id].append(lead)
        for number in lead.numbers():
            self._by_number[number].append(lead)


def phones(fields: Mapping[str, str]) -> set[str]:
    """The phone numbers among the fields, without blanks."""
    return {
        value.replace(" ", "")
        for name, value in fields.items()
        if site.FIELDS.get(name) == "Phone Number" and value.strip()
    }


def _set(lead: Lead, name: str, value: str) -> str:
    """Set what a wire name stands for; returns what was there."""
    if name in site.FIELDS:
        before = lead.fields.get(name, "")
        lead.fields[name] = value
        return before
    if name == "njPriority":
        before, lead.priority = str(lead.priority), int(value)
        return before
    attribute = {"njDisposition": "disposition", "njCallBackDate": "callback", "njContactHours": "contact_hours"}[name]
    told: str = getattr(lead, attribute)
    setattr(lead, attribute, value)
    return told
