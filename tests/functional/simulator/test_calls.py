"""Calls ring, connect and hang up, and subscribe and checkState tell of it."""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Callable
from typing import Any

import pytest

from noojee_ingest.simulator import RunningSimulator, SimulatorError

CALL_DATA = {
    "canAnswer", "callerId", "uniqueCallId", "callStartTime", "isQueueCall", "isClickToDialCall", "inbound", "status",
    "otherPartyCallerId", "connectedCallerIdNum", "outboundDestination",
}  # fmt: skip


class Telephone:
    """Call control of a simulator of the test's own."""

    def __init__(self, simulator: RunningSimulator, caller: Any) -> None:
        self.simulator, self.caller = simulator, caller

    def __call__(self, endpoint: str, method: str = "POST", **parameters: str) -> Any:
        answer = self.caller.ask(endpoint, method, **parameters)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def dial(self, number: str = "0370100001", extension: str = "SIP/205", **parameters: str) -> Any:
        return self("dial", number=number, extenOrUniqueId=extension, **{"monitored": "yes", **parameters})

    def subscribe(self, extensions: str, last: int, seconds: float = 10) -> Any:
        return self("subscribe", exten=extensions, lastSequenceNumber=str(last), timeOut=str(seconds))

    def history(self, extension: str, last: int, until: str = "Hungup") -> list[Any]:
        """What subscribe tells of an extension until an event with this status."""
        told: list[Any] = []
        while not told or told[-1]["status"] != until:
            answer = self.subscribe(extension, last)
            assert answer["seq"] > last, "nothing more happens"
            last = answer["seq"]
            told += [event["CallData"] for event in answer["Data"][extension]]
        return told

    def sequence(self) -> int:
        seq: int = self.subscribe("205", 0, 0)["seq"]
        return seq

    def state(self, extension: str) -> Any:
        return self("checkState", extenOrUniqueId=extension)["State"][extension]

    def only_call(self) -> Any:
        (call,) = self.simulator.calls()
        return call


@pytest.fixture
def telephones(
    start_simulator: Callable[..., RunningSimulator], caller_of: Callable[[RunningSimulator], Any]
) -> Callable[..., Telephone]:
    def started(**scenario: Any) -> Telephone:
        simulator = start_simulator(**{"ring_seconds": 0.1, "talk_seconds": 60, **scenario})
        return Telephone(simulator, caller_of(simulator))

    return started


def test_a_dialled_call_goes_through_all_its_stages_by_itself(telephones: Callable[..., Telephone]) -> None:
    telephone = telephones(talk_seconds=0.2)
    before = telephone.sequence()
    answer = telephone.dial("03 7010 0001", callerId="0355500100", phoneCaption="Kim")
    assert (answer["Code"], type(answer["SessionID"])) == (0, int)
    told = telephone.history("205", before)
    assert [one["status"] for one in told] == ["Ringing", "Dialing Out", "Connected", "Hungup"]
    assert set(told[0]) == CALL_DATA
    assert set(told[1]) == CALL_DATA | {"secondaryUniqueCallId"}
    assert len({one["uniqueCallId"] for one in told}) == 1
    assert told[1]["secondaryUniqueCallId"] != told[1]["uniqueCallId"]
    assert re.fullmatch(r"\d+\.\d+", told[0]["uniqueCallId"])
    assert [one["canAnswer"] for one in told] == [True, False, False, False]
    assert [one["callStartTime"] for one in told[:2]] == ["", ""]
    assert re.fullmatch(r"2026/03/11 03:30:\d\d", told[2]["callStartTime"])
    assert {(one["inbound"], one["isClickToDialCall"]) for one in told} == {(False, True)}
    assert {one["outboundDestination"] for one in told} == {"0370100001"}
    assert telephone.only_call()["caption"] == "Kim"


@pytest.mark.parametrize(("number", "why"), [("0370100486", "Busy"), ("0370100487", "No Answer")])
def test_some_numbers_are_busy_or_not_answered(telephones: Callable[..., Telephone], number: str, why: str) -> None:
    telephone = telephones()
    before = telephone.sequence()
    telephone.dial(number)
    told = telephone.history("205", before)
    assert [one["status"] for one in told] == ["Ringing", "Dialing Out", why, "Hungup"]
    assert told[-1]["callStartTime"] == ""


def test_a_handset_that_answers_by_itself_does_not_ring(telephones: Callable[..., Telephone]) -> None:
    telephone = telephones(ring_seconds=30)
    before = telephone.sequence()
    telephone.dial(autoAnswer="Call-Info:\\\\; answer-after=0")
    assert [one["status"] for one in telephone.history("205", before, "Dialing Out")] == ["Ringing", "Dialing Out"]


def test_what_is_not_monitored_is_not_told_but_goes_on(telephones: Callable[..., Telephone]) -> None:
    telephone = telephones(ring_seconds=30)
    before = telephone.sequence()
    assert telephone("dial", number="0370100001", extenOrUniqueId="PJSIP/205")["Code"] == 0
    assert telephone.subscribe("205", before, 0.2) == {"seq": before, "Code": 0}
    assert telephone.state("205")["Message"] == "Ringing Agent"


@pytest.mark.parametrize("extension", ["205", "SIP/999", "SIP/", "IAX/205"])
def test_dial_wants_a_known_extension_with_its_technology(telephones: Callable[..., Telephone], extension: str) -> None:
    telephone = telephones()
    assert telephone.dial(extension=extension)["Code"] == -1
    assert telephone.simulator.calls() == []


def test_one_extension_calls_another_and_both_are_told_in_one_answer(telephones: Callable[..., Telephone]) -> None:
    telephone = telephones(ring_seconds=0.3)
    before = telephone.sequence()
    telephone.dial("206")
    telephone.history("206", before, "Connected")
    answer = telephone.subscribe("205,206,207", before)
    assert set(answer["Data"]) == {"205", "206"}
    caller, called = ([event["CallData"] for event in answer["Data"][extension]] for extension in ("205", "206"))
    assert [one["status"] for one in called] == ["Ringing", "Connected"]
    assert (called[0]["inbound"], called[0]["callerId"], called[0]["canAnswer"]) == (True, "205", True)
    assert called[0]["uniqueCallId"] == caller[-1]["secondaryUniqueCallId"]
    telephone("hangup", extenOrUniqueId="206")
    assert [telephone.state(extension)["Message"] for extension in ("205", "206")] == ["Hung Up"] * 2


def test_check_state_says_what_each_extension_does(telephones: Callable[..., Telephone]) -> None:
    telephone = telephones(ring_seconds=30)
    telephone.dial()
    call = telephone.only_call()["unique_id"]
    assert telephone.state("205") == {"uniqueCallId": call, "Message": "Ringing Agent", "Code": 0}
    for status, message in (("Dialing Out", "Ringing Client"), ("Connected", "On Call"), ("On Hold", "On Hold")):
        telephone.simulator.move_call(call, status)
        assert telephone.state("205")["Message"] == message
    telephone.simulator.move_call(call, "Hungup")
    assert telephone.state("205")["Message"] == "Hung Up"
    whole = telephone("checkState", extenOrUniqueId="206,999", timeOut="1")
    assert whole == {"State": {"206": {"Code": 0}, "999": {"Code": -1, "Message": "Unknown extension"}}, "Code": 0}


def test_hangup_takes_either_unique_id_or_the_oldest_call_of_an_extension(
    telephones: Callable[..., Telephone],
) -> None:
    telephone = telephones(ring_seconds=30)
    for _ in range(4):
        telephone.dial()
    first, second, third, fourth = telephone.simulator.calls()
    for given in (third["unique_id"], "205", second["secondary_unique_id"]):
        assert telephone("hangup", extenOrUniqueId=given) == {"Message": "Channel Hungup", "Code": 0}
    ended = {call["unique_id"] for call in telephone.simulator.calls() if call["ended"]}
    assert ended == {one["unique_id"] for one in (first, second, third)}
    for unknown in (first["unique_id"], "SIP/205", "206", "1.1"):
        assert telephone("hangup", extenOrUniqueId=unknown)["Code"] == -1
    assert not telephone.simulator.calls()[3]["ended"], fourth


def test_a_call_that_comes_in_rings_until_it_is_answered(telephones: Callable[..., Telephone]) -> None:
    telephone = telephones()
    before = telephone.sequence()
    call = telephone.simulator.call_in("207", "0370100002", queue=True)
    (ringing,) = telephone.history("207", before, "Ringing")
    assert (ringing["uniqueCallId"], ringing["callerId"]) == (call, "0370100002")
    assert (ringing["inbound"], ringing["isQueueCall"], ringing["isClickToDialCall"]) == (True, True, False)
    for wrong in ({"exten": "208"}, {"uniqueId": "1.1"}):
        asked = {"uniqueId": call, "exten": "SIP/207", "answerString": "x", **wrong}
        assert telephone("answer", **asked)["Code"] == -1
    assert telephone.caller.ask("answer", uniqueId=call, exten="207").status_code == 400
    assert telephone("answer", uniqueId=call, exten="207", answerString="x")["Code"] == 0
    assert telephone.state("207")["Message"] == "On Call"
    assert telephone("answer", uniqueId=call, exten="SIP/207", answerString="x")["Code"] == -1, "it rings no more"


def test_an_agent_answers_the_handset_of_a_dialled_call(telephones: Callable[..., Telephone]) -> None:
    telephone = telephones(ring_seconds=30)
    telephone.dial()
    asked = {"uniqueId": telephone.only_call()["unique_id"], "exten": "SIP/205", "answerString": "x"}
    assert telephone("answer", **asked)["Code"] == 0
    assert telephone.state("205")["Message"] == "Ringing Client"


def test_subscribe_waits_for_the_first_event(telephones: Callable[..., Telephone]) -> None:
    telephone = telephones()
    before, begun = telephone.sequence(), time.monotonic()
    later = threading.Timer(0.4, telephone.simulator.call_in, ("205", "0370100003"))
    later.start()
    answer = telephone.subscribe("205", before, 30)
    waited = time.monotonic() - begun
    later.join()
    assert waited >= 0.4
    assert [event["CallData"]["status"] for event in answer["Data"]["205"]] == ["Ringing"]
    assert answer["seq"] == before + 1


def test_subscribe_without_events_answers_without_data_when_the_time_is_up(
    telephones: Callable[..., Telephone],
) -> None:
    telephone = telephones()
    before = telephone.sequence()
    telephone.simulator.call_in("206", "0370100003")
    begun = time.monotonic()
    assert telephone.subscribe("205", before, 0.5) == {"seq": before + 1, "Code": 0}
    assert time.monotonic() - begun >= 0.5


def test_the_present_state_is_told_at_once(telephones: Callable[..., Telephone]) -> None:
    telephone = telephones()
    calls = [telephone.simulator.call_in(extension, "0370100003") for extension in ("205", "205", "206")]
    telephone.simulator.move_call(calls[0], "Connected")
    telephone.simulator.move_call(calls[2], "Hungup")
    answer = telephone.subscribe("205,206", 0, 0)
    told = {event["CallData"]["uniqueCallId"]: event["CallData"]["status"] for event in answer["Data"]["205"]}
    assert told == {calls[0]: "Connected", calls[1]: "Ringing"}
    assert set(answer["Data"]) == {"205"}
    assert telephone.subscribe("205,206", answer["seq"], 0) == {"seq": answer["seq"], "Code": 0}
    (again,) = telephone.subscribe("205,206", answer["seq"] - 1, 0)["Data"]["206"]
    assert again["CallData"]["status"] == "Hungup", "older events can be read again"


def test_a_sequence_that_starts_anew_is_lower_and_wakes_who_waits(telephones: Callable[..., Telephone]) -> None:
    telephone = telephones()
    telephone.simulator.call_in("205", "0370100003")
    before = telephone.sequence()
    later = threading.Timer(0.4, telephone.simulator.set_sequence, (5,))
    later.start()
    assert telephone.subscribe("205", before, 30) == {"seq": 5, "Code": 0}
    later.join()
    assert telephone.subscribe("205", before, 30) == {"seq": 5, "Code": 0}
    assert telephone.subscribe("205", 0, 0)["Data"]["205"], "the call itself goes on"
    telephone.simulator.call_in("206", "0370100003")
    assert telephone.subscribe("206", 5, 10)["seq"] == 6


@pytest.mark.parametrize(
    ("endpoint", "given"),
    [
        ("dial", {"number": "1"}),
        ("dial", {"extenOrUniqueId": "SIP/205"}),
        ("hangup", {}),
        ("subscribe", {"exten": "205"}),
        ("subscribe", {"exten": "205", "lastSequenceNumber": "0", "timeOut": "soon"}),
        ("checkState", {"extenOrUniqueId": ""}),
        ("start", {}),
        ("tag", {"extenOrUniqueId": "205"}),
    ],
)
def test_a_missing_or_senseless_parameter_is_a_bad_request(
    clean_simulator: RunningSimulator, caller_of: Callable[..., Any], endpoint: str, given: dict[str, str]
) -> None:
    answer = caller_of(clean_simulator).ask(endpoint, **given)
    assert (answer.status_code, answer.json()["Code"]) == (400, -1)


def test_calls_come_in_by_themselves_where_the_scenario_has_it_so(telephones: Callable[..., Telephone]) -> None:
    telephone = telephones(inbound_every=0.2, talk_seconds=0.2)
    every = ",".join(str(extension) for extension in range(205, 217))
    last, told = 0, set()
    while not told >= {"Ringing", "Connected", "Hungup"}:
        answer = telephone.subscribe(every, last, 10)
        last = answer["seq"]
        told |= {event["CallData"]["status"] for events in answer["Data"].values() for event in events}


@pytest.mark.parametrize(
    ("control", "value"),
    [
        ("calls", {"extension": "999", "caller_id": "1"}),
        ("calls/1.1", {"status": "Hungup"}),
        ("calls/1.1", {"status": "Gone"}),
        ("sequence", {"seq": -1}),
        ("leads/1", {"editing": True}),
        ("user-keys", {"key": "", "teams": []}),
    ],
)
def test_a_control_that_means_nothing_is_refused(
    clean_simulator: RunningSimulator, control: str, value: dict[str, Any]
) -> None:
    with pytest.raises(SimulatorError, match="refused POST"):
        clean_simulator._ask("POST", control, value)
