"""A plain HTTP caller, so that the simulator is judged from outside and not by our own client."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest
import requests

from noojee_ingest.simulator import RunningSimulator, TrueLeg

CAMPAIGNS = "/servicemanager/rest/CampaignAPI/"
RECORDINGS = "/njadmin/rest/RecordingAPI/"
CALLS = "/servicemanager/rest/CallManagementAPI/"
CONTROL = ("dial", "checkState", "hangup", "subscribe", "answer", "start", "stop", "tag")
ELSEWHERE = {
    "Time": "/servicemanager/rest/",
    "getActiveRosters": "/servicemanager/rest/rosterApi/",
    "test": "/servicemanager/rest/systemHealth/",
}
ALLOCATION = {"fTemplateId": "12", "fCampaignId": "31", "fAllocationId": "311"}


class Caller:
    """Calls one simulator's endpoints by name."""

    def __init__(self, simulator: RunningSimulator, key: str) -> None:
        self._simulator = simulator
        self._key = key
        self.session = requests.Session()
        self.session.trust_env = False

    def path(self, endpoint: str) -> str:
        if endpoint in ELSEWHERE:
            return self._simulator.url + ELSEWHERE[endpoint] + endpoint
        if endpoint in CONTROL:
            return self._simulator.url + CALLS + endpoint
        of_campaigns = endpoint.startswith(("get", "insert", "update"))
        return self._simulator.url + (CAMPAIGNS if of_campaigns else RECORDINGS) + endpoint

    def lead(self, endpoint: str, body: Any, **parameters: str) -> tuple[int, int, str]:
        """A lead call: HTTP status, code and message of the answer."""
        asked = {"apiKey": self._key, **ALLOCATION, **parameters}
        answer = self.session.post(self.path(endpoint), params=asked, json=body, timeout=30)
        told = answer.json()
        assert set(told) == {"code", "message"}
        return answer.status_code, told["code"], told["message"]

    def ask(self, endpoint: str, method: str = "POST", **parameters: str) -> requests.Response:
        return self.session.request(
            method, self.path(endpoint), params={"apiKey": self._key, **parameters}, timeout=30, stream=False
        )

    def by_hour(self, day: str, hour: int) -> list[dict[str, Any]]:
        answer = self.ask("retrieveMetaDataByHour", date=day, hour=str(hour))
        assert answer.status_code == 200, answer.text
        told: list[dict[str, Any]] = answer.json()
        return told

    def audio(self, leg: TrueLeg) -> requests.Response:
        return self.ask("retrieveByCallRecordId", callRecordId=leg.call_record_id, leg=leg.leg)


@pytest.fixture(scope="session")
def caller_of(simulator_key: str) -> Iterator[Callable[[RunningSimulator], Caller]]:
    with ExitStack() as stack:

        def called(simulator: RunningSimulator) -> Caller:
            caller = Caller(simulator, simulator_key)
            stack.callback(caller.session.close)
            return caller

        yield called
