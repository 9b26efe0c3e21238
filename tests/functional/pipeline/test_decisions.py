"""What people decide: journalled first, in force at once, and finished by whoever comes after a process that died.

The integration tests run all this again with buckets and PostgreSQL.
"""

from __future__ import annotations

import hashlib
import io
import os
import signal
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from dataclasses import dataclass
from datetime import timedelta
from functools import wraps
from typing import TYPE_CHECKING, Any

import pytest

from noojee_ingest.catalogue import queries
from noojee_ingest.catalogue.database import Catalogue
from noojee_ingest.catalogue.rebuild import rebuild
from noojee_ingest.catalogue.search import Search
from noojee_ingest.catalogue.terms import BadSearch
from noojee_ingest.journal import segment
from noojee_ingest.journal.events import Event, LegAppraised, Verdict
from noojee_ingest.model import FindingKind, State
from noojee_ingest.pipeline import record as recording
from noojee_ingest.pipeline.decide import CHANGES, Decided, decide, exit_code, select
from noojee_ingest.pipeline.errors import NotArchived, NothingToDecide
from noojee_ingest.pipeline.get import find_audio, get
from noojee_ingest.pipeline.places import open_store
from noojee_ingest.pipeline.quarantine import evidence_key
from noojee_ingest.pipeline.show import show
from noojee_ingest.storage.errors import NotFound, StoreReadOnly
from noojee_ingest.storage.folder import FolderRoot
from noojee_ingest.storage.root import Root, Store
from noojee_ingest.storage.s3 import S3Root

if TYPE_CHECKING:
    from .conftest import Site

WHY, WHO = "a card number is spoken", "Kim Doe"


@dataclass
class Archive:
    """A site's archive after a night, looked at from outside."""

    site: Site

    def catalogue(self) -> closing[Catalogue]:
        return closing(Catalogue.open(self.site.settings().catalogue.url))

    @property
    def store(self) -> Store:
        return open_store(self.site.settings())

    def decide(self, verdict: Verdict, *leg_ids: str, reason: str = WHY, name: str = WHO) -> list[Decided]:
        with self.catalogue() as catalogue:
            return list(decide(self.site.settings(), catalogue, verdict, leg_ids, reason=reason, name=name))

    def rows(self) -> list[queries.Row]:
        """All legs, by leg id."""
        with self.catalogue() as catalogue:
            sums = queries.day_sums(catalogue, "here")
            found = select_all(catalogue, [row["day"] for row in sums])
        return sorted(found, key=lambda row: str(row["leg_id"]))

    def leg(self, leg_id: str) -> queries.Row:
        with self.catalogue() as catalogue:
            return queries.legs_by_id(catalogue, [leg_id])[leg_id]

    def first(self, state: State) -> queries.Row:
        return next(row for row in self.rows() if row["state"] == state.value)

    def audio(self, leg_id: str) -> queries.Row:
        with self.catalogue() as catalogue:
            (row,) = queries.audio_of(catalogue, [leg_id])
        return row

    def findings(self, leg_id: str) -> set[str]:
        """The kinds that are found of a leg and its objects."""
        with self.catalogue() as catalogue:
            keys = [row["key"] for row in queries.audio_of(catalogue, [leg_id])]
            return {row["kind"] for row in queries.findings_of(catalogue, [leg_id, *keys])}

    def gone(self) -> int:
        with self.catalogue() as catalogue:
            days = [row["day"] for row in queries.day_sums(catalogue, "here")]
            return sum(queries.gone_objects(catalogue, "here", days).values())

    def got(self, leg_id: str) -> bytes:
        target = io.BytesIO()
        with self.catalogue() as catalogue:
            (audio,), _ = find_audio(catalogue, leg_id)
            get(catalogue, self.store.archive, audio, target)
        return target.getvalue()

    def events(self) -> list[Event]:
        archive = self.store.archive
        return [event for key in segment.keys(archive) for event in segment.read(archive, key).events]

    def history(self, leg_id: str) -> list[Event]:
        with self.catalogue() as catalogue:
            return show(catalogue, self.store.archive, leg_id).history


def select_all(catalogue: Catalogue, days: list[Any]) -> list[queries.Row]:
    from noojee_ingest.catalogue.search import pages  # noqa: PLC0415

    return [row for page in pages(catalogue, Search(days=days), size=1000) for row in page]


def read(root: Root, key: str) -> bytes | None:
    try:
        with root.open(key) as source:
            return source.read()
    except NotFound:
        return None


@pytest.fixture
def archive(site: Site) -> Archive:
    site.night()
    site.requests()
    return Archive(site)


@pytest.fixture
def gaps(make_site: Callable[..., Site]) -> Archive:
    """A night with legs in each state that a person may decide about."""
    site = make_site(calls_a_day=40, never_legs=3, not_audio_legs=3, late_legs=2)
    site.night()
    site.requests()
    return Archive(site)


# -- retry and excuse


def test_excused_legs_are_no_gap_and_nobody_fetches_them(gaps: Archive) -> None:
    legs = [row for row in gaps.rows() if row["state"] in {"missing", "rejected"}]
    decided = gaps.decide(Verdict.EXCUSE, *(row["leg_id"] for row in legs))
    assert {(one.state, one.result) for one in decided} == {("excused", "done")}
    assert exit_code(decided) == 0
    gaps.site.requests()
    report = gaps.site.night()
    (day,) = [day for day in report.days if day.day == report.main_day]
    assert day.total.gaps == 0
    assert day.total.states["excused"] == len(legs) >= 2
    assert {gaps.leg(row["leg_id"])["state"] for row in legs} == {"excused"}


@pytest.mark.parametrize("state", [State.MISSING, State.REJECTED, State.PENDING])
def test_a_retried_leg_is_fetched_by_the_next_night(gaps: Archive, state: State) -> None:
    leg = gaps.first(state)
    before = gaps.leg(leg["leg_id"])["open_facts"]
    gaps.decide(Verdict.RETRY, leg["leg_id"])
    now = gaps.leg(leg["leg_id"])
    assert (now["state"], now["cause"], now["tries"], now["open_facts"]) == ("discovered", "", 0, ())
    (event,) = [one for one in gaps.events() if isinstance(one, LegAppraised) and one.verdict is Verdict.RETRY]
    assert set(event.supersedes) == set(before)
    assert (event.reason, event.name, event.actor, event.day) == (WHY, WHO, "retry", leg["day"])
    gaps.site.requests()
    gaps.site.night()
    assert gaps.site.requests()["retrieveByCallRecordId"] >= 1
    assert gaps.leg(leg["leg_id"])["state"] == state.value  # asked again, answered the same


def test_an_excuse_can_be_taken_back(gaps: Archive) -> None:
    leg = gaps.first(State.MISSING)["leg_id"]
    gaps.decide(Verdict.EXCUSE, leg)
    gaps.decide(Verdict.RETRY, leg, reason="it turned up", name="Jo")
    assert gaps.leg(leg)["state"] == "discovered"
    told = [(one.verdict, one.reason, one.name) for one in gaps.history(leg) if isinstance(one, LegAppraised)]
    assert told[-2:] == [(Verdict.EXCUSE, WHY, WHO), (Verdict.RETRY, "it turned up", "Jo")]


def test_a_decision_is_the_same_after_a_rebuild(gaps: Archive) -> None:
    missing, rejected = gaps.first(State.MISSING)["leg_id"], gaps.first(State.REJECTED)["leg_id"]
    archived = gaps.first(State.ARCHIVED)["leg_id"]
    gaps.decide(Verdict.EXCUSE, missing)
    gaps.decide(Verdict.RETRY, rejected)
    gaps.decide(Verdict.QUARANTINE, archived)
    before = gaps.rows(), gaps.findings(archived)
    rebuild(gaps.store.archive, gaps.site.settings().catalogue.url)
    assert (gaps.rows(), gaps.findings(archived)) == before


def test_a_leg_in_another_state_by_then_is_left_alone(gaps: Archive) -> None:
    archived, missing = gaps.first(State.ARCHIVED)["leg_id"], gaps.first(State.MISSING)["leg_id"]
    for verdict, leg in ((Verdict.EXCUSE, archived), (Verdict.RETRY, archived), (Verdict.RELEASE, archived),
                         (Verdict.QUARANTINE, missing), (Verdict.RELEASE, missing)):  # fmt: skip
        before = gaps.leg(leg), len(gaps.events())
        (one,) = gaps.decide(verdict, leg)
        assert (one.result, one.event_id) == ("left", "")
        assert (gaps.leg(leg), len(gaps.events())) == before
    gaps.decide(Verdict.QUARANTINE, archived)
    for verdict in (Verdict.RETRY, Verdict.EXCUSE):
        (one,) = gaps.decide(verdict, archived)
        assert (one.result, one.state) == ("left", "quarantined")


@pytest.mark.parametrize(("reason", "name"), [("", WHO), (" \n", WHO), (WHY, ""), (WHY, "\udce9"), ("\udce9", WHO)])
def test_a_decision_without_reason_or_name_is_none(gaps: Archive, reason: str, name: str) -> None:
    leg, before = gaps.first(State.MISSING)["leg_id"], len(gaps.events())
    with pytest.raises(BadSearch, match="a decision needs a"):
        gaps.decide(Verdict.EXCUSE, leg, reason=reason, name=name)
    assert len(gaps.events()) == before


def test_a_decision_comes_after_what_it_answers_whatever_the_clock_says(gaps: Archive) -> None:
    leg = gaps.first(State.MISSING)["leg_id"]
    gaps.site.pass_time(days=-3)
    gaps.decide(Verdict.EXCUSE, leg)
    times = [event.time for event in gaps.history(leg)]
    assert gaps.history(leg)[-1].kind == "appraisal"
    assert times[-1] - times[-2] == timedelta(microseconds=1)


# -- which legs are meant


def test_a_selection_is_of_the_legs_that_the_decision_changes(gaps: Archive) -> None:
    rows = gaps.rows()
    with gaps.catalogue() as catalogue:
        for verdict, states in CHANGES.items():
            words = {state.value for state in states}
            found = select(catalogue, verdict, Search(days=[rows[0]["day"]]))
            assert {row["leg_id"] for row in found.legs} == {
                row["leg_id"] for row in rows if row["state"] in words and row["day"] == rows[0]["day"]
            }
            for states_of_others in set(State) - set(states):
                with pytest.raises(BadSearch, match=f"{verdict} is for legs that are"):
                    select(catalogue, verdict, Search(states=[states_of_others]))


def test_a_selection_by_id_tells_of_the_legs_that_it_leaves(gaps: Archive) -> None:
    rows = gaps.rows()
    missing = next(row for row in rows if row["state"] == "missing")
    siblings = [row for row in rows if row["call_record_id"] == missing["call_record_id"]]
    with gaps.catalogue() as catalogue:
        found = select(catalogue, Verdict.EXCUSE, Search(ids=[missing["call_record_id"]]))
        assert missing["leg_id"] in {row["leg_id"] for row in found.legs}
        assert len(found.legs) + sum(found.left.values()) == len(siblings)
        with pytest.raises(NothingToDecide, match="its legs are 1 missing"):
            select(catalogue, Verdict.RELEASE, Search(ids=[missing["leg_id"]]))
        with pytest.raises(NothingToDecide, match="no leg has this id"):
            select(catalogue, Verdict.RETRY, Search(ids=["nobody"]))


@pytest.mark.parametrize("nothing", [Search(), Search(sites=["here"])])
def test_the_whole_archive_is_never_meant(gaps: Archive, nothing: Search) -> None:
    with gaps.catalogue() as catalogue, pytest.raises(BadSearch, match="say which legs"):
        select(catalogue, Verdict.RETRY, nothing)


# -- quarantine and release


def assert_withdrawn(archive: Archive, leg_id: str, data: bytes) -> None:
    audio = archive.audio(leg_id)
    assert archive.leg(leg_id)["state"] == "quarantined"
    assert read(archive.store.archive, audio["key"]) is None
    assert read(archive.store.evidence, evidence_key(audio["key"])) == data
    assert archive.findings(leg_id) & {"withdrawn object", "held object", "gone object"} == {"withdrawn object"}
    with pytest.raises(NotArchived, match="its state is quarantined"):
        archive.got(leg_id)


def test_quarantined_audio_is_in_evidence_alone_and_is_not_gone(archive: Archive) -> None:
    leg = archive.first(State.ARCHIVED)["leg_id"]
    data = archive.got(leg)
    (one,) = archive.decide(Verdict.QUARANTINE, leg)
    assert (one.was, one.state, one.result, one.held_until) == ("archived", "quarantined", "done", None)
    assert_withdrawn(archive, leg, data)
    archive.site.requests()
    report = archive.site.night()
    assert report.recovery.gone == report.recovery.withdrawn == report.recovery.orphans == archive.gone() == 0
    assert archive.site.requests().get("retrieveByCallRecordId", 0) == 0
    assert_withdrawn(archive, leg, data)


def test_released_audio_is_what_it_was(archive: Archive) -> None:
    leg = archive.first(State.ARCHIVED)["leg_id"]
    data, key = archive.got(leg), archive.audio(leg)["key"]
    before, found = archive.store.archive.head(key), archive.findings(leg)
    archive.decide(Verdict.QUARANTINE, leg)
    (one,) = archive.decide(Verdict.RELEASE, leg, reason="it was none", name="Jo")
    assert (one.was, one.state, one.result) == ("quarantined", "archived", "done")
    after = archive.store.archive.head(key)
    assert (after.metadata, after.sha256, after.size) == (before.metadata, before.sha256, before.size)
    assert archive.got(leg) == data
    assert archive.findings(leg) == found
    report = archive.site.night()
    assert (report.recovery.gone, report.recovery.orphans, report.recovery.adopted) == (0, 0, 0)
    told = [(one.verdict, one.name) for one in archive.history(leg) if isinstance(one, LegAppraised)]
    assert told == [(Verdict.QUARANTINE, WHO), (Verdict.RELEASE, "Jo")]
    archive.decide(Verdict.QUARANTINE, leg)  # and all over again, though the object may be another version by now
    assert_withdrawn(archive, leg, data)
    archive.decide(Verdict.RELEASE, leg)
    assert archive.got(leg) == data


def test_the_history_says_where_the_audio_went(archive: Archive) -> None:
    leg = archive.first(State.ARCHIVED)["leg_id"]
    (one,) = archive.decide(Verdict.QUARANTINE, leg)
    noted = archive.history(leg)[-1]
    assert noted.kind == "validation"
    assert getattr(noted, "detail", "") == f"kept as evidence/{evidence_key(archive.audio(leg)['key'])}"
    assert one.event_id in {event.event_id for event in archive.history(leg)}


def test_a_quarantine_is_not_decided_twice(archive: Archive) -> None:
    leg = archive.first(State.ARCHIVED)["leg_id"]
    archive.decide(Verdict.QUARANTINE, leg)
    before = archive.events()
    (one,) = archive.decide(Verdict.QUARANTINE, leg, reason="another", name="another")
    assert (one.result, one.event_id) == ("done", "")
    assert archive.events() == before


def test_damaged_audio_is_not_withdrawn_and_not_got(archive: Archive) -> None:
    leg = archive.first(State.ARCHIVED)["leg_id"]
    data, audio = archive.got(leg), archive.audio(leg)
    bad = b"\0" + data[1:]
    archive.store.evidence.create(
        evidence_key(audio["key"]), io.BytesIO(bad), size=len(bad), sha256=hashlib.sha256(bad).hexdigest(), metadata={}
    )
    (one,) = archive.decide(Verdict.QUARANTINE, leg)
    assert (one.result, one.state) == ("damaged", "quarantined")
    assert exit_code([one]) == 4
    assert read(archive.store.archive, audio["key"]) == data
    report = archive.site.night()
    assert len(report.problems) == 1
    assert f"leg {leg} is quarantined and its audio is not withdrawn" in report.problems[0]
    archive.store.evidence.delete(evidence_key(audio["key"]))
    assert archive.site.night().recovery.withdrawn == 1
    assert_withdrawn(archive, leg, data)


def test_what_evidence_has_no_more_cannot_be_released(archive: Archive) -> None:
    leg = archive.first(State.ARCHIVED)["leg_id"]
    archive.decide(Verdict.QUARANTINE, leg)
    archive.store.evidence.delete(evidence_key(archive.audio(leg)["key"]))
    (one,) = archive.decide(Verdict.RELEASE, leg)
    assert (one.result, one.state, one.event_id) == ("failed", "quarantined", "")
    assert "is there no more" in one.problem
    assert exit_code([one]) == 1
    assert archive.site.night().recovery.gone == 0  # deleted by policy, perhaps: it is what a quarantine is for


def test_what_is_gone_before_it_is_withdrawn_is_said_to_be_gone(archive: Archive) -> None:
    leg = archive.first(State.ARCHIVED)["leg_id"]
    audio = archive.audio(leg)
    archive.store.archive.withdraw(audio["key"], version_id=audio["version_id"], decision="behind our back")
    (one,) = archive.decide(Verdict.QUARANTINE, leg)
    assert (one.result, one.state) == ("damaged", "quarantined")
    archive.site.night()
    assert archive.gone() == 1


def test_audio_that_is_found_of_a_quarantined_leg_does_not_end_the_quarantine(archive: Archive) -> None:
    """A run stored another audio of it and died before it said so."""
    leg = archive.first(State.ARCHIVED)["leg_id"]
    audio = archive.audio(leg)
    metadata = dict(archive.store.archive.head(audio["key"]).metadata)
    other = archive.got(leg)[:-2] + b"\1\1"
    sha256 = hashlib.sha256(other).hexdigest()
    key = audio["key"].replace(audio["content_sha256"][:16], sha256[:16])
    archive.decide(Verdict.QUARANTINE, leg)
    archive.store.archive.create(
        key, io.BytesIO(other), size=len(other), sha256=sha256, metadata={**metadata, "sha256": sha256}
    )
    assert archive.site.night().recovery.adopted == 1
    assert archive.leg(leg)["state"] == "quarantined"
    assert archive.site.night().recovery.withdrawn == 1
    assert read(archive.store.archive, key) is None
    assert read(archive.store.evidence, evidence_key(key)) == other


def test_an_account_that_may_not_delete_decides_all_the_same(archive: Archive) -> None:
    """That of the nightly need not have that right: another one finishes what was decided."""
    leg = archive.first(State.ARCHIVED)["leg_id"]
    data = archive.got(leg)

    def withdraw(self: Root, key: str, **_: object) -> None:
        raise StoreReadOnly("withdrawing", key, "no right to delete")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(type(archive.store.archive), "withdraw", withdraw)
        with pytest.raises(StoreReadOnly):
            archive.decide(Verdict.QUARANTINE, leg)
        assert archive.leg(leg)["state"] == "quarantined"
        report = archive.site.night()
        assert [leg in problem for problem in report.problems] == [True]
        assert report.exit_code == 3
    (one,) = archive.decide(Verdict.QUARANTINE, leg)
    assert (one.result, one.event_id) == ("done", "")
    assert_withdrawn(archive, leg, data)


# -- death at every step

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


def decided(archive: Archive, verdict: Verdict, leg: str) -> None:
    """As ``decide``, in the child: a result that is not done is a failure."""
    assert [one.result for one in archive.decide(verdict, leg)] == ["done"]


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


def test_two_new_kinds_of_findings_end_with_the_release(archive: Archive) -> None:
    kinds = {FindingKind.WITHDRAWN_OBJECT.value, FindingKind.HELD_OBJECT.value}
    leg = archive.first(State.ARCHIVED)["leg_id"]
    archive.decide(Verdict.QUARANTINE, leg)
    assert archive.findings(leg) & kinds
    archive.decide(Verdict.RELEASE, leg)
    assert not archive.findings(leg) & kinds
