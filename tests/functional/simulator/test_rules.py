"""The fault plan over real HTTP."""

from __future__ import annotations

import base64
import hashlib
import http.client
import io
import json
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import urlencode, urlsplit

import psutil
import pytest
import soundfile

from noojee_ingest.simulator import (
    Answer,
    Drip,
    Edit,
    OtherAudio,
    RetryAfter,
    Rule,
    RunningSimulator,
    SimulatorError,
    TrueLeg,
)

AUDIO = "retrieveByCallRecordId"
BY_HOUR = "retrieveMetaDataByHour"


@pytest.fixture
def simulator(clean_simulator: RunningSimulator) -> Iterator[RunningSimulator]:
    """The session's site: every rule made here is taken away again."""
    yield clean_simulator
    clean_simulator.clear_rules()


@pytest.fixture
def caller(simulator: RunningSimulator, caller_of: Callable[[RunningSimulator], Any]) -> Any:
    return caller_of(simulator)


@pytest.fixture(scope="module")
def leg(clean_simulator: RunningSimulator) -> TrueLeg:
    return next(leg for leg in clean_simulator.truth().ended() if leg.leg == "2" and leg.seconds > 10)


@pytest.fixture
def fetched(caller: Any, leg: TrueLeg, simulator_key: str) -> Callable[[], tuple[int, bytes, bool]]:
    """Fetches the leg's audio on a connection of its own: length promised, bytes that came, whether that was all."""

    def fetch() -> tuple[int, bytes, bool]:
        url = urlsplit(caller.path(AUDIO))
        query = urlencode({"apiKey": simulator_key, "callRecordId": leg.call_record_id, "leg": leg.leg})
        with closing(http.client.HTTPConnection(url.netloc, timeout=30)) as connection:
            connection.request("POST", f"{url.path}?{query}")
            answer = connection.getresponse()
            promised = int(answer.headers["content-length"])
            try:
                return promised, answer.read(), True
            except http.client.IncompleteRead as error:
                return promised, error.partial, False

    return fetch


def test_a_rule_answers_outright_and_only_as_often_as_it_says(
    simulator: RunningSimulator, caller: Any, leg: TrueLeg
) -> None:
    answer = Answer(status=503, headers={"Retry-After": "3"}, text="busy")
    simulator.add_rule(Rule(endpoint=AUDIO, times=2, answer=answer))
    first, second, third = (caller.audio(leg) for _ in range(3))
    assert [first.status_code, second.status_code, third.status_code] == [503, 503, 200]
    assert (first.headers["retry-after"], first.text) == ("3", "busy")


def test_a_rule_meets_the_leg_it_names_by_whichever_id_it_is_asked(
    simulator: RunningSimulator, caller: Any, leg: TrueLeg
) -> None:
    simulator.add_rule(
        Rule(endpoint="*", match={"uniqueId": leg.unique_id, "leg": "2"}, answer=Answer(status=500)),
    )
    assert caller.audio(leg).status_code == 500
    assert caller.ask("retrieveByUniqueId", uniqueId=leg.unique_id, leg="2").status_code == 500
    assert caller.ask("retrieveByUniqueId", uniqueId=leg.unique_id, leg="1").status_code == 200
    assert caller.ask("retrieveMetaDataByUniqueId", uniqueId=leg.unique_id).status_code == 200


def test_a_rule_meets_one_hour_and_tells_how_often_it_served(simulator: RunningSimulator, caller: Any) -> None:
    simulator.add_rule(
        Rule(endpoint=BY_HOUR, match={"date": "2026/03/10", "hour": "9"}, answer=Answer(text="{}")),
    )
    assert caller.ask(BY_HOUR, date="2026/03/10", hour="9").json() == {}
    assert caller.by_hour("2026/03/10", 10)
    assert [told["served"] for told in simulator.rules()] == [1]


def test_a_body_may_be_any_bytes(simulator: RunningSimulator, caller: Any, leg: TrueLeg) -> None:
    content = bytes(range(256))
    simulator.add_rule(Rule(endpoint=AUDIO, answer=Answer(base64=base64.b64encode(content).decode())))
    assert caller.audio(leg).content == content


def test_the_connection_is_cut_in_the_middle_of_the_ordinary_answer(
    simulator: RunningSimulator, fetched: Callable[[], tuple[int, bytes, bool]]
) -> None:
    promised, whole, complete = fetched()
    assert (len(whole), complete) == (promised, True)
    simulator.add_rule(Rule(endpoint=AUDIO, times=1, answer=Answer(cut_after=1000)))
    assert fetched() == (promised, whole[:1000], False)
    assert fetched() == (promised, whole, True)


def test_content_length_may_promise_more_or_less(
    simulator: RunningSimulator, fetched: Callable[[], tuple[int, bytes, bool]]
) -> None:
    _, whole, _ = fetched()
    simulator.add_rule(Rule(endpoint=AUDIO, times=1, answer=Answer(content_length=len(whole) + 10)))
    simulator.add_rule(Rule(endpoint=AUDIO, times=1, answer=Answer(content_length=100)))
    assert fetched() == (len(whole) + 10, whole, False)
    assert fetched() == (100, whole[:100], True)


def test_a_slow_answer_is_late_or_drips_but_is_whole(
    simulator: RunningSimulator, fetched: Callable[[], tuple[int, bytes, bool]]
) -> None:
    promised, whole, _ = fetched()
    drip = Drip(size=promised // 4, every=0.1)
    simulator.add_rule(Rule(endpoint=AUDIO, times=1, answer=Answer(delay=0.5)))
    simulator.add_rule(Rule(endpoint=AUDIO, times=1, answer=Answer(drip=drip)))
    for least in (0.5, 0.3):
        begun = time.monotonic()
        assert fetched() == (promised, whole, True)
        assert time.monotonic() - begun >= least


@pytest.mark.parametrize("after", [None, 10])
def test_an_answer_may_hang_and_the_others_go_on(
    after: int | None, simulator: RunningSimulator, caller: Any, leg: TrueLeg, simulator_key: str
) -> None:
    simulator.add_rule(Rule(endpoint=AUDIO, times=1, answer=Answer(hang=True, cut_after=after)))
    url = urlsplit(caller.path(AUDIO))
    query = urlencode({"apiKey": simulator_key, "callRecordId": leg.call_record_id, "leg": leg.leg})
    with closing(http.client.HTTPConnection(url.netloc, timeout=0.5)) as connection:
        connection.request("POST", f"{url.path}?{query}")
        with pytest.raises(TimeoutError):
            connection.getresponse().read()
        assert caller.audio(leg).status_code == 200


NONSENSE = [
    "null",
    "17",
    "[]",
    "{}",
    '"text"',
    '{"UniqueId":1700000123.10,"CallRecordId":{},"Leg":null}',
    '{"UniqueId":"\\u0000","CallRecordId":"../../x","Leg":"\\ud800"}',
    '{"Start":"Sun Feb 30 25:61:00 ZZZZ 2026","Duration":"-1","Leg":"1"}',
]


def test_raw_entries_pass_through_unchanged(simulator: RunningSimulator, caller: Any) -> None:
    simulator.add_rule(Rule(endpoint=BY_HOUR, edit=Edit(append=tuple(NONSENSE))))
    simulator.add_rule(Rule(endpoint="getCallRecordList", edit=Edit(drop=True, append=("1.10", "not json"))))
    by_hour = caller.ask(BY_HOUR, date="2026/03/10", hour="9").text
    assert by_hour.endswith("," + ",".join(NONSENSE) + "]")
    assert '"entities":[1.10,not json]' in caller.ask("getCallRecordList", fTemplateId="12").text


def test_entries_are_changed_dropped_doubled_and_turned_round(simulator: RunningSimulator, caller: Any) -> None:
    before = caller.by_hour("2026/03/10", 9)
    first, second, third = before[:3]

    def of(entry: dict[str, str]) -> dict[str, str]:
        return {"CallRecordId": entry["CallRecordId"], "Leg": entry["Leg"]}

    simulator.add_rule(Rule(endpoint=BY_HOUR, edit=Edit(where=of(first), set={"UniqueId": "1.10"}, unset=("Start",))))
    simulator.add_rule(Rule(endpoint=BY_HOUR, edit=Edit(where=of(second), drop=True)))
    simulator.add_rule(Rule(endpoint=BY_HOUR, edit=Edit(where=of(third), double=True)))
    simulator.add_rule(Rule(endpoint=BY_HOUR, edit=Edit(reverse=True)))
    text = caller.ask(BY_HOUR, date="2026/03/10", hour="9").text
    assert '"UniqueId":1.10' in text
    changed = {key: value for key, value in first.items() if key != "Start"} | {"UniqueId": 1.1}
    assert json.loads(text) == [*before[:3:-1], before[3], third, third, changed]


def test_a_recording_of_256_mib_is_sound_and_never_held_in_memory(
    simulator: RunningSimulator, caller: Any, leg: TrueLeg, simulator_key: str
) -> None:
    size = 256 * 1024**2
    simulator.add_rule(Rule(endpoint=AUDIO, times=1, answer=Answer(audio_bytes=size)))
    process, before, most, came = psutil.Process(simulator.pid), 0, 0, 0
    before = process.memory_info().rss
    head = b""
    asked = {"apiKey": simulator_key, "callRecordId": leg.call_record_id, "leg": leg.leg}
    with caller.session.post(caller.path(AUDIO), params=asked, stream=True, timeout=30) as answer:
        for piece in answer.iter_content(1024**2):
            head = head or piece
            came += len(piece)
            most = max(most, process.memory_info().rss)
    assert came == size
    assert most - before < 32 * 1024**2
    with soundfile.SoundFile(io.BytesIO(head)) as file:
        assert (file.subtype, file.samplerate) == ("PCM_16", 8000)
    assert int.from_bytes(head[40:44], "little") == size - 44


def test_the_most_requests_at_once_are_counted(
    start_simulator: Callable[..., RunningSimulator], caller_of: Callable[[RunningSimulator], Any]
) -> None:
    simulator = start_simulator()
    leg = simulator.truth().legs[0]
    simulator.add_rule(Rule(endpoint="*", answer=Answer(delay=1)))
    callers = [caller_of(simulator) for _ in range(4)]
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda caller: caller.audio(leg), callers[:3]))
    counters = simulator.counters()
    assert (counters.most_at_once, counters.most_audio_at_once) == (3, 3)
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda caller: caller.ask("getCampaignTemplateList"), callers))
    counters = simulator.counters()
    assert (counters.most_at_once, counters.most_audio_at_once) == (4, 3)
    assert counters.requests == {AUDIO: 3, "getCampaignTemplateList": 4}
    assert counters.audio_requests() == {leg.key: 3}
    simulator.reset_counters()
    assert not simulator.counters().requests


def test_the_key_can_be_replaced_and_revoked_in_mid_run(
    start_simulator: Callable[..., RunningSimulator],
    caller_of: Callable[[RunningSimulator], Any],
    simulator_key: str,
) -> None:
    simulator = start_simulator()
    caller = caller_of(simulator)

    def status() -> int:
        answered: int = caller.ask("getCampaignTemplateList").status_code
        return answered

    assert status() == 200
    simulator.set_key("another")
    assert status() == 401
    simulator.set_key(simulator_key)
    assert status() == 200
    simulator.set_key(None)
    assert status() == 401


@pytest.mark.parametrize(
    ("control", "value", "said"),
    [
        ("rules", {"endpoint": "retrieve"}, "either an answer or an edit"),
        ("rules", {"endpoint": "retrieve", "answer": {"stauts": 1}}, "answer.stauts"),
        ("clock", {"now": "2026-03-11T03:30:00"}, "timezone"),
        ("clock", {}, "now"),
        ("key", {"key": 17}, "key"),
    ],
)
def test_a_control_that_means_nothing_is_refused_with_the_reason(
    simulator: RunningSimulator, control: str, value: Any, said: str
) -> None:
    with pytest.raises(SimulatorError, match=said):
        simulator._ask("POST", control, value)


def test_other_audio_is_sound_as_long_and_told_of_with_the_legs_own(
    simulator: RunningSimulator, leg: TrueLeg, fetched: Callable[[], tuple[int, bytes, bool]]
) -> None:
    own = fetched()[1]
    simulator.add_rule(Rule(endpoint=AUDIO, times=3, answer=Answer(other_audio=OtherAudio(version=0))))
    simulator.add_rule(Rule(endpoint=AUDIO, times=2, answer=Answer(other_audio=OtherAudio(version=1, seconds=3))))
    differing = [fetched()[1] for _ in range(3)]
    assert len({own, *differing}) == 4
    assert {len(body) for body in differing} == {len(own)}
    assert all(soundfile.info(io.BytesIO(body)).frames for body in differing)
    one, again = fetched()[1], fetched()[1]
    assert one == again not in {own, *differing}
    known = simulator.audio()[leg.key]
    assert known == {hashlib.sha256(body).hexdigest() for body in (own, *differing, one)}


def test_audio_that_is_not_there_or_none_at_all_is_not_told_of(
    start_simulator: Callable[..., RunningSimulator],
) -> None:
    simulator = start_simulator(never_legs=2, late_legs=1, not_audio_legs=3)
    told = simulator.audio()
    for leg in simulator.truth().ended():
        assert len(told[leg.key]) == (0 if leg.trouble in {"never", "late", "json", "login page", "empty"} else 1)


@pytest.mark.parametrize("form", ["seconds", "date"])
def test_retry_after_comes_in_both_forms(simulator: RunningSimulator, caller: Any, leg: TrueLeg, form: Any) -> None:
    simulator.add_rule(
        Rule(endpoint=AUDIO, times=1, answer=Answer(status=429, retry_after=RetryAfter(seconds=90, form=form)))
    )
    answer = caller.ask(AUDIO, callRecordId=leg.call_record_id, leg=leg.leg)
    told = answer.headers["retry-after"]
    if form == "seconds":
        assert told == "90"
    else:
        waits = parsedate_to_datetime(told) - parsedate_to_datetime(answer.headers["date"])
        assert 85 <= waits.total_seconds() <= 95


def test_a_key_is_revoked_by_the_request_that_a_rule_says(
    start_simulator: Callable[..., RunningSimulator], caller_of: Callable[[RunningSimulator], Any]
) -> None:
    simulator = start_simulator()
    caller = caller_of(simulator)
    simulator.add_rule(Rule(endpoint="getCampaignTemplateList", after=1, times=1, answer=Answer(revoke_key=True)))
    statuses = [caller.ask("getCampaignTemplateList").status_code for _ in range(3)]
    assert statuses == [200, 401, 401]
