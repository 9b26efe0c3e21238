"""Audio is given out by those who ask for it by name and reason, and only while it is archived."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from io import BytesIO

import pytest

from noojee_ingest.catalogue.terms import BadSearch
from noojee_ingest.journal.errors import SegmentsGone
from noojee_ingest.journal.events import Accessed, AudioStored, Verdict
from noojee_ingest.model import State
from noojee_ingest.pipeline import get as get_module
from noojee_ingest.pipeline.errors import NotArchived
from noojee_ingest.pipeline.get import find_audio, get

from .decisions import Archive, decided

WHY, WHO = "a dispute", "Kim Doe"


def accesses(archive: Archive) -> list[Accessed]:
    return [event for event in archive.events() if isinstance(event, Accessed)]


def test_it_is_journalled_before_it_is_given_out(archive: Archive) -> None:
    leg = archive.first(State.ARCHIVED)["leg_id"]
    with archive.catalogue() as catalogue:
        found, _ = find_audio(catalogue, leg)
        given = get(archive.site.settings(), catalogue, found, reason=f" {WHY} ", name=WHO)
        (access,) = accesses(archive)
        assert (access.leg_id, access.sha256, access.reason, access.name) == (leg, found[0].sha256, WHY, WHO)
        target = BytesIO()
        given.copy(found[0], target)
    assert target.getvalue() == archive.got(leg)
    assert accesses(archive) == [access]


def test_what_is_quarantined_meanwhile_is_given_to_nobody(archive: Archive) -> None:
    leg = archive.first(State.ARCHIVED)["leg_id"]
    with archive.catalogue() as catalogue:
        found, _ = find_audio(catalogue, leg)
        decided(archive, Verdict.QUARANTINE, leg)
        with pytest.raises(NotArchived, match="its state is quarantined"):
            get(archive.site.settings(), catalogue, found, reason=WHY, name=WHO)


def test_who_asked_for_one_leg_gets_no_other(archive: Archive) -> None:
    one, other = [row["leg_id"] for row in archive.rows() if row["state"] == State.ARCHIVED.value][:2]
    with archive.catalogue() as catalogue:
        found, _ = find_audio(catalogue, one)
        (elsewhere,), _ = find_audio(catalogue, other)
        given = get(archive.site.settings(), catalogue, found, reason=WHY, name=WHO)
        target = BytesIO()
        with pytest.raises(ValueError, match="is not among what is given out"):
            given.copy(elsewhere, target)
    assert target.getvalue() == b""


@pytest.mark.parametrize(("reason", "name"), [("", WHO), (" \n", WHO), (WHY, ""), (WHY, "\ud800")])
def test_nobody_gets_it_without_reason_and_name(archive: Archive, reason: str, name: str) -> None:
    leg = archive.first(State.ARCHIVED)["leg_id"]
    with archive.catalogue() as catalogue:
        found, _ = find_audio(catalogue, leg)
        with pytest.raises(BadSearch, match="giving audio out needs a"):
            get(archive.site.settings(), catalogue, found, reason=reason, name=name)
    assert accesses(archive) == []


def test_a_night_after_an_access_has_nothing_to_do(archive: Archive) -> None:
    leg = archive.first(State.ARCHIVED)["leg_id"]
    with archive.catalogue() as catalogue:
        found, _ = find_audio(catalogue, leg)
        get(archive.site.settings(), catalogue, found, reason=WHY, name=WHO)
    before = archive.leg(leg)
    report = archive.site.night()
    assert report.nothing_needed
    assert archive.leg(leg) == before


def test_nobody_had_it_before_it_was_there(archive: Archive, monkeypatch: pytest.MonkeyPatch) -> None:
    """As in the demo, whose clock shows the same instant at each start."""
    leg = archive.first(State.ARCHIVED)["leg_id"]
    (stored,) = [one for one in archive.history(leg) if isinstance(one, AudioStored) and one.leg_id == leg]
    monkeypatch.setattr(get_module, "present", lambda _: stored.time - timedelta(seconds=2))
    with archive.catalogue() as catalogue:
        found, _ = find_audio(catalogue, leg)
        get(archive.site.settings(), catalogue, found, reason=WHY, name=WHO)
    (access,) = accesses(archive)
    assert stored.time < access.time < stored.time + timedelta(seconds=1)


def test_into_another_archive_nothing_is_written(archive: Archive) -> None:
    leg = archive.first(State.ARCHIVED)["leg_id"]
    with archive.catalogue() as catalogue:
        found, _ = find_audio(catalogue, leg)
        store = archive.site.folder / "store"
        store.rename(store.with_name("away"))
        (store / "archive").mkdir(parents=True)
        with pytest.raises(SegmentsGone):
            get(archive.site.settings(), catalogue, found, reason=WHY, name=WHO)
    assert not list(store.rglob("*.gz"))


def test_what_is_of_one_site_is_in_one_segment_in_whatever_order_it_is_asked_for(archive: Archive) -> None:
    one, other = [row["leg_id"] for row in archive.rows() if row["state"] == State.ARCHIVED.value][:2]
    before = set(archive.site.archive.rglob("*.jsonl.gz"))
    with archive.catalogue() as catalogue:
        (first,), _ = find_audio(catalogue, one)
        (last,), _ = find_audio(catalogue, other)
        wanted = [first, replace(first, site="there"), last]
        get(archive.site.settings(), catalogue, wanted, reason=WHY, name=WHO)
    assert len(set(archive.site.archive.rglob("*.jsonl.gz")) - before) == 2
