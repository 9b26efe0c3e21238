"""Start, stop and tag change what is known of recordings, and what was recorded can be fetched."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any

import pytest
import soundfile

from noojee_ingest.simulator import RunningSimulator, TrueLeg

TAG = "A&B=C/'\"? " + "🙂ü" * 2495  # 5,000 characters, some 45,000 once escaped


class Site:
    def __init__(self, simulator: RunningSimulator, caller: Any) -> None:
        self.simulator, self.caller = simulator, caller

    def ask(self, endpoint: str, **parameters: str) -> tuple[int, int]:
        answer = self.caller.ask(endpoint, **parameters)
        return answer.status_code, answer.json()["Code"]

    def meta(self, unique_id: str) -> list[dict[str, str]]:
        told: list[dict[str, str]] = self.caller.ask("retrieveMetaDataByUniqueId", uniqueId=unique_id).json()
        return told

    def tagged(self, tag: str) -> list[dict[str, str]]:
        told: list[dict[str, str]] = self.caller.ask("retrieveMetaData", tag=tag).json()
        return told

    def connected(self, extension: str = "207") -> str:
        unique_id = self.simulator.call_in(extension, "0370100002")
        self.simulator.move_call(unique_id, "Connected")
        return unique_id


@pytest.fixture
def site(start_simulator: Callable[..., RunningSimulator], caller_of: Callable[[RunningSimulator], Any]) -> Site:
    simulator = start_simulator(ring_seconds=0)
    return Site(simulator, caller_of(simulator))


@pytest.mark.parametrize("given", ["extension", "technology", "channel", "unique id"])
def test_each_start_and_stop_make_a_leg_with_audio(site: Site, given: str) -> None:
    call = site.connected()
    name = {"extension": "207", "technology": "SIP/207", "channel": "SIP/207-0A1B2C", "unique id": call}[given]
    assert site.ask("start", extenOrUniqueId=name, tag=TAG, agentLoginName="mele") == (200, 0)
    assert site.meta(call) == [], "not before it has ended"
    assert site.ask("stop", extenOrUniqueId=name) == (200, 0)
    assert site.ask("start", extenOrUniqueId=name) == (200, 0)
    assert site.ask("hangup", extenOrUniqueId=call) == (200, 0)
    first, second = site.meta(call)
    assert (first["Leg"], first["Tag"], first["Username"]) == ("1", TAG, "mele")
    assert (second["Leg"], second["Tag"], second["Username"]) == ("2", "", "jose"), "the agent of extension 207"
    assert first["CallRecordId"] == second["CallRecordId"]
    assert (first["Source"], first["Destination"], first["Direction"]) == ("0370100002", "207", "0")
    assert site.tagged(TAG) == [first]
    sounds = [site.caller.ask("retrieveByUniqueId", uniqueId=call, leg=leg) for leg in "12"]
    assert sounds[0].content != sounds[1].content
    for entry, sound in zip((first, second), sounds, strict=True):
        with soundfile.SoundFile(io.BytesIO(sound.content)) as file:
            assert file.frames == int(entry["Duration"]) * 8000
    told = [leg for leg in site.simulator.truth().ended() if leg.unique_id == call]
    assert [leg.leg for leg in told] == ["1", "2"]
    by_hour = site.caller.by_hour("2026/03/11", 3)
    assert {entry["Leg"] for entry in by_hour if entry["UniqueId"] == call} == {"1", "2"}


def test_a_dialled_call_is_recorded_from_the_answer_when_asked(site: Site) -> None:
    asked = {"number": "0370100001", "extenOrUniqueId": "SIP/205", "autoAnswer": "x"}
    site.ask("dial", **asked, record="true", tag=TAG)
    site.ask("dial", **asked, tag="not recorded")
    while [call["status"] for call in site.simulator.calls()] != ["Connected"] * 2:
        pass
    recorded, silent = site.simulator.calls()
    for call in (recorded, silent):
        site.ask("hangup", extenOrUniqueId=call["unique_id"])
    (leg,) = site.meta(recorded["unique_id"])
    assert (leg["Tag"], leg["Username"], leg["Direction"], leg["DID"]) == (TAG, "kim", "1", "0355500100")
    assert site.meta(silent["unique_id"]) == []


def test_what_cannot_be_started_or_stopped_is_refused(site: Site) -> None:
    assert site.ask("start", extenOrUniqueId="207") == (400, -1)
    ringing = site.simulator.call_in("207", "0370100002")
    assert site.ask("start", extenOrUniqueId=ringing) == (400, -1)
    site.simulator.move_call(ringing, "Connected")
    assert site.ask("stop", extenOrUniqueId=ringing) == (400, -1)
    assert site.ask("start", extenOrUniqueId=ringing) == (200, 0)
    assert site.ask("start", extenOrUniqueId=ringing) == (200, 1), "a warning"
    assert site.ask("stop", extenOrUniqueId=ringing, agentLoginName="kim") == (400, -1)
    assert site.ask("stop", extenOrUniqueId=ringing, agentLoginName="jose") == (200, 0)
    assert len(site.meta(ringing)) == 1


def test_a_tag_reaches_the_leg_that_is_being_recorded(site: Site) -> None:
    call = site.connected()
    assert site.ask("tag", extenOrUniqueId="207", tag="x") == (400, -1), "nothing is recorded yet"
    site.ask("start", extenOrUniqueId="207", tag="first")
    assert site.ask("tag", extenOrUniqueId="SIP/207", tag="second") == (200, 0)
    site.ask("hangup", extenOrUniqueId=call)
    assert [entry["Tag"] for entry in site.meta(call)] == ["second"]
    assert site.tagged("first") == []


def test_a_tag_reaches_every_leg_of_a_finished_call(site: Site) -> None:
    def legs(unique_id: str) -> list[TrueLeg]:
        return [leg for leg in site.simulator.truth().ended() if leg.unique_id == unique_id]

    old = next(leg for leg in site.simulator.truth().ended() if leg.leg == "2" and leg.tag)
    before = legs(old.unique_id)
    assert len(before) > 1
    for tag in (TAG, "other", ""):
        assert site.ask("tag", extenOrUniqueId=old.unique_id, tag=tag) == (200, 0)
        assert {entry["Tag"] for entry in site.meta(old.unique_id)} == {tag}
        assert {leg.tag for leg in legs(old.unique_id)} == {tag}
        if tag:
            assert len(site.tagged(tag)) == len(before)
    assert old.unique_id not in {entry["UniqueId"] for entry in site.tagged(old.tag)}
    assert site.tagged(TAG) == site.tagged("other") == []
    assert [leg.key for leg in legs(old.unique_id)] == [leg.key for leg in before]
    assert site.ask("tag", extenOrUniqueId="1.1", tag="x") == (400, -1)
