"""Prefect holds no truth: when its server is gone in mid-night, the night goes on, says how it ended, and ends."""

from __future__ import annotations

import signal
from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from .conftest import Place, Run


def without_server(place: Callable[..., Place], number: signal.Signals) -> tuple[Place, Run]:
    """A night whose server is killed, or stands still, when most of its audio is still to come."""
    here = place(calls_a_day=60)
    here.rule("retrieveByCallRecordId", delay=0.3)
    run = here.run("nightly", "--json", ARCHIVE__BATCH="10")
    run.until(lambda: here.audio_files() >= 20)
    (server,) = (one for one in run.living() if "uvicorn" in " ".join(one.cmdline()))
    server.send_signal(number)
    return here, run


def test_a_night_whose_server_is_killed_archives_all_and_ends_as_it_would_with_it(place: Callable[..., Place]) -> None:
    here, run = without_server(place, signal.SIGKILL)
    code = run.end(240)
    truth = here.simulator.truth().ended(here.yesterday)
    archived = here.rows(f"select count(*) from leg where state = 'archived' and day = '{here.yesterday}'")
    assert archived == [(len(truth),)]
    assert len(truth) > 60
    assert code == run.document["exit_code"] == 0
    assert here.rows("select exit_code from run") == [(0,)]
    assert "Traceback (most recent call last)" not in run.err
    assert run.living() == []
    assert not list(here.prefect.glob("server-*.json"))


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSTOP], ids=["killed", "stands still"])
def test_such_a_night_leaves_in_time_when_it_is_asked_to_stop(
    place: Callable[..., Place], number: signal.Signals
) -> None:
    _, run = without_server(place, number)
    code, seconds = run.stopped(signal.SIGTERM)
    assert code == 143
    assert seconds < 45  # what a scheduler waits
    assert run.living() == []
