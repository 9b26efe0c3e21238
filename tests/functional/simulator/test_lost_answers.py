"""An answer can be lost before a change is made, and after."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import requests

from noojee_ingest.simulator import Answer, Rule, RunningSimulator

NEW = {"FirstPhone": "0370100001", "njExternalLeadId": "X-1"}
LOST = [Answer(hang=True), Answer(cut_after=0), Answer(cut_after=5)]


@pytest.fixture
def simulator(start_simulator: Callable[..., RunningSimulator]) -> RunningSimulator:
    return start_simulator(lead_call_seconds=0.0, ring_seconds=30)


@pytest.fixture
def ask(
    simulator: RunningSimulator, caller_of: Callable[[RunningSimulator], Any], simulator_key: str
) -> Callable[..., requests.Response]:
    caller = caller_of(simulator)

    def asked(endpoint: str, body: Any = None, **parameters: str) -> requests.Response:
        answer: requests.Response = caller.session.post(
            caller.path(endpoint), params={"apiKey": simulator_key, **parameters}, json=body, timeout=1
        )
        return answer

    return asked


ALLOCATION = {"fTemplateId": "12", "fCampaignId": "31", "fAllocationId": "311"}


@pytest.mark.parametrize("answer", LOST)
def test_an_answer_is_lost_after_the_lead_was_written(
    simulator: RunningSimulator, ask: Callable[..., requests.Response], answer: Answer
) -> None:
    simulator.add_rule(Rule(endpoint="insertLeadFast", match={"njExternalLeadId": "X-1"}, times=1, answer=answer))
    with pytest.raises((requests.ConnectionError, requests.Timeout, requests.exceptions.ChunkedEncodingError)):
        ask("insertLeadFast", NEW, **ALLOCATION)
    assert [write.external_id for write in simulator.writes()] == ["X-1"]
    assert ask("insertLeadFast", NEW, **ALLOCATION).json()["code"] == 105


@pytest.mark.parametrize("answer", LOST[:2])
def test_an_answer_is_lost_before_anything_was_written(
    simulator: RunningSimulator, ask: Callable[..., requests.Response], answer: Answer
) -> None:
    before = answer.model_copy(update={"before_change": True})
    simulator.add_rule(Rule(endpoint="insertLeadFast", times=1, answer=before))
    with pytest.raises((requests.ConnectionError, requests.Timeout, requests.exceptions.ChunkedEncodingError)):
        ask("insertLeadFast", NEW, **ALLOCATION)
    assert simulator.writes() == []
    assert ask("insertLeadFast", NEW, **ALLOCATION).json()["code"] == 0


@pytest.mark.parametrize("before", [True, False])
def test_the_exception_of_the_error_table_comes_before_or_after(
    simulator: RunningSimulator, ask: Callable[..., requests.Response], before: bool
) -> None:
    answer = Answer(status=500, text='{"code":103,"message":"EXCEPTION"}', before_change=before)
    simulator.add_rule(Rule(endpoint="insertLeadFast", times=1, answer=answer))
    refused = ask("insertLeadFast", NEW, **ALLOCATION)
    assert (refused.status_code, refused.json()["code"]) == (500, 103)
    assert len(simulator.writes()) == (0 if before else 1)


@pytest.mark.parametrize("before", [True, False])
def test_a_call_is_dialled_or_not_when_the_answer_is_lost(
    simulator: RunningSimulator, ask: Callable[..., requests.Response], before: bool
) -> None:
    simulator.add_rule(Rule(endpoint="dial", answer=Answer(status=502, text="bad gateway", before_change=before)))
    assert ask("dial", number="0370100001", extenOrUniqueId="SIP/205").status_code == 502
    assert len(simulator.calls()) == (0 if before else 1)


def test_a_refusal_can_be_lost_too(simulator: RunningSimulator, ask: Callable[..., requests.Response]) -> None:
    simulator.add_rule(Rule(endpoint="hangup", answer=Answer(cut_after=3)))
    with pytest.raises((requests.ConnectionError, requests.exceptions.ChunkedEncodingError)):
        ask("hangup", extenOrUniqueId="205")


def test_a_poll_with_an_answer_of_its_own_does_not_wait(
    simulator: RunningSimulator, ask: Callable[..., requests.Response]
) -> None:
    simulator.add_rule(Rule(endpoint="subscribe", times=1, answer=Answer(status=503, text="busy")))
    assert ask("subscribe", exten="205", lastSequenceNumber="100", timeOut="30").status_code == 503
    simulator.add_rule(Rule(endpoint="subscribe", times=1, answer=Answer(cut_after=2)))
    with pytest.raises((requests.ConnectionError, requests.exceptions.ChunkedEncodingError)):
        ask("subscribe", exten="205", lastSequenceNumber="0", timeOut="0")
