"""Lead calls change the simulator's leads for real, and refuse with every code of the reference."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest

from noojee_ingest.simulator import RunningSimulator, Scenario, start

INSERTS, UPDATES = ("insertLead", "insertLeadFast"), ("updateLead", "updateLeadFast")
PHONE = "0370100001"
NEW = {"Name": "Zoë 🙂", "FirstPhone": PHONE, "njExternalLeadId": "X-1"}
SAME = {"FirstPhone": "<No Change>", "njExternalLeadId": "X-1"}
OK = (200, 0, "OK")


class Site:
    def __init__(self, simulator: RunningSimulator, caller: Any) -> None:
        self.simulator, self.caller = simulator, caller
        self.call = caller.lead

    def lead(self, external_id: str = "X-1") -> Any:
        (found,) = [lead for lead in self.simulator.leads() if lead["external_id"] == external_id]
        return found


@pytest.fixture
def sites(
    start_simulator: Callable[..., RunningSimulator], caller_of: Callable[[RunningSimulator], Any]
) -> Callable[..., Site]:
    def started(**scenario: Any) -> Site:
        simulator = start_simulator(**{"lead_call_seconds": 0.0, **scenario})
        return Site(simulator, caller_of(simulator))

    return started


@pytest.fixture(scope="module")
def refusing(caller_of: Callable[[RunningSimulator], Any], simulator_key: str) -> Iterator[Site]:
    """With two leads that no test changes."""
    with start(Scenario.clean(calls_a_day=24, days=1, lead_call_seconds=0.0), simulator_key) as simulator:
        made = Site(simulator, caller_of(simulator))
        assert made.call("insertLeadFast", NEW) == OK
        assert made.call("insertLeadFast", {"FirstPhone": "0370100009", "njExternalLeadId": "X-9"}) == OK
        yield made


@pytest.fixture
def site(sites: Callable[..., Site]) -> Site:
    """With one new lead."""
    made = sites()
    assert made.call("insertLeadFast", NEW) == OK
    return made


def test_a_new_lead_has_what_it_was_given(sites: Callable[..., Site]) -> None:
    site = sites()
    given = {**NEW, "njCallBackDate": "2026/03/12 09:30", "njPriority": "5", "njContactHours": "Perth", "Unknown": "x"}
    assert site.call("insertLeadFast", given) == OK
    lead = site.lead()
    assert lead["fields"] == {"Name": "Zoë 🙂", "FirstPhone": PHONE}
    assert (lead["callback"], lead["priority"], lead["contact_hours"]) == ("2026/03/12 09:30", 5, "Perth")
    assert (lead["allocation"]["id"], lead["disposition"]) == (311, "")
    (write,) = site.simulator.writes()
    assert (write.number, write.endpoint, write.external_id, write.lead_id) == (1, "insertLeadFast", "X-1", lead["id"])
    assert (write.template_id, write.campaign_id, write.allocation_id) == (12, 31, 311)
    assert write.body == given
    assert write.changed["njPriority"] == ("10", "5")
    assert abs(write.at - site.simulator.clock()) < timedelta(minutes=1)


def test_the_old_insert_takes_a_disposition_and_the_time_apart(sites: Callable[..., Site]) -> None:
    site = sites()
    old = {**NEW, "njDisposition": "Callback", "njCallBackDate": "2026/03/12", "njCallbackTime": "09:30"}
    assert site.call("insertLead", old) == OK
    assert (site.lead()["disposition"], site.lead()["callback"]) == ("Callback", "2026/03/12 09:30")
    assert site.call("insertLead", {**old, "njDisposition": "Nonsense"}, allowDuplicates="true")[1] == 106
    assert site.lead()["priority"] == 10


@pytest.mark.parametrize("endpoint", UPDATES)
@pytest.mark.parametrize("place", ["body", "query", "both"])
def test_an_update_finds_its_lead_by_the_external_id_in_either_place(site: Site, endpoint: str, place: str) -> None:
    body = {**SAME, "njDisposition": "Sale", "notes": "called", "njPriority": "0"}
    query = {} if place == "body" else {"njExternalLeadId": "X-1"}
    if place == "query":
        del body["njExternalLeadId"]
    assert site.call(endpoint, body, **query) == OK
    lead = site.lead()
    assert (lead["disposition"], lead["priority"]) == ("Sale", 0)
    assert lead["fields"] == {"Name": "Zoë 🙂", "FirstPhone": PHONE, "notes": "called"}
    write = site.simulator.writes()[-1]
    assert (write.number, write.endpoint, write.body) == (2, endpoint, body)
    assert write.changed == {"njDisposition": ("", "Sale"), "notes": ("", "called"), "njPriority": ("10", "0")}


@pytest.mark.parametrize("mark", ["<No Change>", "<NO CHANGE>", "<no change>"])
def test_no_change_leaves_the_disposition_once_there_is_one(site: Site, mark: str) -> None:
    body = {**SAME, "FirstPhone": mark, "njDisposition": mark}
    assert site.call("updateLeadFast", body) == (400, 107, "DISPOSTION_ISNT_SET_AND_NOCHANGE_SPECIFIED")
    assert site.call("updateLeadFast", {**body, "njDisposition": "Callback"}) == OK
    assert site.call("updateLeadFast", {**body, "Name": mark, "notes": "n"}) == OK
    assert site.lead()["disposition"] == "Callback"
    assert site.lead()["fields"]["FirstPhone"] == PHONE
    assert [dict(write.changed) for write in site.simulator.writes()[1:]] == [
        {"njDisposition": ("", "Callback")},
        {"notes": ("", "n")},
    ]


def test_an_update_with_what_is_there_already_is_a_write_without_changes(site: Site) -> None:
    body = {**NEW, "FirstPhone": "0370 100 001", "njDisposition": "Sale"}
    assert site.call("updateLeadFast", body) == OK, "its own number is no duplicate"
    assert site.call("updateLeadFast", body) == OK
    writes = site.simulator.writes()
    assert [write.number for write in writes] == [1, 2, 3]
    assert set(writes[1].changed) == {"FirstPhone", "njDisposition"}
    assert writes[2].changed == {}


@pytest.mark.parametrize("endpoint", UPDATES)
@pytest.mark.parametrize(
    ("body", "code", "message"),
    [
        ({"njExternalLeadId": "X-2"}, 101, "COULDNT_FIND_THE_LEAD"),
        ({"njExternalLeadId": ""}, 101, "COULDNT_FIND_THE_LEAD"),
        ({"FirstPhone": ""}, 102, "NO_PHONE_FIELDS"),
        ({"FirstPhone": "0370100104"}, 104, "DNC"),
        ({"FirstPhone": "0370100009"}, 105, "DUPLICATE"),
        ({"njDisposition": "sale"}, 106, "INVALID_DISPOSTION"),
        ({"njDisposition": ""}, 106, "INVALID_DISPOSTION"),
        ({"njDisposition": "Survey completed"}, 106, "INVALID_DISPOSTION"),
        ({"njDisposition": "<No Change>"}, 107, "DISPOSTION_ISNT_SET_AND_NOCHANGE_SPECIFIED"),
        ({"njPriority": "101"}, -1, "njPriority must be 0 to 100"),
        ({"njCallBackDate": "2026-03-12 09:30"}, -1, "njCallBackDate must be yyyy/MM/dd HH:mm"),
        ({"njCallBackDate": "2026/02/30 09:30"}, -1, "njCallBackDate must be yyyy/MM/dd HH:mm"),
    ],
)
def test_an_update_that_is_refused_changes_nothing(
    refusing: Site, endpoint: str, body: dict[str, str], code: int, message: str
) -> None:
    before = refusing.simulator.leads()
    asked = {**SAME, "njDisposition": "Sale", "notes": "never", **body}
    assert refusing.call(endpoint, asked) == (400, code, message)
    assert refusing.simulator.leads() == before
    assert len(refusing.simulator.writes()) == 2


@pytest.mark.parametrize("endpoint", INSERTS)
@pytest.mark.parametrize(
    ("body", "code", "message"),
    [
        ({"FirstPhone": " "}, 102, "NO_PHONE_FIELDS"),
        ({"FirstPhone": "", "Phone": PHONE}, 102, "NO_PHONE_FIELDS"),
        ({"mobile_number": "0370 100 104"}, 104, "DNC"),
        ({"FirstPhone": "0370100001"}, 105, "DUPLICATE"),
        ({"mobile_number": "0370 100 001"}, 105, "DUPLICATE"),
        ({"notes": "<No Change>"}, 108, "IMPORT_BUT_NOCHANGE_SPECIFIED"),
    ],
)
def test_an_insert_that_is_refused_adds_nothing(
    refusing: Site, endpoint: str, body: dict[str, str], code: int, message: str
) -> None:
    before = refusing.simulator.leads()
    asked = {"FirstPhone": "0370100002", "njExternalLeadId": "X-2", **body}
    assert refusing.call(endpoint, asked) == (400, code, message)
    assert refusing.simulator.leads() == before
    assert len(refusing.simulator.writes()) == 2


def test_duplicates_can_be_allowed_and_are_looked_for_in_the_campaign(site: Site) -> None:
    again = {**NEW, "njExternalLeadId": "X-2"}
    assert site.call("insertLeadFast", again, fAllocationId="312")[1] == 105
    assert site.call("insertLeadFast", again, allowDuplicates="true") == OK
    assert site.call("insertLeadFast", again, fCampaignId="34", fAllocationId="341") == OK


def test_numbers_can_be_forbidden(site: Site) -> None:
    site.simulator.forbid_number("0370100002")
    assert site.call("insertLeadFast", {"FirstPhone": "0370100002"}) == (400, 104, "DNC")


@pytest.mark.parametrize("wrong", [{"fAllocationId": "341"}, {"fTemplateId": "14"}, {"fCampaignId": "x"}])
def test_an_allocation_must_belong_to_its_campaign_and_template(refusing: Site, wrong: dict[str, str]) -> None:
    assert refusing.call("insertLeadFast", NEW, **wrong)[:2] == (400, -1)
    assert refusing.call("updateLeadFast", {**SAME, "njDisposition": "Sale"}, **wrong)[:2] == (400, -1)


def test_a_lead_is_looked_for_in_its_allocation_only(refusing: Site) -> None:
    assert refusing.call("updateLeadFast", {**SAME, "njDisposition": "Sale"}, fAllocationId="312")[1] == 101


def test_a_lead_that_a_person_edits_is_left_alone(site: Site) -> None:
    body = {**SAME, "njDisposition": "Sale"}
    site.simulator.edit_lead(site.lead()["id"])
    assert site.call("updateLeadFast", body) == (400, 110, "LEAD_NOT_UPDATED_DUE_TO_CONFLICT")
    assert site.lead()["disposition"] == ""
    site.simulator.edit_lead(site.lead()["id"], editing=False)
    assert site.call("updateLeadFast", body) == OK


def test_lead_calls_run_so_many_at_once_and_take_their_time(sites: Callable[..., Site]) -> None:
    site = sites(lead_calls_at_once=2, lead_call_seconds=0.3)
    begun = time.monotonic()
    with ThreadPoolExecutor(5) as pool:
        made = pool.map(lambda n: site.call("insertLeadFast", {"FirstPhone": f"037010000{n}"}), range(5))
    assert list(made) == [OK] * 5
    assert time.monotonic() - begun >= 0.9


def test_who_queues_too_long_is_given_up_and_nothing_was_written(sites: Callable[..., Site]) -> None:
    site = sites(lead_calls_at_once=1, lead_call_seconds=2, lead_queue_seconds=0.3)
    with ThreadPoolExecutor(3) as pool:
        made = list(pool.map(lambda n: site.call("insertLeadFast", {"FirstPhone": f"037010000{n}"}), range(3)))
    assert sorted(made) == [OK, *[(400, 109, "TIMEOUT_TOO_MANY_CONCURRENT_REQUESTS")] * 2]
    assert len(site.simulator.writes()) == 1


def test_the_old_insert_runs_one_at_a_time(sites: Callable[..., Site]) -> None:
    site = sites(lead_calls_at_once=4, lead_call_seconds=0.3)
    begun = time.monotonic()
    with ThreadPoolExecutor(3) as pool:
        made = pool.map(lambda n: site.call("insertLead", {"FirstPhone": f"037010000{n}"}), range(3))
    assert list(made) == [OK] * 3
    assert time.monotonic() - begun >= 0.9


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"17", b"\xff"])
def test_a_body_that_is_no_object_is_a_bad_request(refusing: Site, simulator_key: str, body: bytes) -> None:
    asked = {"apiKey": simulator_key, "fTemplateId": "12", "fCampaignId": "31", "fAllocationId": "311"}
    answer = refusing.caller.session.post(refusing.caller.path("insertLeadFast"), params=asked, data=body, timeout=30)
    assert (answer.status_code, answer.json()["code"]) == (400, -1)


@pytest.mark.parametrize("endpoint", [*INSERTS, *UPDATES])
def test_lead_calls_are_post_only(refusing: Site, endpoint: str) -> None:
    assert refusing.caller.ask(endpoint, "GET").status_code == 405


def test_the_call_record_list_tells_what_a_lead_was_changed_to(
    start_simulator: Callable[..., RunningSimulator], caller_of: Callable[[RunningSimulator], Any]
) -> None:
    simulator = start_simulator(calls_a_day=245, lead_call_seconds=0.0)
    caller = caller_of(simulator)

    def listed() -> dict[str, dict[str, str]]:
        told = caller.ask("getCallRecordList", fTemplateId="12", allocationId="311").json()["entities"]
        return {str(entry["id"]): entry for entry in told}

    before = listed()
    known = [entry for entry in before.values() if entry["njExternalLeadId"]]
    entry = next(entry for entry in known if entry["njDisposition"] != "Fax")
    body = {
        "njExternalLeadId": entry["njExternalLeadId"],
        "njDisposition": "Fax",
        "mobile_number": "<No Change>",
        "recording": "archived",
    }
    assert caller.lead("updateLeadFast", body) == OK
    after = listed()
    wanted = {**before[str(entry["id"])], "njDisposition": "Fax", "recording": "archived"}
    assert after == {**before, str(entry["id"]): wanted}
    (write,) = simulator.writes()
    assert write.changed["njDisposition"] == (entry["njDisposition"], "Fax")


def test_a_lead_is_unknown_until_its_call(refusing: Site) -> None:
    truth = refusing.simulator.truth()
    to_come = {call.lead_id for call in truth.calls if call.disposed > truth.clock}
    known = {lead["id"] for lead in refusing.simulator.leads()}
    assert to_come
    assert {call.lead_id for call in truth.calls} - to_come < known
    assert not to_come & known
