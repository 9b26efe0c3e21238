"""Call records to be saved and updated, in the vendor's words leads (reference, 23.0 and 24.0)."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum

from noojee_ingest.noojee.contract import Contract
from noojee_ingest.noojee.done import Done, done
from noojee_ingest.noojee.endpoints import Save, Update
from noojee_ingest.noojee.errors import LEAD_REFUSALS, Misconfigured
from noojee_ingest.noojee.keys import LeadKeys
from noojee_ingest.noojee.limits import TurnKind
from noojee_ingest.noojee.question import Question, given, text
from noojee_ingest.noojee.session import Session
from noojee_ingest.noojee.times import write_date, write_minute

#: Leaves a field of an update as it is. Any spelling of its letters is taken for it.
NO_CHANGE = "<No Change>"

LONGEST_QUEUE = 75.0  # seconds to wait for an answer: a request may stand in the queue for one minute [doc]


class LeadGeneration(StrEnum):
    """How a phone system of some age takes leads.

    ``FAST``: insertLeadFast and updateLeadFast, the current ones; the external id of an update goes into query and
    body. ``OLD``: insertLead and updateLead of the time of the key; likewise. ``HASH``: the same of the time of the
    hash; external id in the body only, the time of a callback in a field of its own.
    """

    FAST = "fast"
    OLD = "old"
    HASH = "hash"


@dataclass(frozen=True, slots=True)
class Lead:
    """A call record to be saved, or what is new of one.

    :param external_id: your own reference, by which it is updated later
    :param fields: the template's own fields by name; at least one must be a phone number [doc]
    :param disposition: its name, not its id [doc], or :data:`NO_CHANGE`; needed in updates
    :param callback: when to call, to the minute, without zone: it is read in the zone of the lead's contact hours
        [doc]; without it the lead is called in its turn
    :param priority: 0 to 100, lower is sooner; the phone system's default is 10 [doc]
    :param contact_hours: name of a set of contact hours; the phone system's default is the template's [doc]
    """

    template_id: str
    campaign_id: str
    allocation_id: str
    external_id: str = ""
    fields: Mapping[str, str] = field(default_factory=dict)
    disposition: str = ""
    callback: datetime | None = None
    priority: int | None = None
    contact_hours: str = ""


class Leads:
    """Leads of campaigns. A user key works here too, for campaigns that it may see [doc].

    Both calls wait for their turn at the limiter (``TurnKind.LEAD``), and up to 75 s for an answer.
    """

    def __init__(self, session: Session, contract: Contract) -> None:
        self._session = session
        self._contract = contract

    def save(
        self, lead: Lead, *, allow_duplicates: bool = False, generation: LeadGeneration = LeadGeneration.FAST
    ) -> Done:
        """Save a new call record (reference, 23.0 [doc]).

        :param allow_duplicates: also if one with this phone number exists
        :raises Misconfigured: for what cannot work; nothing was sent
        :raises LeadRefused: in its class for the code 101 to 110
        :raises Uncertain: it may have been saved; never repeated by itself
        :raises NoojeeError: any other of the tree
        """
        doing = "save a call record"
        fast = generation is LeadGeneration.FAST
        if fast and lead.disposition:
            raise Misconfigured(
                "a new call record takes no disposition",
                doing=doing,
                hint="Save it without, then update it; only the old generations take one at once.",
            )
        at: Save = self._contract.save_fast if fast else self._contract.save_old
        parameters = self._ids(lead, at, doing) | {at.allow_duplicates: "true" if allow_duplicates else ""}
        check = "Look for the call record in its campaign before you save it again, or there may be two."
        return self._sent(
            Question("save_fast" if fast else "save_old", at, parameters, doing, to_check=check), lead, generation
        )

    def update(self, lead: Lead, *, generation: LeadGeneration = LeadGeneration.FAST) -> Done:
        """Update the call record with this external id (reference, 24.0 [doc]).

        Its disposition's actions are triggered, and it may be closed without ever being called [doc].

        :raises Misconfigured: for what cannot work; nothing was sent
        :raises LeadRefused: in its class for the code 101 to 110
        :raises Uncertain: it may have been updated; never repeated by itself
        :raises NoojeeError: any other of the tree
        """
        doing = "update a call record"
        given("external id", lead.external_id, doing)
        given("disposition", lead.disposition, doing)
        fast = generation is LeadGeneration.FAST
        at: Update = self._contract.update_fast if fast else self._contract.update_old
        in_query = generation is not LeadGeneration.HASH
        parameters = self._ids(lead, at, doing) | {at.external_id: lead.external_id if in_query else ""}
        check = "Look at the call record before you update it again: a disposition's actions are triggered each time."
        return self._sent(
            Question("update_fast" if fast else "update_old", at, parameters, doing, to_check=check), lead, generation
        )

    def _ids(self, lead: Lead, at: Save | Update, doing: str) -> dict[str, str]:
        return {
            at.template_id: given("template id", lead.template_id, doing),
            at.campaign_id: given("campaign id", lead.campaign_id, doing),
            at.allocation_id: given("allocation id", lead.allocation_id, doing),
        }

    def _sent(self, question: Question, lead: Lead, generation: LeadGeneration) -> Done:
        where = f"template {lead.template_id}, campaign {lead.campaign_id}, allocation {lead.allocation_id}"
        body = lead_body(lead, self._contract.lead_keys, generation, question.doing)
        complete = replace(
            question,
            about=f"external id {lead.external_id}" if lead.external_id else where,
            turn=TurnKind.LEAD,
            json=json.dumps(body).encode("ascii"),
            refusals=LEAD_REFUSALS,
            read_timeout=LONGEST_QUEUE,
        )
        return self._session.ask(complete, done)


def lead_body(lead: Lead, keys: LeadKeys, generation: LeadGeneration, doing: str) -> dict[str, str]:
    """The JSON body of a lead, every value a text (reference, 23.0 [doc]). Raises Misconfigured."""
    system = {
        keys.external_id: lead.external_id,
        keys.disposition: lead.disposition,
        **_callback(lead.callback, keys, generation, doing),
        keys.priority: _priority(lead.priority, doing),
        keys.contact_hours: lead.contact_hours,
    }
    own = {name.lower() for name in (*system, keys.callback, keys.callback_time)}
    for name, value in lead.fields.items():
        text(f"value of {name!r}", value, doing)
        if not text("name of a field", name, doing) or name.lower() in own:
            raise Misconfigured(
                f"{name!r} is no field of the template's own",
                doing=doing,
                hint="Give external id, disposition, callback, priority and contact hours by their own names.",
            )
    body = {**lead.fields, **{name: value for name, value in system.items() if name and value}}
    marked = keys.no_change.lower()
    return {name: keys.no_change if value.strip().lower() == marked else value for name, value in body.items()}


def _callback(callback: datetime | None, keys: LeadKeys, generation: LeadGeneration, doing: str) -> dict[str, str]:
    if callback is None:
        return {}
    if callback.tzinfo is not None:
        raise Misconfigured(
            "the callback has a zone",
            doing=doing,
            hint="Give it without: the phone system reads it in the zone of the lead's contact hours.",
        )
    if generation is LeadGeneration.HASH:
        return {keys.callback: write_date(callback.date()), keys.callback_time: f"{callback:%H:%M}"}
    return {keys.callback: write_minute(callback)}


def _priority(priority: int | None, doing: str) -> str:
    if priority is None:
        return ""
    if not 0 <= priority <= 100:
        raise Misconfigured(f"a priority of {priority} is not between 0 and 100", doing=doing)
    return str(priority)
