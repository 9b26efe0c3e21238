"""The client against the simulated phone system, which shares none of our code."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from noojee_ingest.model import LegEntry, TimeMark, site_day
from noojee_ingest.noojee import AuthenticationFailed, Busy, CutBody, LocalLimiter, Noojee, NotFound, Patience
from noojee_ingest.simulator import Answer, Edit, Rule, RunningSimulator, Truth

ZONE = ZoneInfo("Australia/Melbourne")


@pytest.fixture
def connect(simulator_key: str) -> Iterator[Callable[..., Noojee]]:
    made: list[Noojee] = []

    def connected(site: RunningSimulator, **changes: Any) -> Noojee:
        given = {"limiter": LocalLimiter(8, by_hour_interval=0.0), "patience": Patience(first=0.01), **changes}
        made.append(Noojee(site.url, given.pop("key", simulator_key), zone=ZONE, **given))
        return made[-1]

    yield connected
    for noojee in made:
        noojee.close()


@pytest.fixture
def site(start_simulator: Callable[..., RunningSimulator]) -> RunningSimulator:
    return start_simulator()


def listed(noojee: Noojee, truth: Truth) -> list[LegEntry]:
    """Every hour of every day that the site has lived."""
    days = {site_day(leg.end, ZONE) for leg in truth.ended()}
    return [entry for day in days for hour in range(24) for entry in noojee.recordings.by_hour(day, hour).entries]


def test_all_hours_together_list_every_leg_that_ended_and_no_other(
    clean_simulator: RunningSimulator, connect: Callable[..., Noojee]
) -> None:
    truth = clean_simulator.truth()

    entries = {(e.call_record_id, e.unique_id, e.leg): e for e in listed(connect(clean_simulator), truth)}

    true = {(leg.call_record_id, leg.unique_id, leg.leg): leg for leg in truth.ended()}
    assert len(true) > 500
    assert entries.keys() == true.keys()
    for identity, leg in true.items():
        entry = entries[identity]
        assert (entry.start.utc, entry.end.utc, entry.duration) == (leg.start, leg.end, float(leg.seconds))
        assert (entry.tag, entry.username) == (leg.tag, leg.username)
        assert entry.unreadable == ()


def test_both_views_tell_the_same_of_a_leg_though_they_write_it_differently(
    clean_simulator: RunningSimulator, connect: Callable[..., Noojee]
) -> None:
    noojee = connect(clean_simulator)
    for leg in clean_simulator.truth().ended()[:40:8]:
        entries = noojee.recordings.by_unique_id(leg.unique_id).entries

        (entry,) = [e for e in entries if (e.call_record_id, e.leg) == (leg.call_record_id, leg.leg)]
        assert entry.start.mark is TimeMark.CLEAR
        assert (entry.start.utc, entry.duration, entry.tag) == (leg.start, float(leg.seconds), leg.tag)


def test_an_answer_asked_again_has_the_same_digest_though_its_keys_are_turned(
    clean_simulator: RunningSimulator, connect: Callable[..., Noojee]
) -> None:
    noojee = connect(clean_simulator)
    leg = clean_simulator.truth().ended()[-1]
    day, hour = site_day(leg.end, ZONE), leg.end.astimezone(ZONE).hour

    answers = [noojee.recordings.by_hour(day, hour) for _ in range(4)]

    assert len({answer.digest for answer in answers}) == 1
    assert len({answer.entries[0].raw.text for answer in answers}) > 1


def test_the_call_records_of_all_templates_are_those_of_the_last_day(
    clean_simulator: RunningSimulator, connect: Callable[..., Noojee]
) -> None:
    noojee = connect(clean_simulator)
    truth = clean_simulator.truth()
    since = truth.clock - timedelta(hours=24)

    calls = [c for t in noojee.campaigns.templates().entries for c in noojee.campaigns.call_records(t.id).entries]

    recent = [call for call in truth.calls if since + timedelta(minutes=5) <= call.disposed <= truth.clock]
    assert len(recent) > 20
    assert {call.unique_id for call in recent} <= {call.unique_id for call in calls}
    by_lead = {(call.lead_id, call.unique_id): call for call in calls}
    for call in recent:
        entry = by_lead[call.lead_id, call.unique_id]
        assert (entry.disposition, entry.template_id) == (call.disposition, str(call.template_id))
        assert entry.fields
        assert entry.unreadable == ()


def test_the_call_record_list_narrows_to_a_campaign_and_an_allocation(
    clean_simulator: RunningSimulator, connect: Callable[..., Noojee]
) -> None:
    noojee = connect(clean_simulator)
    template = noojee.campaigns.templates().entries[0]
    whole = {entry.raw.digest for entry in noojee.campaigns.call_records(template.id).entries}
    parts = [
        {entry.raw.digest for entry in noojee.campaigns.call_records(template.id, campaign.id, allocation.id).entries}
        for campaign in noojee.campaigns.campaigns(template.id).entries
        for allocation in noojee.campaigns.allocations(campaign.id).entries
    ]

    assert len(parts) > 1
    assert set.union(*parts) == whole
    assert sum(map(len, parts)) == len(whole)


def test_audio_comes_by_either_id_the_same_and_every_leg_its_own(
    clean_simulator: RunningSimulator, connect: Callable[..., Noojee]
) -> None:
    noojee = connect(clean_simulator)
    legs = clean_simulator.truth().ended()[:24]

    def both(leg: Any) -> tuple[bytes, bytes]:
        with noojee.recordings.audio_by_call_record_id(leg.call_record_id, leg.leg) as stream:
            one = b"".join(stream)
            assert stream.content_length == len(one)
        with noojee.recordings.audio_by_unique_id(leg.unique_id, leg.leg) as stream:
            return one, b"".join(stream)

    with ThreadPoolExecutor(8) as pool:
        fetched = list(pool.map(both, legs))

    assert all(one == other and len(one) > 1000 for one, other in fetched)
    assert len({one for one, _ in fetched}) == len(legs)
    assert noojee.requests_made == {"audio_by_call_record_id": 24, "audio_by_unique_id": 24}


def test_a_leg_that_does_not_exist_is_not_found(
    clean_simulator: RunningSimulator, connect: Callable[..., Noojee]
) -> None:
    with pytest.raises(NotFound), connect(clean_simulator).recordings.audio_by_call_record_id("../../etc/passwd", "1"):
        pass


def test_a_revoked_key_is_told_at_once_and_nowhere_written(
    site: RunningSimulator, connect: Callable[..., Noojee], caplog: pytest.LogCaptureFixture, simulator_key: str
) -> None:
    caplog.set_level(logging.DEBUG)
    noojee = connect(site)
    noojee.campaigns.templates()
    site.set_key(None)

    with pytest.raises(AuthenticationFailed) as caught:
        noojee.campaigns.templates()

    assert simulator_key not in str(caught.value) + caplog.text
    assert noojee.requests_made == {"templates": 2}


def test_the_by_hour_limit_is_kept_by_the_limiter_and_told_without_it(
    start_simulator: Callable[..., RunningSimulator], connect: Callable[..., Noojee]
) -> None:
    site = start_simulator(by_hour_interval=0.3)
    day = site_day(site.truth().ended()[0].end, ZONE)
    polite = connect(site, limiter=LocalLimiter(8, by_hour_interval=0.35), patience=Patience(tries=1))
    rude = connect(site, patience=Patience(tries=1))

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda hour: polite.recordings.by_hour(day, hour), range(4)))

    def at_once() -> None:
        for hour in range(20):
            rude.recordings.by_hour(day, hour)

    with pytest.raises(Busy) as caught:
        at_once()
    assert caught.value.retry_after is not None


def test_nonsense_among_the_entries_is_refused_or_named_and_the_rest_is_read(
    site: RunningSimulator, connect: Callable[..., Noojee]
) -> None:
    noojee = connect(site)
    leg = site.truth().ended()[0]
    day, hour = site_day(leg.end, ZONE), leg.end.astimezone(ZONE).hour
    sound = noojee.recordings.by_hour(day, hour)
    nonsense = ["7", "null", "{}", '{"Leg":"1"}', '{"UniqueId":1700000123.10,"Start":"never","Tag":["x"]}']
    site.add_rule(Rule(endpoint="retrieveMetaDataByHour", edit=Edit(append=tuple(nonsense))))

    answer = noojee.recordings.by_hour(day, hour)

    assert len(answer.refused) == 4
    assert {e.raw.digest for e in sound.entries} < {e.raw.digest for e in answer.entries}
    (odd,) = [entry for entry in answer.entries if entry.unique_id == "1700000123.10"]
    assert odd.unreadable == ("Start", "Tag")


def test_a_recording_cut_on_the_way_is_told_and_whole_the_next_time(
    site: RunningSimulator, connect: Callable[..., Noojee]
) -> None:
    noojee = connect(site)
    leg = site.truth().ended()[0]
    site.add_rule(
        Rule(
            endpoint="*",
            match={"callRecordId": leg.call_record_id},
            times=1,
            answer=Answer(cut_after=90_000, audio_bytes=400_000),
        )
    )

    def fetch() -> bytes:
        with noojee.recordings.audio_by_call_record_id(leg.call_record_id, leg.leg) as stream:
            return b"".join(stream)

    with pytest.raises(CutBody, match="of 400000 bytes"):
        fetch()
    assert len(fetch()) > 1000
