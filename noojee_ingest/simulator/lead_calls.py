"""Saving and updating call records, which the vendor calls leads (reference, 23.0 and 24.0)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from contextlib import suppress
from datetime import datetime

from . import site, wire
from .asked import Asked, Refusal
from .body import Body
from .campaigns import sees
from .leads import phones
from .phone_system import PhoneSystem
from .reply import Reply
from .site import Allocation

NO_CHANGE = "<no change>"
"""The mark, which is compared without case [inferred]."""
MESSAGES = {
    101: "COULDNT_FIND_THE_LEAD",
    102: "NO_PHONE_FIELDS",
    104: "DNC",
    105: "DUPLICATE",
    106: "INVALID_DISPOSTION",
    107: "DISPOSTION_ISNT_SET_AND_NOCHANGE_SPECIFIED",
    108: "IMPORT_BUT_NOCHANGE_SPECIFIED",
    110: "LEAD_NOT_UPDATED_DUE_TO_CONFLICT",
}
"""As they are on the wire [doc]. 109 is in ``turns``; 103 comes only by a fault rule."""


async def insert_fast(system: PhoneSystem, asked: Asked) -> Reply:
    async with system.turns.turn():
        return _insert(system, asked, "insertLeadFast")


async def insert_old(system: PhoneSystem, asked: Asked) -> Reply:
    """Takes a disposition too, and the callback's time apart from its date [doc]."""
    async with system.turns.turn(old_insert=True):
        return _insert(system, asked, "insertLead")


async def update_fast(system: PhoneSystem, asked: Asked) -> Reply:
    async with system.turns.turn():
        return _update(system, asked, "updateLeadFast")


async def update_old(system: PhoneSystem, asked: Asked) -> Reply:
    async with system.turns.turn():
        return _update(system, asked, "updateLead")


def _insert(system: PhoneSystem, asked: Asked, endpoint: str) -> Reply:
    allocation, body = _allocation(asked), asked.json()
    told = _joined(body, endpoint)
    if endpoint != "insertLead":
        told.pop("njDisposition", None)
    if any(_no_change(value) for value in told.values()):
        raise _lead_refusal(108)
    numbers = phones(told)
    if not numbers:
        raise _lead_refusal(102)
    if "njDisposition" in told and told["njDisposition"] not in _dispositions(allocation):
        raise _lead_refusal(106)
    _check_numbers(system, asked, allocation, numbers)
    changes = _changes(asked, told)
    lead = system.leads.insert(allocation, told.get("njExternalLeadId", ""))
    system.leads.write(lead, endpoint, changes, body)
    return _ok()


def _update(system: PhoneSystem, asked: Asked, endpoint: str) -> Reply:
    """The external id may be in the query or in the body, which wins (reference, 24.0)."""
    allocation, body = _allocation(asked), asked.json()
    external_id = body.get("njExternalLeadId") or asked.get("njExternalLeadId")
    lead = system.leads.find(allocation, external_id) if external_id else None
    if lead is None:
        raise _lead_refusal(101)
    if lead.editing:
        raise _lead_refusal(110)
    if not phones(body):
        raise _lead_refusal(102)
    disposition = body.get("njDisposition", "")
    if _no_change(disposition):
        if not lead.disposition:
            raise _lead_refusal(107)
    elif disposition not in _dispositions(allocation):
        raise _lead_refusal(106)
    told = {name: value for name, value in _joined(body, endpoint).items() if not _no_change(value)}
    _check_numbers(system, asked, allocation, phones(told) - lead.numbers())
    system.leads.write(lead, endpoint, _changes(asked, told), body)
    return _ok()


def _joined(body: Mapping[str, str], endpoint: str) -> dict[str, str]:
    """The body with the callback's time, which the oldest generation sends apart, beside its date (reference, 23.0)."""
    told = dict(body)
    if endpoint in ("insertLead", "updateLead") and told.get("njCallBackDate") and "njCallbackTime" in told:
        told["njCallBackDate"] += " " + told["njCallbackTime"]
    return told


def _allocation(asked: Asked) -> Allocation:
    """The allocation asked for, which must belong to the campaign and template asked for ([unknown])."""
    template, campaign = asked.number("fTemplateId"), asked.number("fCampaignId")
    wanted = asked.number("fAllocationId"), campaign, template
    for one in site.ALLOCATIONS:
        if (one.id, one.campaign_id, one.template_id) == wanted and sees(asked, template):
            return one
    raise asked.senseless("No such template, campaign and allocation")


def _check_numbers(system: PhoneSystem, asked: Asked, allocation: Allocation, numbers: set[str]) -> None:
    if numbers & system.leads.do_not_call:
        raise _lead_refusal(104)
    if asked.get("allowDuplicates") != "true" and system.leads.taken(allocation.campaign_id, numbers):
        raise _lead_refusal(105)


def _changes(asked: Asked, told: Mapping[str, str]) -> dict[str, str]:
    """What is to be written, by wire name. Unknown names change nothing ([unknown])."""
    changes = {name: value for name, value in told.items() if name in site.FIELDS}
    for name in ("njDisposition", "njContactHours"):
        if name in told:
            changes[name] = told[name]
    if "njCallBackDate" in told:
        changes["njCallBackDate"] = _callback(asked, told["njCallBackDate"])
    if "njPriority" in told:
        if not re.fullmatch("[0-9]{1,3}", told["njPriority"]) or int(told["njPriority"]) > 100:
            raise asked.senseless("njPriority must be 0 to 100")
        changes["njPriority"] = str(int(told["njPriority"]))
    return changes


def _callback(asked: Asked, written: str) -> str:
    if re.fullmatch("[0-9]{4}/[0-9]{2}/[0-9]{2} [0-9]{2}:[0-9]{2}", written):
        with suppress(ValueError):
            datetime.fromisoformat(written.replace("/", "-"))
            return written
    raise asked.senseless("njCallBackDate must be yyyy/MM/dd HH:mm")


def _dispositions(allocation: Allocation) -> set[str]:
    return set(site.dispositions_of(allocation.template_id).values())


def _no_change(value: str) -> bool:
    return value.strip().lower() == NO_CHANGE


def _ok() -> Reply:
    return Reply(Body.of(wire.failure(0, "OK")))


def _lead_refusal(code: int) -> Refusal:
    return Refusal(Reply(Body.of(wire.failure(code, MESSAGES[code])), status=400))
