"""Ids and fields that cannot be sent: refused before a request that would mean something else."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from noojee_ingest.noojee import Lead, LeadGeneration, Misconfigured, Noojee

Ask = Callable[[Noojee, Any], object]


def fetched(noojee: Noojee, which: str, wanted: Any) -> None:
    with getattr(noojee.recordings, f"audio_by_{which}")(wanted, "1"):
        pass


ASKED: dict[str, Ask] = {
    "campaigns": lambda noojee, wanted: noojee.campaigns.campaigns(wanted),
    "allocations": lambda noojee, wanted: noojee.campaigns.allocations(wanted),
    "dispositions": lambda noojee, wanted: noojee.campaigns.dispositions(wanted),
    "fields": lambda noojee, wanted: noojee.campaigns.fields(wanted),
    "call records": lambda noojee, wanted: noojee.campaigns.call_records(wanted),
    "recordings by unique id": lambda noojee, wanted: noojee.recordings.by_unique_id(wanted),
    "recordings by tag": lambda noojee, wanted: noojee.recordings.by_tag(wanted),
    "audio by call record id": lambda noojee, wanted: fetched(noojee, "call_record_id", wanted),
    "audio by unique id": lambda noojee, wanted: fetched(noojee, "unique_id", wanted),
    "hangup": lambda noojee, wanted: noojee.calls.hangup(wanted),
    "a lead's template": lambda noojee, wanted: noojee.leads.save(Lead(wanted, "34", "56", fields={"Phone": "1"})),
    "a lead's external id": lambda noojee, wanted: noojee.leads.update(Lead("12", "34", "56", wanted, {"Phone": "1"})),
}


@pytest.mark.parametrize("wanted", ["", 12, "half \ud800"], ids=["empty", "a number", "half of a sign"])
@pytest.mark.parametrize("what", ASKED)
def test_an_id_that_cannot_be_sent_is_refused_and_nothing_is_asked(
    phone: Any, client: Any, what: str, wanted: Any
) -> None:
    noojee = client()
    with pytest.raises(Misconfigured, match="No request was sent"):
        ASKED[what](noojee, wanted)
    assert phone.asked == []


@pytest.mark.parametrize("fields", [{"Phone": 1}, {2: "Phone"}, {"Phone": "\udfff"}], ids=repr)
@pytest.mark.parametrize("generation", LeadGeneration)
def test_a_field_that_is_no_text_is_refused(phone: Any, client: Any, fields: Any, generation: LeadGeneration) -> None:
    with pytest.raises(Misconfigured, match="No request was sent"):
        client().leads.save(Lead("12", "34", "56", fields=fields), generation=generation)
    assert phone.asked == []
