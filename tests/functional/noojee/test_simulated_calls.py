"""Everything that changes something, against the simulated phone system, with key and with hash."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import datetime
from itertools import takewhile
from zoneinfo import ZoneInfo

import pytest

from noojee_ingest.noojee import (
    GENERATION_A,
    NO_CHANGE,
    AuthenticationMethod,
    CallEvent,
    DuplicateLead,
    Lead,
    LeadGeneration,
    LeadNotFound,
    NoDispositionYet,
    Noojee,
    Patience,
    contract_from,
)
from noojee_ingest.simulator import Dialect, RunningSimulator

TAG = "INV/77 &x='\"📞" * 300


@pytest.fixture(params=[Dialect.PROPOSED, Dialect.HASH_ONLY])
def noojee(
    request: pytest.FixtureRequest, start_simulator: Callable[..., RunningSimulator], simulator_key: str
) -> Iterator[Noojee]:
    old = request.param is Dialect.HASH_ONLY
    with Noojee(
        start_simulator(dialect=request.param).url,
        simulator_key,
        zone=ZoneInfo("Australia/Melbourne"),
        method=AuthenticationMethod.HASH if old else AuthenticationMethod.KEY,
        contract=contract_from(GENERATION_A if old else {}),
        patience=Patience(first=0.01),
    ) as connected:
        yield connected


def test_a_call_is_dialled_watched_recorded_tagged_and_hung_up(noojee: Noojee) -> None:
    dialled = noojee.calls.dial("0355500123", "205", monitored=True)
    events = noojee.calls.watch(["SIP/205"], timeout=5.0)
    ringing = list(takewhile(lambda e: isinstance(e, CallEvent) and e.status != "Connected", events))
    state = noojee.calls.state(["205"], timeout=1.0)["205"]

    assert (dialled.code, dialled.session_id.isdigit()) == (0, True)
    assert [each.status for each in ringing if isinstance(each, CallEvent)] == ["Ringing", "Dialing Out"]
    assert state.message == "On Call"
    assert noojee.recordings.start("205", tag="first").warning == ""
    assert noojee.recordings.tag("205", TAG).code == 0
    assert noojee.recordings.stop("205").code == 0
    legs = noojee.recordings.by_tag(TAG).entries
    assert {leg.tag for leg in legs} == {TAG}
    assert legs[0].unique_id == state.unique_call_id
    assert noojee.calls.hangup(state.unique_call_id).code == 0
    assert isinstance(over := next(events), CallEvent)
    assert over.status == "Hungup"


@pytest.mark.parametrize("generation", LeadGeneration)
def test_a_lead_is_saved_once_and_updated(noojee: Noojee, generation: LeadGeneration) -> None:
    template = noojee.campaigns.templates().entries[0].id
    campaign = noojee.campaigns.campaigns(template).entries[0].id
    allocation = noojee.campaigns.allocations(campaign).entries[0].id

    def lead(external_id: str, phone: str, disposition: str = "") -> Lead:
        return Lead(template, campaign, allocation, external_id, {"FirstPhone": phone}, disposition)

    noojee.leads.save(lead("A/1 &", "0355500999"), generation=generation)
    with pytest.raises(DuplicateLead):
        noojee.leads.save(lead("A-2", "0355500999"), generation=generation)
    with pytest.raises(NoDispositionYet):
        noojee.leads.update(lead("A/1 &", NO_CHANGE, "<NO CHANGE>"), generation=generation)
    with pytest.raises(LeadNotFound):
        noojee.leads.update(lead("none", NO_CHANGE, "Sale"), generation=generation)
    sold = replace(lead("A/1 &", NO_CHANGE, "Sale"), callback=datetime(2026, 3, 12, 14, 30))  # noqa: DTZ001
    assert noojee.leads.update(sold, generation=generation).code == 0
    assert noojee.leads.update(lead("A/1 &", NO_CHANGE, NO_CHANGE), generation=generation).code == 0
