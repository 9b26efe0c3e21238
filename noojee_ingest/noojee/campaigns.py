"""The dialler's lists: templates and what they hold, and the call records (reference, 17.0 to 22.0).

A user key works here too, and silently sees only what its teams may see [doc], [inferred].
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from zoneinfo import ZoneInfo

from noojee_ingest.model import CallEntry, View
from noojee_ingest.noojee.answers import (
    Answer,
    Entry,
    FieldEntry,
    Named,
    Reader,
    call_reader,
    disposition_reader,
    field_reader,
    named_reader,
    read_answer,
)
from noojee_ingest.noojee.contract import Contract
from noojee_ingest.noojee.envelope import Envelope
from noojee_ingest.noojee.question import Question, exact
from noojee_ingest.noojee.session import Session


class Campaigns:
    """Templates hold campaigns, campaigns hold allocations; call records are asked for by template.

    What is refused in any of these lists carries the view ``CALL_RECORDS``, which they all lead to.
    """

    def __init__(self, session: Session, contract: Contract, zone: ZoneInfo, clock: Callable[[], datetime]) -> None:
        self._session = session
        self._contract = contract
        self._zone = zone
        self._clock = clock

    def templates(self) -> Answer[Named]:
        """All campaign templates that the key may see (reference, 17.0 [client]). Raises any NoojeeError."""
        return self._named(Question("templates", self._contract.templates, {}, "list campaign templates"))

    def campaigns(self, template_id: str) -> Answer[Named]:
        """The campaigns of a template (reference, 18.0 [client]). Raises any NoojeeError."""
        at = self._contract.campaigns
        doing, about = "list campaigns", f"template {template_id}"
        which = exact("template id", template_id, doing)
        return self._named(Question("campaigns", at, {at.template_id: which}, doing, about))

    def allocations(self, campaign_id: str) -> Answer[Named]:
        """The allocations of a campaign (reference, 19.0 [client]). Raises any NoojeeError."""
        at = self._contract.allocations
        doing, about = "list allocations", f"campaign {campaign_id}"
        which = exact("campaign id", campaign_id, doing)
        return self._named(Question("allocations", at, {at.campaign_id: which}, doing, about))

    def dispositions(self, template_id: str) -> Answer[Named]:
        """The dispositions of a template (reference, 20.0: existence [doc], the rest proposed).

        Lead calls take their names, not their ids [doc]. Raises any NoojeeError.
        """
        at = self._contract.dispositions
        doing, about = "list dispositions", f"template {template_id}"
        which = exact("template id", template_id, doing)
        question = Question("dispositions", at, {at.template_id: which}, doing, about)
        return self._listed(question, disposition_reader(self._contract.named_keys))

    def fields(self, template_id: str) -> Answer[FieldEntry]:
        """The fields of a template (reference, 21.0: existence [doc], the rest proposed). Raises any NoojeeError."""
        at = self._contract.fields
        doing, about = "list fields", f"template {template_id}"
        which = exact("template id", template_id, doing)
        question = Question("fields", at, {at.template_id: which}, doing, about)
        return self._listed(question, field_reader(self._contract.field_keys))

    def call_records(self, template_id: str, campaign_id: str = "", allocation_id: str = "") -> Answer[CallEntry]:
        """Calls that were given a disposition recently (reference, 22.0).

        Path and parameters are [client]; what an entry holds is proposed; how recent "recently" is, is unknown. There
        is no paging, and entries may come again: tell them apart by ``model.call_id``.

        :param campaign_id: ``""`` asks for those of all campaigns [proposed]
        :param allocation_id: ``""`` asks for those of all allocations [proposed]
        :raises NoojeeError: any of the tree
        """
        at = self._contract.call_records
        doing = "list call records"
        which = exact("template id", template_id, doing)
        parameters = {at.template_id: which, at.campaign_id: campaign_id, at.allocation_id: allocation_id}
        given = {"template": template_id, "campaign": campaign_id, "allocation": allocation_id}
        about = ", ".join(f"{what} {which}" for what, which in given.items() if which)
        reader = call_reader(self._contract.call_keys, self._zone, template_id)
        return self._listed(Question("call_records", at, parameters, doing, about), reader)

    def _named(self, question: Question) -> Answer[Named]:
        return self._listed(question, named_reader(self._contract.named_keys))

    def _listed(self, question: Question, reader: Reader[Entry]) -> Answer[Entry]:
        def read(envelope: Envelope) -> Answer[Entry]:
            return read_answer(envelope.entities(), View.CALL_RECORDS, self._clock(), reader, envelope.warning)

        return self._session.ask(question, read)
