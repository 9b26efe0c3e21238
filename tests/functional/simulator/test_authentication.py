"""Who may ask what: the key, the hash with its time stamp, and the keys of users."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
import requests

from noojee_ingest.simulator import RunningSimulator

EXPIRED = '{"Message":"Expired TimeStamp","Code":-1}'
OPENED = ("checkState", "retrieveMetaData", "getCampaignTemplateList", "test", "getActiveRosters")
NEEDED = {"extenOrUniqueId": "205", "tag": "x", "teamName": "Sales"}
USER_KEY = "0c9d6a52-7a11-11ec-9d3c-00163e1a2b3c"


@pytest.fixture(scope="module")
def caller(clean_simulator: RunningSimulator, caller_of: Callable[[RunningSimulator], Any]) -> Any:
    return caller_of(clean_simulator)


def stamp_of(caller: Any) -> int:
    answer = caller.session.post(caller.path("Time"), timeout=30)
    assert answer.status_code == 200
    assert answer.text.isdecimal()
    return int(answer.text)


def hashed(caller: Any, key: str, endpoint: str, stamp: int | str, **parameters: str) -> requests.Response:
    digest = hashlib.sha256(f"{key}:{stamp}".encode()).hexdigest()
    asked = {"timeStamp": str(stamp), "hash": digest, **NEEDED, **parameters}
    answer: requests.Response = caller.session.post(caller.path(endpoint), params=asked, timeout=30)
    return answer


def test_the_time_is_a_bare_number_of_milliseconds_and_needs_no_key(
    caller: Any, clean_simulator: RunningSimulator
) -> None:
    before = clean_simulator.clock().timestamp()
    assert before - 0.001 <= stamp_of(caller) / 1000 <= clean_simulator.clock().timestamp()
    assert caller.session.get(caller.path("Time"), timeout=30).text.isdecimal()


@pytest.mark.parametrize("endpoint", OPENED)
def test_a_hash_opens_what_the_key_opens_and_one_stamp_serves_many(
    caller: Any, simulator_key: str, endpoint: str
) -> None:
    stamp = stamp_of(caller)
    for _ in range(2):
        answer = hashed(caller, simulator_key, endpoint, stamp)
        assert answer.status_code == 200
        assert '"Code":-1' not in answer.text


@pytest.mark.parametrize("endpoint", OPENED)
@pytest.mark.parametrize("wrong", ["key", "stamp", "no stamp"])
def test_a_wrong_hash_is_refused(caller: Any, simulator_key: str, endpoint: str, wrong: str) -> None:
    stamp: int | str = stamp_of(caller)
    if wrong == "key":
        answer = hashed(caller, "another", endpoint, stamp)
    elif wrong == "stamp":
        answer = hashed(caller, simulator_key, endpoint, stamp, timeStamp=str(int(stamp) - 1))
    else:
        answer = hashed(caller, simulator_key, endpoint, "")
    if endpoint == "checkState":
        assert (answer.status_code, answer.json()) == (200, {"Code": -1, "Message": "Invalid hash"})
    else:
        assert (answer.status_code, answer.json()) == (401, {"code": -1, "message": "Invalid hash"})


def test_a_stamp_is_good_for_ten_seconds_of_the_phone_systems_clock(
    start_simulator: Callable[..., RunningSimulator], caller_of: Callable[[RunningSimulator], Any], simulator_key: str
) -> None:
    simulator = start_simulator()
    caller = caller_of(simulator)
    stamp = stamp_of(caller)
    simulator.set_clock(simulator.clock() + timedelta(seconds=7))
    assert hashed(caller, simulator_key, "checkState", stamp).json()["Code"] == 0
    simulator.set_clock(simulator.clock() + timedelta(seconds=3.5))
    for endpoint in OPENED:
        answer = hashed(caller, simulator_key, endpoint, stamp)
        assert (answer.status_code, answer.text) == (200, EXPIRED)
    assert hashed(caller, simulator_key, "checkState", stamp_of(caller) + 5000).text == EXPIRED
    assert hashed(caller, simulator_key, "checkState", stamp_of(caller)).json()["Code"] == 0
    simulator.set_key(None)
    assert hashed(caller, simulator_key, "checkState", stamp_of(caller)).json()["Message"] == "Invalid hash"


@pytest.mark.parametrize("endpoint", ["dial", "checkState", "hangup", "subscribe", "answer", "start", "stop", "tag"])
@pytest.mark.parametrize("given", [{"apiKey": "wrong"}, {}])
def test_call_control_refuses_a_wrong_key_with_status_200(caller: Any, endpoint: str, given: dict[str, str]) -> None:
    answer = caller.session.get(caller.path(endpoint), params=given, timeout=30)
    assert (answer.status_code, answer.json()) == (200, {"Code": -1, "Message": "Invalid apiKey"})


def test_a_user_key_opens_campaign_calls_only_and_shows_the_templates_of_its_teams(
    start_simulator: Callable[..., RunningSimulator], caller_of: Callable[[RunningSimulator], Any]
) -> None:
    simulator = start_simulator(calls_a_day=120, recent_hours=48)
    caller = caller_of(simulator)

    def ask(endpoint: str, **parameters: str) -> Any:
        return caller.ask(endpoint, **{"apiKey": USER_KEY, **NEEDED, **parameters})

    assert ask("getCampaignTemplateList").status_code == 401
    simulator.set_user_key(USER_KEY, ["Sales"])
    assert [one["id"] for one in ask("getCampaignTemplateList").json()["entities"]] == [12]
    for endpoint in ("getCampaignList", "getDispositionList", "getFieldList", "getCallRecordList"):
        assert ask(endpoint, fTemplateId="12").json()["entities"], endpoint
        assert ask(endpoint, fTemplateId="14").json() == {"code": 0, "message": "OK", "entities": []}
        assert caller.ask(endpoint, fTemplateId="14").json()["entities"], "the global key sees all"
    assert ask("getAllocationList", fCampaignId="31").json()["entities"]
    assert ask("getAllocationList", fCampaignId="41").json()["entities"] == []
    lead = {"FirstPhone": "0370100001"}
    assert caller.lead("insertLeadFast", lead, apiKey=USER_KEY) == (200, 0, "OK")
    survey = {"fTemplateId": "14", "fCampaignId": "41", "fAllocationId": "411"}
    assert caller.lead("insertLeadFast", lead, apiKey=USER_KEY, **survey)[:2] == (400, -1)
    assert caller.lead("insertLeadFast", lead, **survey) == (200, 0, "OK")
    for endpoint in ("retrieveMetaData", "getActiveRosters", "test"):
        refused = ask(endpoint)
        assert (refused.status_code, refused.json()["message"]) == (401, "apiKey has no permission")
    for endpoint in ("dial", "subscribe", "tag"):
        refused = ask(endpoint)
        assert (refused.status_code, refused.json()["Message"]) == (200, "apiKey has no permission")
    hashed_list = hashed(caller, USER_KEY, "getCampaignTemplateList", stamp_of(caller)).json()
    assert [one["id"] for one in hashed_list["entities"]] == [12]
    simulator.set_user_key(USER_KEY, ["Research", "Collections"])
    assert [one["id"] for one in ask("getCampaignTemplateList").json()["entities"]] == [14, 17]
