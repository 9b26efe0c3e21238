"""The poll flow from the command line."""

from __future__ import annotations

import signal
from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from .conftest import Place


@pytest.fixture(scope="module")
def here(place: Callable[..., Place]) -> Place:
    return place(calls_a_day=60)


def test_a_poll_learns_what_is_listed_and_ends_with_0(here: Place) -> None:
    run = here.run("poll", "--json")
    assert run.end() == 0
    document = run.document
    assert (document["exit_code"], document["polls"], document["problems"]) == (0, 3, [])
    ((_, name, of_type, message),) = here.flow_runs("poll-call-records")
    assert (name, of_type, message) == ("Completed", "COMPLETED", document["summary"])
    ((calls,),) = here.rows("select count(*) from call")
    assert document["events"] == calls + 3
    assert here.audio_files() == 0
    assert run.living() == []


def test_a_poll_that_hangs_leaves_when_it_is_asked_to_stop(here: Place) -> None:
    here.rule("getCampaignTemplateList", hang=True)
    here.simulator.reset_counters()
    run = here.run("poll", "--json")
    run.until(lambda: here.simulator.counters().requests["getCampaignTemplateList"] > 0)
    code, seconds = run.stopped(signal.SIGTERM)
    assert code == run.document["exit_code"] == 143
    assert seconds < 30  # the phone system had a minute to answer
    assert run.document["summary"].startswith("interrupted: 0 call record lists polled")
    assert here.flow_runs("poll-call-records")[-1][1:3] == ("Cancelled", "CANCELLED")
    assert here.rows("select exit_code from run order by began desc limit 1") == [(143,)]
    assert run.living() == []
