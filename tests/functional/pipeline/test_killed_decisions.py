"""Quarantine and release by a process that died at any step, or met another: whoever comes next finishes.

The integration tests run this again with buckets and PostgreSQL.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import wraps
from typing import Any

import pytest

from noojee_ingest.catalogue import queries
from noojee_ingest.journal.events import Verdict
from noojee_ingest.model import State
from noojee_ingest.pipeline import record as recording
from noojee_ingest.pipeline.quarantine import evidence_key
from noojee_ingest.storage.folder import FolderRoot
from noojee_ingest.storage.s3 import S3Root
from tests.functional.pipeline.decisions import Archive, assert_withdrawn, decided, read

STEPS: list[tuple[Any, str]] = [
    *((kind, verb) for kind in (FolderRoot, S3Root) for verb in ("create", "withdraw", "sync", "open", "head")),
    *((recording, name) for name in ("open_segment", "put", "apply")),
]


def killed_at(number: int, do: Callable[[], object]) -> bool:
    """Do it in a process of its own that is killed at a step: each call of ``STEPS`` has one before and one after.

    Gives whether it was killed; ``False``: there are not so many steps.
    """
    child = os.fork()
    if child == 0:
        status = 1
        with suppress(BaseException):
            left = iter(range(number, 0, -1))
            for owner, name in STEPS:
                setattr(owner, name, deadly(getattr(owner, name), left))
            do()
            status = 0
        os._exit(status)
    _, ended = os.waitpid(child, 0)
    assert ended in {0, signal.SIGKILL}
    return ended != 0


def deadly(call: Callable[..., Any], left: Iterator[int]) -> Callable[..., Any]:
    @wraps(call)
    def step(*arguments: Any, **named: Any) -> Any:
        if next(left, None) == 1:
            os.kill(os.getpid(), signal.SIGKILL)
        result = call(*arguments, **named)
        if next(left, None) == 1:
            os.kill(os.getpid(), signal.SIGKILL)
        return result

    return step


def kept(archive: Archive, audio: queries.Row, data: bytes) -> bool:
    """Whether the bytes are whole in the archive, or in evidence."""
    store = archive.store
    return data in {read(store.archive, audio["key"]), read(store.evidence, evidence_key(audio["key"]))}


@pytest.fixture
def stride() -> int:
    """Each step is died at; where a step takes long, each so many."""
    return 1


@pytest.mark.parametrize("finished_by", ["the same verb", "a night"])
def test_a_quarantine_that_is_killed_anywhere_is_finished_later(
    archive: Archive, finished_by: str, stride: int
) -> None:
    leg = archive.first(State.ARCHIVED)["leg_id"]
    data, audio = archive.got(leg), archive.audio(leg)
    step = 1
    while killed_at(step, lambda: decided(archive, Verdict.QUARANTINE, leg)):
        assert kept(archive, audio, data), step
        if finished_by == "a night":
            archive.site.requests()
            report = archive.site.night()
            assert archive.site.requests().get("retrieveByCallRecordId", 0) == 0, step
            assert (report.recovery.gone, report.recovery.orphans, report.problems) == (0, 0, []), step
        if archive.leg(leg)["state"] == "archived":  # it died before it had said so
            assert archive.got(leg) == data, step
            decided(archive, Verdict.QUARANTINE, leg)
        elif finished_by == "the same verb":
            decided(archive, Verdict.QUARANTINE, leg)
        assert_withdrawn(archive, leg, data)
        decided(archive, Verdict.RELEASE, leg)
        archive.store.evidence.delete(evidence_key(audio["key"]))
        step += stride
    assert step > 25
    assert archive.gone() == 0


@pytest.mark.parametrize("meanwhile", ["nothing", "a night"])
def test_a_release_that_is_killed_anywhere_loses_nothing(archive: Archive, meanwhile: str, stride: int) -> None:
    leg = archive.first(State.ARCHIVED)["leg_id"]
    data, audio = archive.got(leg), archive.audio(leg)
    step = 1
    decided(archive, Verdict.QUARANTINE, leg)
    while killed_at(step, lambda: decided(archive, Verdict.RELEASE, leg)):
        assert kept(archive, audio, data), step
        if meanwhile == "a night":
            report = archive.site.night()
            assert (report.recovery.gone, report.recovery.orphans, report.problems) == (0, 0, []), step
            if archive.leg(leg)["state"] == "quarantined":
                assert_withdrawn(archive, leg, data)
        if archive.leg(leg)["state"] == "quarantined":
            decided(archive, Verdict.RELEASE, leg)
        assert archive.got(leg) == data, step
        archive.site.night()
        assert archive.findings(leg) & {"withdrawn object", "gone object"} == set(), step
        decided(archive, Verdict.QUARANTINE, leg)
        step += stride
    assert step > 15
    assert archive.gone() == 0


def test_a_withdrawal_that_meets_a_release_puts_the_audio_back(archive: Archive) -> None:
    leg = archive.first(State.ARCHIVED)["leg_id"]
    data = archive.got(leg)
    root = type(archive.store.archive)
    real = root.withdraw

    def withdraw(self: Any, key: str, **named: Any) -> None:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(root, "withdraw", real)
            real(self, key, **named)
            decided(archive, Verdict.RELEASE, leg)
            real(self, key, version_id=self.head(key).version_id, decision="the other one's, a moment later")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(root, "withdraw", withdraw)
        archive.decide(Verdict.QUARANTINE, leg)
    assert archive.leg(leg)["state"] == "archived"
    assert archive.got(leg) == data
