"""Two people decide about one leg at the same moment: what is said of it is what is so."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta

import pytest

from noojee_ingest.journal.events import Event, LegAppraised, Verdict
from noojee_ingest.model import State
from noojee_ingest.pipeline import decide as decide_module
from noojee_ingest.pipeline import quarantine as quarantine_module
from noojee_ingest.pipeline.decide import exit_code
from noojee_ingest.pipeline.record import Writer, record
from noojee_ingest.storage.errors import Held
from tests.functional.pipeline.decisions import Archive, assert_withdrawn


@contextmanager
def meeting(*, before: Callable[[], object] = bool, after: Callable[[], object] = bool) -> Iterator[None]:
    """What somebody else does just before and just after the next decision is journalled."""
    with pytest.MonkeyPatch.context() as patch:

        def recorded(work: Writer, events: Sequence[Event]) -> None:
            patch.undo()
            before()
            record(work, events)
            after()

        patch.setattr(decide_module, "record", recorded)
        yield


def test_an_excuse_that_a_retry_comes_after_was_overtaken(gaps: Archive) -> None:
    leg = gaps.first(State.MISSING)["leg_id"]
    with meeting(after=lambda: gaps.decide(Verdict.RETRY, leg)):
        (one,) = gaps.decide(Verdict.EXCUSE, leg)
    assert (one.result, one.state, exit_code([one])) == ("overtaken", "discovered", 3)
    assert gaps.leg(leg)["state"] == "discovered"


def test_a_retry_answers_the_excuse_that_came_while_it_was_decided(gaps: Archive) -> None:
    leg = gaps.first(State.MISSING)["leg_id"]
    with meeting(before=lambda: gaps.decide(Verdict.EXCUSE, leg)):
        (one,) = gaps.decide(Verdict.RETRY, leg)
    assert (one.result, one.state) == ("done", "discovered")
    assert gaps.leg(leg)["state"] == "discovered"


def test_a_release_that_meets_another_quarantine_leaves_nothing_in_the_archive(archive: Archive) -> None:
    leg = archive.first(State.ARCHIVED)["leg_id"]
    data = archive.got(leg)
    archive.decide(Verdict.QUARANTINE, leg)
    with meeting(after=lambda: archive.decide(Verdict.QUARANTINE, leg)):
        (one,) = archive.decide(Verdict.RELEASE, leg)
    assert (one.result, one.state, exit_code([one])) == ("overtaken", "quarantined", 3)
    assert_withdrawn(archive, leg, data)


def test_a_clock_that_was_ahead_moves_the_times_of_its_own_leg_alone(
    gaps: Archive, caplog: pytest.LogCaptureFixture
) -> None:
    ahead, other = [row["leg_id"] for row in gaps.rows() if row["state"] == State.REJECTED.value][:2]
    gaps.site.pass_time(days=2)
    gaps.decide(Verdict.EXCUSE, ahead)
    gaps.site.pass_time(days=-2)
    with caplog.at_level(logging.WARNING, logger=quarantine_module.__name__):
        gaps.decide(Verdict.RETRY, ahead, other)
    assert "ahead of this clock about 1 ids" in caplog.text
    times = {leg: [one.time for one in gaps.history(leg) if isinstance(one, LegAppraised)] for leg in (ahead, other)}
    assert times[ahead][-1] - times[other][-1] > timedelta(days=1)


def test_of_what_was_held_no_byte_is_read_while_it_is_held(archive: Archive, monkeypatch: pytest.MonkeyPatch) -> None:
    leg = archive.first(State.ARCHIVED)["leg_id"]
    data, root = archive.got(leg), type(archive.store.archive)
    until = archive.site.now() + timedelta(days=400)
    locked = Held("withdrawing", "archive", "a lock", until)

    def refuse(*_: object, **__: object) -> None:
        raise locked

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(root, "withdraw", refuse)
        patch.setattr(root, "refuse_if_held", refuse)
        (one,) = archive.decide(Verdict.QUARANTINE, leg)
        assert (one.result, one.held_until) == ("held", until)
        patch.setattr(quarantine_module, "_keep_copy", pytest.fail)
        assert archive.site.night().recovery.withdrawn == 0
    assert archive.site.night().recovery.withdrawn == 1
    assert_withdrawn(archive, leg, data)
