"""A night of 5,000 legs that is asked to stop twice, and completes the third time."""

from __future__ import annotations

import signal
from collections.abc import Callable
from types import SimpleNamespace
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from .conftest import Place

LEGS = 5000


@pytest.fixture(scope="module")
def nights(place: Callable[..., Place]) -> SimpleNamespace:
    here = place(calls_a_day=2100, leg_bytes=8044)
    results, stored, facts = [], [], []
    for number, group in ((signal.SIGTERM, False), (signal.SIGINT, True)):
        before = here.audio_files()
        run = here.run("nightly", "--json")
        run.until(lambda before=before: here.audio_files() > before + 150)  # type: ignore[misc]
        results.append((run, *run.stopped(number, group=group)))
        stored.append(here.audio_files())
        facts.append(here.rows("select count(*) from leg where state = 'archived'")[0][0])
    last = here.run("nightly", "--json")
    code = last.end(200)
    return SimpleNamespace(place=here, stopped=results, stored=stored, facts=facts, last=last, code=code)


@pytest.mark.parametrize(("which", "code"), [(0, 143), (1, 130)], ids=["SIGTERM", "Ctrl-C"])
def test_a_night_that_is_asked_to_stop_leaves_soon_and_keeps_what_it_has(
    nights: SimpleNamespace, which: int, code: int
) -> None:
    run, ended, seconds = nights.stopped[which]
    assert ended == run.document["exit_code"] == code
    assert seconds < 30
    assert run.document["interrupted"]
    assert run.document["summary"].startswith("interrupted: ")
    assert 150 < nights.facts[which] < LEGS
    assert nights.facts[which] == nights.stored[which]  # whatever was put is journalled and applied
    assert run.living() == []


def test_prefect_and_the_catalogue_know_how_each_night_ended(nights: SimpleNamespace) -> None:
    states = [(name, of_type) for _, name, of_type, _ in nights.place.flow_runs("nightly")]
    assert states == [("Cancelled", "CANCELLED"), ("Cancelled", "CANCELLED"), ("Completed", "COMPLETED")]
    assert nights.place.rows("select exit_code from run order by began") == [(143,), (130,), (0,)]


def test_the_next_night_completes_and_fetches_nothing_twice_that_was_recorded(nights: SimpleNamespace) -> None:
    assert nights.code == 0
    assert nights.last.document["summary"].startswith("complete: ")
    truth = nights.place.simulator.truth().ended(nights.place.yesterday)
    assert len(truth) >= LEGS
    archived = nights.place.rows(
        f"select count(*) from leg where state = 'archived' and day = '{nights.place.yesterday}'"
    )
    assert archived == [(len(truth),)]
    asked = nights.place.simulator.counters().audio_requests()
    twice = [key for key, number in asked.items() if number > 1]
    assert len(twice) <= 2 * 8  # those that each stop dropped in flight
    assert nights.place.audio_files() == len(asked)


def test_5_000_legs_are_at_most_60_task_runs(nights: SimpleNamespace) -> None:
    counted = [nights.place.task_runs(flow_run) for flow_run, *_ in nights.place.flow_runs("nightly")]
    left = LEGS - nights.facts[1]
    assert left > LEGS / 2
    assert left / 100 <= counted[2] <= 60
    assert sum(counted) <= 60 + 2 * 8  # a night that is stopped cuts what it knew of into batches all the same


def test_nothing_is_left_over(nights: SimpleNamespace) -> None:
    assert nights.last.living() == []
    assert not list(nights.place.prefect.glob("server-*.json"))
    assert nights.place.rows("select count(*) from open_segment") == [(0,)]
