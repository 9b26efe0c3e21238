"""Each dialect speaks its own way where nothing is documented, and the old way is unknown to it."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from noojee_ingest.simulator import Dialect, RunningSimulator, Scenario, TrueLeg, start

RA = "/njadmin/rest/RecordingAPI/"
CM = "/servicemanager/rest/CallManagementAPI/"
OLD = "/servicemanager/rest/RecordingAPI/"
AUDIO = ("retrieve", "retrieveByCallRecordId", "retrieveByUniqueId")
META = ("retrieveMetaData", "retrieveMetaDataByUniqueId")
BY_HOUR = "retrieveMetaDataByHour"


@pytest.fixture(scope="module", params=list(Dialect))
def site(
    request: pytest.FixtureRequest, caller_of: Callable[[RunningSimulator], Any], simulator_key: str
) -> Iterator[Any]:
    with start_in(request.param, simulator_key) as simulator:
        caller = caller_of(simulator)
        yield request.param, simulator, caller


def start_in(dialect: Dialect, key: str) -> RunningSimulator:
    return start(Scenario.clean(dialect=dialect, calls_a_day=24, days=1, by_hour_interval=0.0), key)


class Asking:
    """Asks any path, as the dialect wants to be asked."""

    def __init__(self, simulator: RunningSimulator, caller: Any, key: str, dialect: Dialect) -> None:
        self._simulator, self._caller, self._key, self._dialect = simulator, caller, key, dialect

    def opening(self) -> dict[str, str]:
        if self._dialect is not Dialect.HASH_ONLY:
            return {"apiKey": self._key}
        stamp = self._caller.session.post(self._simulator.url + "/servicemanager/rest/Time", timeout=30).text
        return {"timeStamp": stamp, "hash": hashlib.sha256(f"{self._key}:{stamp}".encode()).hexdigest()}

    def __call__(self, path: str, method: str = "POST", **parameters: str) -> Any:
        asked = {**self.opening(), **parameters}
        return self._caller.session.request(method, self._simulator.url + path, params=asked, timeout=30)


@pytest.fixture(scope="module")
def asking(site: Any, simulator_key: str) -> Asking:
    dialect, simulator, caller = site
    return Asking(simulator, caller, simulator_key, dialect)


@pytest.fixture(scope="module")
def leg(site: Any) -> TrueLeg:
    _, simulator, _ = site
    return next(leg for leg in simulator.truth().ended() if leg.leg == "2" and leg.tag)


def is_page(answer: Any) -> bool:
    return answer.status_code == 404 and answer.text.startswith("<!DOCTYPE html>")


def test_audio_is_where_the_dialect_has_it_and_nowhere_else(site: Any, asking: Asking, leg: TrueLeg) -> None:
    dialect = site[0]
    if dialect is Dialect.OTHER_AUDIO:
        answers = [
            asking(OLD + "retrieveByCallRecordId", "GET", CallRecordId=leg.call_record_id, Leg="2"),
            asking(OLD + "retrieveRecordingByUniqueId", "GET", UniqueId=leg.unique_id, Leg="2"),
            asking(OLD + "retrieveRecording", "GET", Tag=leg.tag, Leg="2"),
        ]
        assert asking(OLD + "retrieveByCallRecordId", CallRecordId=leg.call_record_id).status_code == 405
        assert asking(OLD + "retrieveByCallRecordId", "GET", callRecordId=leg.call_record_id).status_code == 400
        ignored = asking(OLD + "retrieveByCallRecordId", "GET", CallRecordId=leg.call_record_id, leg="2")
        assert ignored.status_code == 200
        assert ignored.content != answers[0].content, "a leg parameter of another name is not understood"
    else:
        base = CM if dialect is Dialect.HASH_ONLY else RA
        answers = [
            asking(base + "retrieveByCallRecordId", callRecordId=leg.call_record_id, leg="2"),
            asking(base + "retrieveByUniqueId", uniqueId=leg.unique_id, leg="2"),
            asking(base + "retrieve", tag=leg.tag, leg="2"),
        ]
    assert [answer.status_code for answer in answers] == [200] * 3
    assert len({answer.content for answer in answers}) == 1
    assert answers[0].content[:4] in (b"RIFF", b"ID3\x03") or answers[0].content[0] == 0xFF
    homes = {Dialect.OTHER_AUDIO: OLD, Dialect.HASH_ONLY: CM}
    for base in {RA, CM, OLD} - {homes.get(dialect, RA)}:
        for name in AUDIO:
            asked = {"callRecordId": leg.call_record_id, "uniqueId": leg.unique_id, "tag": leg.tag}
            assert is_page(asking(base + name, **asked)), base + name


def test_meta_data_is_where_the_dialect_has_it_and_nowhere_else(site: Any, asking: Asking, leg: TrueLeg) -> None:
    home, other = (CM, RA) if site[0] is Dialect.HASH_ONLY else (RA, CM)
    asked = {"tag": leg.tag, "uniqueId": leg.unique_id}
    for name in META:
        assert {entry["UniqueId"] for entry in asking(home + name, **asked).json()} == {leg.unique_id}
        assert asking(home + name, "GET", **asked).status_code == 405
        assert is_page(asking(other + name, **asked))


def test_the_by_hour_list_is_there_or_not(site: Any, asking: Asking) -> None:
    answer = asking(RA + BY_HOUR, date="2026/03/10", hour="9")
    if site[0] in (Dialect.NO_BY_HOUR, Dialect.HASH_ONLY):
        assert is_page(answer)
        assert is_page(asking(CM + BY_HOUR, date="2026/03/10", hour="9"))
    else:
        assert answer.json()


def test_a_system_from_before_the_key_knows_the_hash_only(site: Any, asking: Asking, simulator_key: str) -> None:
    dialect, simulator, caller = site
    lists = simulator.url + "/servicemanager/rest/CampaignAPI/getCampaignTemplateList"
    assert asking(lists.removeprefix(simulator.url)).status_code == 200
    by_key = caller.session.get(lists, params={"apiKey": simulator_key}, timeout=30)
    assert by_key.status_code == (401 if dialect is Dialect.HASH_ONLY else 200)
