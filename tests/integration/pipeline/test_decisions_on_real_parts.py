"""What people decide, the archive in buckets and the catalogue in PostgreSQL; and locks, which a folder has not."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from noojee_ingest.journal.events import LegAppraised, ObjectNoted, Verdict
from noojee_ingest.model import State
from noojee_ingest.pipeline.decide import exit_code
from noojee_ingest.pipeline.errors import NotArchived
from noojee_ingest.pipeline.quarantine import evidence_key
from tests.functional.pipeline.conftest import archive
from tests.functional.pipeline.decisions import Archive, assert_withdrawn, read
from tests.functional.pipeline.test_decisions import (
    test_a_decision_is_the_same_after_a_rebuild,
    test_excused_legs_are_no_gap_and_nobody_fetches_them,
)
from tests.functional.pipeline.test_killed_decisions import (
    test_a_quarantine_that_is_killed_anywhere_is_finished_later,
    test_a_release_that_is_killed_anywhere_loses_nothing,
    test_a_withdrawal_that_meets_a_release_puts_the_audio_back,
)
from tests.functional.pipeline.test_quarantine import (
    test_released_audio_is_what_it_was,
    test_what_is_gone_before_it_is_withdrawn_is_said_to_be_gone,
)
from tests.integration.pipeline.conftest import RealParts

if TYPE_CHECKING:
    from tests.functional.pipeline.conftest import Site


__all__ = [
    "archive",
    "test_a_decision_is_the_same_after_a_rebuild",
    "test_a_quarantine_that_is_killed_anywhere_is_finished_later",
    "test_a_release_that_is_killed_anywhere_loses_nothing",
    "test_a_withdrawal_that_meets_a_release_puts_the_audio_back",
    "test_excused_legs_are_no_gap_and_nobody_fetches_them",
    "test_released_audio_is_what_it_was",
    "test_what_is_gone_before_it_is_withdrawn_is_said_to_be_gone",
]


@pytest.fixture
def stride() -> int:
    return 9


@pytest.fixture
def gaps(make_site: Callable[..., Site], parts: RealParts) -> Archive:
    site = make_site(calls_a_day=40, never_legs=3, not_audio_legs=3, late_legs=2)
    site.environ = parts.environ()
    site.night()
    site.requests()
    return Archive(site)


@pytest.fixture
def locked(site: Site, parts: RealParts) -> Archive:
    """As ``archive``, in a bucket that can lock objects."""
    name = f"{parts.bucket}-locked"
    parts.s3.owner.create_bucket(Bucket=name, ObjectLockEnabledForBucket=True)
    parts.bucket = name
    site.environ = parts.environ()
    site.night()
    site.requests()
    return Archive(site)


def test_a_lock_holds_the_audio_and_the_decision_is_in_force(locked: Archive, parts: RealParts) -> None:
    kept, held = [row["leg_id"] for row in locked.rows() if row["state"] == State.ARCHIVED.value][:2]
    data = {leg: locked.got(leg) for leg in (kept, held)}
    until = datetime.now(UTC).replace(microsecond=0) + timedelta(days=1)
    parts.s3.owner.put_object_retention(
        Bucket=parts.bucket,
        Key=f"archive/{locked.audio(kept)['key']}",
        Retention={"Mode": "GOVERNANCE", "RetainUntilDate": until},
    )
    hold = {"Bucket": parts.bucket, "Key": f"archive/{locked.audio(held)['key']}"}
    parts.s3.owner.put_object_legal_hold(**hold, LegalHold={"Status": "ON"})

    first, second = locked.decide(Verdict.QUARANTINE, kept, held)
    assert (first.result, first.state, first.held_until) == ("held", "quarantined", until)
    assert (second.result, second.state, second.held_until, second.problem) == ("held", "quarantined", None, "")
    assert exit_code([first]) == 3
    for leg in (kept, held):
        with pytest.raises(NotArchived):
            locked.got(leg)
        assert read(locked.store.archive, locked.audio(leg)["key"]) == data[leg]
        assert read(locked.store.evidence, evidence_key(locked.audio(leg)["key"])) == data[leg]
        assert locked.findings(leg) & {"held object", "withdrawn object", "gone object"} == {"held object"}
    assert f"until {until:%Y-%m-%dT%H:%M}" in str(locked.history(kept)[-1])

    before = {event.event_id for event in locked.events()}
    report = locked.site.night()
    assert (report.recovery.withdrawn, report.recovery.gone, report.problems) == (0, 0, [])
    locked.decide(Verdict.QUARANTINE, kept, held)
    more = [event for event in locked.events() if event.event_id not in before]
    assert [event for event in more if isinstance(event, LegAppraised | ObjectNoted)] == []  # not said again

    parts.s3.owner.put_object_legal_hold(**hold, LegalHold={"Status": "OFF"})
    assert locked.site.night().recovery.withdrawn == 1
    assert_withdrawn(locked, held, data[held])
    (one,) = locked.decide(Verdict.RELEASE, kept)
    assert (one.result, one.state) == ("done", "archived")
    assert locked.got(kept) == data[kept]
    assert not locked.findings(kept) & {"held object", "withdrawn object"}


def test_a_version_that_a_marker_hides_is_withdrawn_too(locked: Archive, parts: RealParts) -> None:
    """Released audio is another version than the journal names, and somebody deletes it by hand."""
    leg = locked.first(State.ARCHIVED)["leg_id"]
    data, key = locked.got(leg), f"archive/{locked.audio(leg)['key']}"
    locked.decide(Verdict.QUARANTINE, leg)
    locked.decide(Verdict.RELEASE, leg)
    parts.s3.owner.delete_object(Bucket=parts.bucket, Key=key)
    (one,) = locked.decide(Verdict.QUARANTINE, leg)
    assert (one.result, one.state) == ("done", "quarantined")
    told = parts.s3.owner.list_object_versions(Bucket=parts.bucket, Prefix=key)
    assert told.get("Versions", []) == []
    assert_withdrawn(locked, leg, data)
