"""Saving and updating call records: every generation and every code."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import nullcontext
from datetime import UTC, datetime
from typing import Any

import pytest

from noojee_ingest.noojee import (
    LEAD_REFUSALS,
    NO_CHANGE,
    AuthenticationFailed,
    Done,
    Lead,
    LeadGeneration,
    LeadRefused,
    Misconfigured,
    Noojee,
    TurnKind,
    contract_from,
)
from noojee_ingest.noojee.leads import LONGEST_QUEUE
from tests.functional.conftest import KEY

CA = "/servicemanager/rest/CampaignAPI"
OK = '{"code":0,"message":"OK"}'
IDS = f"apiKey={KEY}&fTemplateId=12&fCampaignId=34&fAllocationId=56"

Client = Callable[..., Noojee]
FAST, OLD, HASH = LeadGeneration.FAST, LeadGeneration.OLD, LeadGeneration.HASH

CODES = {
    101: "COULDNT_FIND_THE_LEAD",
    102: "NO_PHONE_FIELDS",
    103: "EXCEPTION",
    104: "DNC",
    105: "DUPLICATE",
    106: "INVALID_DISPOSTION",
    107: "DISPOSTION_ISNT_SET_AND_NOCHANGE_SPECIFIED",
    108: "IMPORT_BUT_NOCHANGE_SPECIFIED",
    109: "TIMEOUT_TOO_MANY_CONCURRENT_REQUESTS",
    110: "LEAD_NOT_UPDATED_DUE_TO_CONFLICT",
}
NAMES = {
    101: "LeadNotFound",
    102: "NoPhoneField",
    103: "LeadException",
    104: "DoNotCall",
    105: "DuplicateLead",
    106: "InvalidDisposition",
    107: "NoDispositionYet",
    108: "NoChangeOnInsert",
    109: "LeadQueueTimedOut",
    110: "LeadConflict",
}


def new(**changes: Any) -> Lead:
    return Lead("12", "34", "56", **{"fields": {"Name": "Kim Lee", "FirstPhone": "0355500123"}, **changes})


def save(noojee: Noojee) -> Done:
    return noojee.leads.save(new(external_id="A-100"))


def update(noojee: Noojee) -> Done:
    return noojee.leads.update(new(external_id="A-100", disposition="Sale"))


both = pytest.mark.parametrize("ask", [save, update])


@pytest.mark.parametrize(("generation", "path"), [(FAST, "insertLeadFast"), (OLD, "insertLead"), (HASH, "insertLead")])
def test_a_new_one_goes_out_as_the_reference_has_it(
    phone: Any, client: Client, generation: LeadGeneration, path: str
) -> None:
    phone.answers(OK)
    lead = new(
        external_id="A-100",
        priority=5,
        contact_hours="Late",
        callback=datetime(2026, 3, 4, 9, 5, 59),  # noqa: DTZ001
    )

    assert client().leads.save(lead, generation=generation) == Done(0, "OK")

    (asked,) = phone.asked
    assert asked.method == "POST"
    assert asked.target == f"{CA}/{path}?{IDS}"
    assert (asked.headers["content-type"], asked.headers["accept"]) == ("application/json", "application/json")
    callback = (
        {"njCallBackDate": "2026/03/04", "njCallbackTime": "09:05"}
        if generation is HASH
        else {"njCallBackDate": "2026/03/04 09:05"}
    )
    assert json.loads(asked.body) == {
        "Name": "Kim Lee",
        "FirstPhone": "0355500123",
        "njExternalLeadId": "A-100",
        "njPriority": "5",
        "njContactHours": "Late",
        **callback,
    }


def test_what_was_not_given_is_not_sent(phone: Any, client: Client) -> None:
    phone.answers(OK)

    client().leads.save(new())

    assert json.loads(phone.asked[0].body) == {"Name": "Kim Lee", "FirstPhone": "0355500123"}


def test_a_field_may_be_emptied(phone: Any, client: Client) -> None:
    phone.answers(OK)

    client().leads.update(new(external_id="A-100", disposition="Sale", fields={"Name": ""}))

    assert json.loads(phone.asked[0].body)["Name"] == ""


def test_a_priority_of_zero_is_sent(phone: Any, client: Client) -> None:
    phone.answers(OK)

    client().leads.save(new(priority=0))

    assert json.loads(phone.asked[0].body)["njPriority"] == "0"


def test_duplicates_may_be_allowed(phone: Any, client: Client) -> None:
    phone.answers(OK)

    client().leads.save(new(), allow_duplicates=True)

    assert phone.asked[0].target == f"{CA}/insertLeadFast?{IDS}&allowDuplicates=true"


@pytest.mark.parametrize("generation", [OLD, HASH])
def test_only_the_old_generations_take_a_disposition_at_once(
    phone: Any, client: Client, generation: LeadGeneration
) -> None:
    phone.answers(OK)
    noojee = client()

    noojee.leads.save(new(disposition="Callback"), generation=generation)

    assert json.loads(phone.asked[0].body)["njDisposition"] == "Callback"
    with pytest.raises(Misconfigured, match="takes no disposition"):
        noojee.leads.save(new(disposition="Callback"))


@pytest.mark.parametrize(
    ("generation", "path", "in_query"),
    [(FAST, "updateLeadFast", True), (OLD, "updateLead", True), (HASH, "updateLead", False)],
)
def test_an_update_carries_its_external_id_where_its_generation_looks_for_it(
    phone: Any, client: Client, generation: LeadGeneration, path: str, *, in_query: bool
) -> None:
    phone.answers(OK)

    client().leads.update(new(external_id="A/1 &2", disposition="Sale"), generation=generation)

    (asked,) = phone.asked
    assert asked.target == f"{CA}/{path}?{IDS}" + ("&njExternalLeadId=A/1%20%262" if in_query else "")
    body = json.loads(asked.body)
    assert (body["njExternalLeadId"], body["njDisposition"]) == ("A/1 &2", "Sale")


@pytest.mark.parametrize("spelling", [NO_CHANGE, "<NO CHANGE>", "<no change>", " <No change> "])
def test_no_change_is_understood_in_any_case_and_sent_in_one(phone: Any, client: Client, spelling: str) -> None:
    phone.answers(OK)

    client().leads.update(
        new(external_id="A-100", disposition=spelling, fields={"FirstPhone": spelling, "Name": "no change"})
    )

    body = json.loads(phone.asked[0].body)
    assert (body["njDisposition"], body["FirstPhone"], body["Name"]) == ("<No Change>", "<No Change>", "no change")


@both
@pytest.mark.parametrize("status", [200, 400, 409, 500, 503, 404, 401])
@pytest.mark.parametrize("code", CODES)
def test_each_code_is_an_error_of_its_own_whatever_the_status(
    *, phone: Any, client: Client, ask: Callable[[Noojee], Done], code: int, status: int
) -> None:
    phone.answers(json.dumps({"code": code, "message": CODES[code]}), status=status)

    with pytest.raises(LeadRefused) as caught:
        ask(client())

    assert type(caught.value).__name__ == NAMES[code]
    assert (caught.value.code, caught.value.status) == (code, status)
    assert "(external id A-100)" in str(caught.value)
    assert f"code {code}, '{CODES[code]}'" in str(caught.value)
    assert caught.value.hint in str(caught.value)
    assert len(phone.asked) == 1


def test_there_is_a_class_for_each_code_and_each_has_its_own_hint() -> None:
    assert {code: refusal.__name__ for code, refusal in LEAD_REFUSALS.items()} == NAMES
    assert {code: refusal("x").code for code, refusal in LEAD_REFUSALS.items()} == {code: code for code in NAMES}
    assert len({refusal.hint for refusal in LEAD_REFUSALS.values()}) == len(NAMES)


@both
@pytest.mark.parametrize("code", [100, 111, 3])
def test_other_codes_above_zero_are_warnings(
    phone: Any, client: Client, ask: Callable[[Noojee], Done], code: int
) -> None:
    phone.answers(json.dumps({"code": code, "message": "mind"}))

    assert ask(client()).warning == f"code {code}, 'mind'"


@pytest.mark.parametrize("code", [101, 110])
def test_elsewhere_these_codes_are_warnings(phone: Any, client: Client, code: int) -> None:
    phone.answers(json.dumps({"Code": code, "Message": "mind", "entities": []}))
    noojee = client()

    assert noojee.calls.hangup("205").warning == f"code {code}, 'mind'"
    assert noojee.campaigns.templates().warning == f"code {code}, 'mind'"


def test_a_key_without_rights_is_told(phone: Any, client: Client) -> None:
    phone.answers('{"code":-1,"message":"Invalid apiKey"}', status=401)

    with pytest.raises(AuthenticationFailed):
        save(client())


@both
def test_each_takes_its_turn(phone: Any, client: Client, ask: Callable[[Noojee], Done]) -> None:
    class Turns:
        def __init__(self) -> None:
            self.taken: list[TurnKind] = []

        def slot(self) -> Any:
            return nullcontext()

        def turn(self, kind: TurnKind) -> None:
            self.taken.append(kind)

    phone.answers(OK)
    turns = Turns()

    ask(client(limiter=turns))

    assert turns.taken == [TurnKind.LEAD]


def test_an_answer_may_take_longer_than_the_queue_lasts(phone: Any, client: Client) -> None:
    phone.answers(OK, every=0.4, drop=1_000)

    assert save(client(read_timeout=0.1)).code == 0
    assert LONGEST_QUEUE > 60.0


def test_a_callback_with_a_zone_is_refused(phone: Any, client: Client) -> None:
    phone.answers(OK)

    with pytest.raises(Misconfigured, match="has a zone"):
        client().leads.save(new(callback=datetime(2026, 3, 4, tzinfo=UTC)))


def test_a_corrected_contract_goes_out_instead(phone: Any, client: Client) -> None:
    phone.answers(OK)
    contract = contract_from(
        {
            "update_fast": {"path": "/elsewhere", "external_id": ""},
            "lead_keys": {"disposition": "outcome", "external_id": "ref", "no_change": "<same>"},
        }
    )

    client(contract=contract).leads.update(new(external_id="A-100", disposition="<SAME>", fields={}))

    assert phone.asked[0].target == f"/elsewhere?{IDS}"
    assert json.loads(phone.asked[0].body) == {"outcome": "<same>", "ref": "A-100"}
