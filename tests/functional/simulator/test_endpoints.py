"""Each endpoint answers as the reference says, and tells the truth."""

from __future__ import annotations

import itertools
import re
import socket
import time
from collections.abc import Callable
from datetime import timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import requests

from noojee_ingest.simulator import RunningSimulator, Truth

MELBOURNE = ZoneInfo("Australia/Melbourne")
META = ("retrieveMetaData", "retrieveMetaDataByUniqueId", "retrieveMetaDataByHour")
LISTS = (
    "getCampaignTemplateList", "getCampaignList", "getAllocationList", "getDispositionList", "getFieldList",
    "getCallRecordList", "getActiveRosters", "test",
)  # fmt: skip
AUDIO = ("retrieve", "retrieveByCallRecordId", "retrieveByUniqueId")
BY_HOUR_KEYS = {
    "Destination", "UniqueId", "Username", "Start", "Duration", "Tag", "Direction", "CallRecordId", "DID", "Source",
    "callend", "Leg",
}  # fmt: skip
CALL_KEYS = {
    "id", "name", "njLeadId", "njExternalLeadId", "njCallDate", "njCallDuration", "njDisposition", "njDialAttempts",
    "njDialedNumber", "njUniqueCallId", "njCampaignName", "njAllocationName", "njAction", "email", "mobile_number",
}  # fmt: skip


@pytest.fixture(scope="module")
def caller(clean_simulator: RunningSimulator, caller_of: Callable[[RunningSimulator], Any]) -> Any:
    return caller_of(clean_simulator)


@pytest.fixture(scope="module")
def truth(clean_simulator: RunningSimulator) -> Truth:
    return clean_simulator.truth()


@pytest.mark.parametrize("endpoint", [*META, *LISTS, *AUDIO])
@pytest.mark.parametrize("given", [{"apiKey": "wrong"}, {"apiKey": ""}, {}])
def test_a_wrong_or_missing_key_is_refused(caller: Any, endpoint: str, given: dict[str, str]) -> None:
    answer = caller.session.post(caller.path(endpoint), params={**given, "tag": "x"}, timeout=30)
    assert answer.status_code == 401
    assert answer.json() == {"code": -1, "message": "Invalid apiKey"}


@pytest.mark.parametrize("endpoint", META)
def test_meta_data_is_post_only(caller: Any, endpoint: str) -> None:
    answer = caller.ask(endpoint, "GET", tag="x", uniqueId="x", date="2026/03/10", hour="9")
    assert (answer.status_code, answer.headers["allow"]) == (405, "POST")


@pytest.mark.parametrize("method", ["GET", "POST"])
@pytest.mark.parametrize("endpoint", LISTS)
def test_lists_take_both_methods(caller: Any, endpoint: str, method: str) -> None:
    answer = caller.ask(endpoint, method, fTemplateId="12", fCampaignId="31", teamName="Sales")
    assert (answer.status_code, answer.json()["code"], answer.json()["message"]) == (200, 0, "OK")
    assert answer.json()["entities"]


@pytest.mark.parametrize(
    ("endpoint", "given"),
    [
        ("getCampaignList", {}),
        ("getDispositionList", {}),
        ("getFieldList", {"fTemplateId": "x"}),
        ("getActiveRosters", {}),
        ("getCampaignList", {"fTemplateId": "twelve"}),
        ("getAllocationList", {"fTemplateId": "12"}),
        ("getCallRecordList", {"campaignId": "31"}),
        ("getCallRecordList", {"fTemplateId": "12", "campaignId": "x"}),
        ("retrieveMetaData", {}),
        ("retrieveMetaDataByUniqueId", {"uniqueId": ""}),
        ("retrieveMetaDataByHour", {"date": "2026-03-10", "hour": "9"}),
        ("retrieveMetaDataByHour", {"date": "2026/02/30", "hour": "9"}),
        ("retrieveMetaDataByHour", {"date": "2026/03/10", "hour": "24"}),
        ("retrieveMetaDataByHour", {"date": "2026/03/10"}),
        ("retrieveByCallRecordId", {"leg": "1"}),
    ],
)
def test_a_missing_or_senseless_parameter_is_a_bad_request(caller: Any, endpoint: str, given: dict[str, str]) -> None:
    answer = caller.ask(endpoint, **given)
    assert answer.status_code == 400
    assert answer.json()["code"] == -1


def test_an_unknown_path_is_an_html_page(caller: Any) -> None:
    answer = caller.ask("retrieveEverything")
    assert answer.status_code == 404
    assert answer.text.startswith("<!DOCTYPE html>")


def test_parameters_may_come_in_a_form(caller: Any, simulator_key: str, truth: Truth) -> None:
    form = {"apiKey": simulator_key, "uniqueId": truth.legs[0].unique_id}
    answer = caller.session.post(caller.path("retrieveMetaDataByUniqueId"), data=form, timeout=30)
    assert {entry["UniqueId"] for entry in answer.json()} == {truth.legs[0].unique_id}


def test_a_long_request_line_may_come_in_pieces(clean_simulator: RunningSimulator) -> None:
    host, port = clean_simulator.url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=30) as connection:
        connection.sendall(b"POST /servicemanager/rest/Time?tag=" + b"%F0" * 12_000)
        time.sleep(0.3)
        connection.sendall(b"%9F" * 12_000 + b" HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n")
        assert connection.recv(4096).startswith(b"HTTP/1.1 200 ")


def test_campaigns_and_allocations_hang_together(caller: Any, truth: Truth) -> None:
    found = set()
    for template in caller.ask("getCampaignTemplateList", "GET").json()["entities"]:
        assert set(template) == {"id", "name"}
        for campaign in caller.ask("getCampaignList", "GET", fTemplateId=str(template["id"])).json()["entities"]:
            allocations = caller.ask("getAllocationList", "GET", fCampaignId=str(campaign["id"])).json()["entities"]
            found |= {(template["id"], campaign["id"], allocation["id"]) for allocation in allocations}
    assert {(call.template_id, call.campaign_id, call.allocation_id) for call in truth.calls} <= found
    assert len({template for template, _, _ in found}) >= 3
    assert caller.ask("getCampaignList", "GET", fTemplateId="99").json()["entities"] == []


def test_each_template_has_its_dispositions_and_fields(caller: Any, truth: Truth) -> None:
    own = set()
    for template in (12, 14, 17):
        dispositions = caller.ask("getDispositionList", "GET", fTemplateId=str(template)).json()["entities"]
        assert all(set(one) == {"id", "name"} and isinstance(one["id"], int) for one in dispositions)
        names = {one["name"] for one in dispositions}
        assert {call.disposition for call in truth.calls if call.template_id == template} <= names
        own.add(frozenset(names))
        fields = caller.ask("getFieldList", "GET", fTemplateId=str(template)).json()["entities"]
        assert {one["displayType"] for one in fields if one["name"] in ("FirstPhone", "mobile_number")} == {
            "Phone Number"
        }
        assert {"full_name", "email", "suburb"} < {one["name"] for one in fields}
    assert len(own) == 3
    for endpoint in ("getDispositionList", "getFieldList"):
        assert caller.ask(endpoint, "GET", fTemplateId="99").json()["entities"] == []


def test_the_roster_tells_who_is_on_shift_in_the_vendors_spelling(caller: Any) -> None:
    told = caller.ask("getActiveRosters", "GET", teamName="Sales").json()
    assert set(told) == {"type", "code", "message", "entities"}
    first = told["entities"][0]
    assert (first["login"], first["extension"], first["statckPostion"]) == ("kim", "205", 1)
    assert [type(first[name]) for name in ("id", "statckPostion", "email")] == [int, int, str]
    unknown = caller.ask("getActiveRosters", "GET", teamName="Nobody")
    assert (unknown.status_code, unknown.json()["code"]) == (200, -1)


def test_health_is_one_object(caller: Any) -> None:
    (told,) = caller.ask("test", "GET").json()["entities"]
    assert (told["cores"], told["pingData"]["192.0.2.10"]) == (8, 3)
    assert re.fullmatch(r"2026/03/10 \d\d:\d\d", told["lastBackupSuccess"])


def test_the_by_hour_list_tells_legs_as_they_are(caller: Any, truth: Truth) -> None:
    told = caller.by_hour("2026/03/10", 9)
    legs = {
        (leg.call_record_id, leg.leg): leg
        for leg in truth.legs
        if leg.end.astimezone(MELBOURNE).isoformat().startswith("2026-03-10T09")
    }
    assert {(entry["CallRecordId"], entry["Leg"]) for entry in told} == set(legs)
    for entry in told:
        leg = legs[entry["CallRecordId"], entry["Leg"]]
        assert set(entry) == BY_HOUR_KEYS
        assert all(isinstance(value, str) for value in entry.values())
        assert re.fullmatch(r"Tue Mar 10 \d\d:\d\d:\d\d AEDT 2026", entry["Start"])
        assert entry["callend"] == f"{leg.end.astimezone(MELBOURNE):Tue Mar 10 %H:%M:%S AEDT 2026}"
        assert (entry["UniqueId"], entry["Duration"]) == (leg.unique_id, str(leg.seconds))
        assert (entry["Tag"], entry["Direction"], entry["Username"]) == (leg.tag, leg.direction, leg.username)


def test_by_unique_id_tells_all_legs_with_a_digit_for_direction_and_no_end(caller: Any, truth: Truth) -> None:
    for direction, digit in (("Inbound", "0"), ("Outbound", "1"), ("Internal", "2")):
        leg = next(leg for leg in truth.legs if leg.direction == direction and leg.leg == "2")
        told = caller.ask("retrieveMetaDataByUniqueId", uniqueId=leg.unique_id).json()
        same_call = [one for one in truth.legs if one.unique_id == leg.unique_id]
        assert [entry["Leg"] for entry in told] == [one.leg for one in same_call]
        assert all(set(entry) == BY_HOUR_KEYS - {"callend"} for entry in told)
        assert {entry["Direction"] for entry in told} == {digit}
        assert told[1]["Start"] == f"{leg.start.astimezone(MELBOURNE):%Y-%m-%d %H:%M:%S}.0"
    assert caller.ask("retrieveMetaDataByUniqueId", uniqueId="1.1").json() == []


def test_ids_that_are_equal_as_numbers_name_different_calls(caller: Any, truth: Truth) -> None:
    ten = next(leg for leg in truth.legs if leg.unique_id.endswith(".10"))
    one = ten.unique_id.removesuffix("0")
    calls = [caller.ask("retrieveMetaDataByUniqueId", uniqueId=unique_id).json() for unique_id in (one, ten.unique_id)]
    assert {entry["UniqueId"] for entry in calls[0]} == {one}
    assert {entry["UniqueId"] for entry in calls[1]} == {ten.unique_id}


def test_by_tag_tells_the_legs_of_every_call_with_it(caller: Any, truth: Truth) -> None:
    tag = next(leg.tag for leg in truth.legs if leg.tag.startswith("CLAIM/"))
    told = caller.ask("retrieveMetaData", tag=tag).json()
    assert {(entry["CallRecordId"], entry["Leg"]) for entry in told} == {
        (leg.call_record_id, leg.leg) for leg in truth.ended() if leg.tag == tag
    }


def test_the_order_of_keys_is_not_fixed(caller: Any) -> None:
    orders = {tuple(entry) for entry in caller.by_hour("2026/03/10", 9)}
    assert len(orders) > 1


def test_the_call_record_list_holds_the_last_day_oldest_first(caller: Any, truth: Truth) -> None:
    since = truth.clock - timedelta(hours=24)
    wanted = [call for call in truth.calls if since < call.disposed <= truth.clock and call.template_id == 12]
    told = caller.ask("getCallRecordList", "GET", fTemplateId="12").json()["entities"]
    assert sorted(str(entry["id"]) for entry in told) == sorted(call.call_record_id for call in wanted)
    disposed = {call.call_record_id: call.disposed for call in wanted}
    order = [disposed[str(entry["id"])] for entry in told]
    assert order == sorted(order)
    for entry in told:
        assert set(entry) >= CALL_KEYS
        assert [key for key, value in entry.items() if not isinstance(value, str)] == ["id"]
        assert re.fullmatch(r"2026/03/1[01] \d\d:\d\d:\d\d", entry["njCallDate"])


@pytest.mark.parametrize("given", [{"campaignId": "31"}, {"allocationId": "311"}])
def test_the_call_record_list_can_be_narrowed(caller: Any, truth: Truth, given: dict[str, str]) -> None:
    told = caller.ask("getCallRecordList", "GET", fTemplateId="12", **given).json()["entities"]
    whole = caller.ask("getCallRecordList", "GET", fTemplateId="12").json()["entities"]
    calls = {call.call_record_id: call for call in truth.calls}
    assert 0 < len(told) < len(whole)
    assert {calls[str(entry["id"])].campaign_id for entry in told} == {31}


def test_audio_is_found_by_record_id_by_unique_id_and_by_tag(caller: Any, truth: Truth) -> None:
    leg = next(leg for leg in truth.legs if leg.leg == "2" and leg.tag)
    tagged = [one for one in truth.legs if one.tag == leg.tag]
    assert {one.call_record_id for one in tagged} == {leg.call_record_id}, "choose a tag that one call has"
    answers = [
        caller.ask("retrieveByCallRecordId", callRecordId=leg.call_record_id, leg="2"),
        caller.ask("retrieveByUniqueId", uniqueId=leg.unique_id, leg="2"),
        caller.ask("retrieve", tag=leg.tag, leg="2"),
    ]
    assert [answer.headers["content-type"] for answer in answers] == ["audio/x-wav"] * 3
    assert len({answer.content for answer in answers}) == 1
    first = caller.ask("retrieveByCallRecordId", callRecordId=leg.call_record_id)
    assert first.content == caller.audio(tagged[0]).content != answers[0].content


@pytest.mark.parametrize("given", [{"callRecordId": "1", "leg": "1"}, {"callRecordId": "../../etc/passwd"}])
def test_no_such_recording_is_a_404_page(caller: Any, given: dict[str, str]) -> None:
    answer = caller.ask("retrieveByCallRecordId", **given)
    assert (answer.status_code, answer.text[:15]) == (404, "<!DOCTYPE html>")


def test_no_such_leg_is_404(caller: Any, truth: Truth) -> None:
    answer = caller.ask("retrieveByCallRecordId", callRecordId=truth.legs[0].call_record_id, leg="9")
    assert answer.status_code == 404


def test_a_leg_and_its_audio_appear_when_it_ends(
    start_simulator: Callable[..., RunningSimulator], caller_of: Callable[[RunningSimulator], Any]
) -> None:
    simulator = start_simulator()
    caller = caller_of(simulator)
    leg = simulator.truth().legs[-1]
    local = leg.end.astimezone(MELBOURNE)

    def seen() -> list[bool]:
        told = caller.by_hour(f"{local:%Y/%m/%d}", local.hour)
        return [
            any((entry["CallRecordId"], entry["Leg"]) == (leg.call_record_id, leg.leg) for entry in told),
            any(
                entry["Leg"] == leg.leg
                for entry in caller.ask("retrieveMetaDataByUniqueId", uniqueId=leg.unique_id).json()
            ),
            caller.audio(leg).status_code == 200,
        ]

    simulator.set_clock(leg.end - timedelta(minutes=1))
    assert seen() == [False] * 3
    simulator.set_clock(leg.end)
    assert seen() == [True] * 3


def test_a_by_hour_list_asked_too_soon_is_refused_and_the_others_are_not(
    start_simulator: Callable[..., RunningSimulator], caller_of: Callable[[RunningSimulator], Any]
) -> None:
    simulator = start_simulator(by_hour_interval=600)
    caller = caller_of(simulator)
    hour = {"date": "2026/03/10", "hour": "9"}
    assert caller.ask("retrieveMetaDataByHour", date="tomorrow", hour="9").status_code == 400
    assert caller.session.post(caller.path("retrieveMetaDataByHour"), params=hour, timeout=30).status_code == 401
    assert caller.ask("retrieveMetaDataByHour", **hour).status_code == 200
    refused = caller.ask("retrieveMetaDataByHour", **hour)
    assert refused.status_code == 429
    assert 590 <= int(refused.headers["retry-after"]) <= 600
    assert caller.ask("getCampaignTemplateList").status_code == 200
    counters = simulator.counters()
    assert counters.statuses["retrieveMetaDataByHour"] == {"400": 1, "401": 1, "200": 1, "429": 1}
    assert len(counters.by_hour_instants) == 2


def test_a_by_hour_list_is_given_again_after_the_interval(
    start_simulator: Callable[..., RunningSimulator], caller_of: Callable[[RunningSimulator], Any]
) -> None:
    simulator = start_simulator(by_hour_interval=0.3)
    caller = caller_of(simulator)
    answers: list[requests.Response] = []
    while [answer.status_code for answer in answers].count(200) < 3:
        answers.append(caller.ask("retrieveMetaDataByHour", date="2026/03/10", hour="9"))
    instants = simulator.counters().by_hour_instants
    granted = [at for at, answer in zip(instants, answers, strict=True) if answer.status_code == 200]
    assert all(later - sooner >= 0.3 for sooner, later in itertools.pairwise(granted))
