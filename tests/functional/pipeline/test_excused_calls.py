"""Calls that need no recording because a person says so: counted as explained, and no night takes it back."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import pytest

from noojee_ingest.catalogue import queries
from noojee_ingest.catalogue.rebuild import rebuild
from noojee_ingest.catalogue.terms import BadSearch
from noojee_ingest.journal.errors import SegmentsGone
from noojee_ingest.journal.events import CallAppraised, Event, Verdict
from noojee_ingest.pipeline import decide_calls as decide_calls_module
from noojee_ingest.pipeline.decide import exit_code
from noojee_ingest.pipeline.decide_calls import ON_CALLS, DecidedCall, decide_calls, select_calls
from noojee_ingest.pipeline.errors import NothingToDecide
from noojee_ingest.pipeline.explain import EXCUSED
from noojee_ingest.pipeline.record import Writer
from noojee_ingest.pipeline.show import show
from noojee_ingest.storage.errors import StoreReadOnly
from noojee_ingest.storage.folder import FolderRoot

from .conftest import Site
from .decisions import WHO, Archive

WHY = "did not want to be recorded"
DAY = "2026-03-10"


def calls(archive: Archive, judged: str) -> list[queries.Row]:
    with archive.catalogue() as catalogue:
        ids = [row["call_id"] for row in archive.site.rows(f"select call_id from call where judged = '{judged}'")]
        return [row for row in queries.calls_named(catalogue, ids) if row["call_id"] in ids]


def call(archive: Archive, call_id: str) -> queries.Row:
    with archive.catalogue() as catalogue:
        return next(row for row in queries.calls_named(catalogue, [call_id]) if row["call_id"] == call_id)


def decided(archive: Archive, verdict: Verdict, *call_ids: str, **told: Any) -> list[DecidedCall]:
    with archive.catalogue() as catalogue:
        told = {"reason": WHY, "name": WHO, **told}
        return list(decide_calls(archive.site.settings(), catalogue, verdict, call_ids, **told))


def found_of(archive: Archive, call_id: str) -> list[str]:
    return [kind for kind, _ in archive.site.findings(call_id)]


@pytest.fixture
def unexplained(make_site: Callable[..., Site]) -> Archive:
    """A night with calls that nothing explains."""
    site = make_site(calls_a_day=40, unexplained_calls=3)
    site.night()
    archive = Archive(site)
    assert len(calls(archive, "unexplained")) > 1
    return archive


def test_an_excused_call_is_explained_and_no_gap(unexplained: Archive) -> None:
    one, other = calls(unexplained, "unexplained")[:2]
    assert found_of(unexplained, one["call_id"]) == ["call without recording"]
    (before,) = unexplained.site.rows(f"select * from day where day = '{one['day']}'")
    (told,) = decided(unexplained, Verdict.EXCUSE, one["call_id"])
    assert (told.was, told.judged, told.result) == ("unexplained", "excused", "done")
    now = call(unexplained, one["call_id"])
    assert (now["judged"], now["cause"]) == ("explained", EXCUSED)
    assert found_of(unexplained, one["call_id"]) == []
    assert call(unexplained, other["call_id"]) == other
    (after,) = unexplained.site.rows(f"select * from day where day = '{one['day']}'")
    moved = {"calls_explained": 1, "calls_unexplained": -1, "findings": -1}
    assert {name: after[name] - before[name] for name in moved} == moved


def test_the_next_nights_leave_it_as_it_is(unexplained: Archive) -> None:
    one, other = calls(unexplained, "unexplained")[:2]
    decided(unexplained, Verdict.EXCUSE, one["call_id"])
    excused = call(unexplained, one["call_id"])
    for _ in range(2):
        report = unexplained.site.night()
        assert call(unexplained, one["call_id"]) == excused
    (day,) = [day for day in report.days if day.day == report.main_day]
    assert day.explanations[EXCUSED] == 1
    assert call(unexplained, other["call_id"])["judged"] == "unexplained"


def test_a_rule_that_comes_later_does_not_overturn_it(unexplained: Archive) -> None:
    one, other = calls(unexplained, "unexplained")[:2]
    decided(unexplained, Verdict.EXCUSE, one["call_id"])
    dispositions = sorted({row["disposition"] for row in calls(unexplained, "unexplained")} | {one["disposition"]})
    rule = str([{"explanation": "later", "dispositions": dispositions}]).replace("'", '"')
    unexplained.site.night(SITES__HERE__WITHOUT_RECORDING=rule)
    assert call(unexplained, one["call_id"])["cause"] == EXCUSED
    assert call(unexplained, other["call_id"])["cause"] == "later"


def test_a_retry_takes_it_back_and_nights_judge_it_again(unexplained: Archive) -> None:
    one = calls(unexplained, "unexplained")[0]
    decided(unexplained, Verdict.EXCUSE, one["call_id"])
    (told,) = decided(unexplained, Verdict.RETRY, one["call_id"], reason="there was one", name="Jo")
    assert (told.was, told.judged, told.result) == ("excused", "unexplained", "done")
    assert found_of(unexplained, one["call_id"]) == ["call without recording"]
    unexplained.site.night()
    assert call(unexplained, one["call_id"])["judged"] == "unexplained"
    rule = f'[{{"explanation": "later", "dispositions": ["{one["disposition"]}"]}}]'
    unexplained.site.night(SITES__HERE__WITHOUT_RECORDING=rule)
    now = call(unexplained, one["call_id"])
    assert (now["judged"], now["cause"]) == ("explained", "later")
    assert found_of(unexplained, one["call_id"]) == []  # no two decisions are in force


def test_the_history_says_who_and_why(unexplained: Archive) -> None:
    one = calls(unexplained, "unexplained")[0]
    decided(unexplained, Verdict.EXCUSE, one["call_id"])
    decided(unexplained, Verdict.RETRY, one["call_id"], reason="there was one", name="Jo")
    with unexplained.catalogue() as catalogue:
        history = show(catalogue, unexplained.store.archive, one["call_id"]).history
    told = [(event.verdict, event.name, event.reason) for event in history if isinstance(event, CallAppraised)]
    assert told[1:] == [(Verdict.EXCUSE, WHO, WHY), (Verdict.RETRY, "Jo", "there was one")]


def test_it_is_the_same_after_a_rebuild(unexplained: Archive) -> None:
    first, second = [row["call_id"] for row in calls(unexplained, "unexplained")[:2]]
    decided(unexplained, Verdict.EXCUSE, first, second)
    decided(unexplained, Verdict.RETRY, second)
    tables = "call", "call_appraised", "finding", "day"
    before = [unexplained.site.rows(f"select * from {name} order by 1, 2, 3") for name in tables]
    rebuild(unexplained.store.archive, unexplained.site.settings().catalogue.url)
    assert [unexplained.site.rows(f"select * from {name} order by 1, 2, 3") for name in tables] == before


def test_what_is_judged_otherwise_by_then_is_left(unexplained: Archive) -> None:
    one, explained = calls(unexplained, "unexplained")[0], calls(unexplained, "explained")[0]
    events = unexplained.events()
    for verdict, row in ((Verdict.RETRY, one), (Verdict.EXCUSE, explained), (Verdict.RETRY, explained)):
        (told,) = decided(unexplained, verdict, row["call_id"])
        assert (told.result, told.event_id) == ("left", "")
        assert call(unexplained, row["call_id"]) == row
    assert unexplained.events() == events


def test_which_calls_are_meant(unexplained: Archive) -> None:
    those = calls(unexplained, "unexplained")
    recorded = next(row for row in calls(unexplained, "recorded") if row["unique_id"])
    with unexplained.catalogue() as catalogue:
        for name in ("unique_id", "call_id"):
            meant = select_calls(catalogue, Verdict.EXCUSE, ids=[those[0][name]])
            assert [row["call_id"] for row in meant.calls] == [those[0]["call_id"]]
        by_day = select_calls(catalogue, Verdict.EXCUSE, days=[those[0]["day"]])
        assert {row["call_id"] for row in by_day.calls} == {
            row["call_id"] for row in those if row["day"] == those[0]["day"]
        }
        assert by_day.left["explained"] > 0
        both = select_calls(catalogue, Verdict.EXCUSE, ids=[those[0]["call_id"], recorded["unique_id"]])
        assert (len(both.calls), both.left["recorded"]) == (1, 1)
        assert not select_calls(catalogue, Verdict.EXCUSE, days=[those[0]["day"]], sites=["elsewhere"]).calls
        with pytest.raises(BadSearch, match="say which calls: by --id or --day"):
            select_calls(catalogue, Verdict.EXCUSE, sites=["here"])
        with pytest.raises(NothingToDecide, match="its calls are 1 recorded"):
            select_calls(catalogue, Verdict.EXCUSE, ids=[recorded["call_id"]])
        with pytest.raises(NothingToDecide, match="no call has this id"):
            select_calls(catalogue, Verdict.RETRY, ids=["nobody"])


@pytest.mark.parametrize("told", [{"reason": " "}, {"name": ""}, {"reason": "\ud800"}])
def test_nobody_decides_without_reason_and_name(unexplained: Archive, told: dict[str, str]) -> None:
    one = calls(unexplained, "unexplained")[0]
    with pytest.raises(BadSearch, match="a decision needs a"):
        decided(unexplained, Verdict.EXCUSE, one["call_id"], **told)
    assert call(unexplained, one["call_id"]) == one


@pytest.fixture
def meeting(monkeypatch: pytest.MonkeyPatch) -> Callable[[Callable[[], object], Callable[[], object]], None]:
    """What somebody else does just before and just after the next decision is journalled."""
    real = decide_calls_module.record

    def meet(before: Callable[[], object], after: Callable[[], object]) -> None:
        def recorded(work: Writer, events: Sequence[Event]) -> None:
            monkeypatch.setattr(decide_calls_module, "record", real)
            before()
            real(work, events)
            after()

        monkeypatch.setattr(decide_calls_module, "record", recorded)

    return meet


def test_what_somebody_else_decides_at_the_same_time_is_told(unexplained: Archive, meeting: Any) -> None:
    one = calls(unexplained, "unexplained")[0]["call_id"]
    meeting(bool, lambda: decided(unexplained, Verdict.RETRY, one))
    (told,) = decided(unexplained, Verdict.EXCUSE, one)
    assert (told.was, told.judged, told.result) == ("unexplained", "unexplained", "overtaken")
    assert exit_code([told]) == 3
    decided(unexplained, Verdict.EXCUSE, one)

    def another_excuse() -> None:
        decided(unexplained, Verdict.RETRY, one)
        decided(unexplained, Verdict.EXCUSE, one, reason="again", name="Jo")

    meeting(another_excuse, bool)
    (told,) = decided(unexplained, Verdict.RETRY, one)
    assert (told.was, told.judged, told.result) == ("excused", "excused", "overtaken")
    assert call(unexplained, one)["judged"] == "explained"


def test_a_clock_that_was_ahead_does_not_put_the_later_word_first(unexplained: Archive) -> None:
    one = calls(unexplained, "unexplained")[0]["call_id"]
    unexplained.site.pass_time(days=2)
    decided(unexplained, Verdict.EXCUSE, one)
    unexplained.site.pass_time(days=-2)
    decided(unexplained, Verdict.RETRY, one)
    with unexplained.catalogue() as catalogue:
        history = show(catalogue, unexplained.store.archive, one).history
    times = [event.time for event in history if isinstance(event, CallAppraised) and event.verdict in ON_CALLS]
    verdicts = [event.verdict for event in history if isinstance(event, CallAppraised) and event.verdict in ON_CALLS]
    assert verdicts == [Verdict.EXCUSE, Verdict.RETRY]
    assert times[0] < times[1]


def test_each_of_many_is_decided_once_and_told_before_the_store_fails(
    unexplained: Archive, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(decide_calls_module, "AT_ONCE", 1)
    those = [row["call_id"] for row in calls(unexplained, "unexplained")]
    told: list[DecidedCall] = []
    real, times = FolderRoot.create, 0

    def create(*given: Any, **named: Any) -> Any:
        nonlocal times
        times += 1
        if times == 2:
            raise StoreReadOnly("creating", "a segment", "no right to write")
        return real(*given, **named)

    with monkeypatch.context() as patch:
        patch.setattr(FolderRoot, "create", create)
        with unexplained.catalogue() as catalogue:
            settings = unexplained.site.settings()
            fates = decide_calls(settings, catalogue, Verdict.EXCUSE, those, reason=WHY, name=WHO)
            told.append(next(fates))
            with pytest.raises(StoreReadOnly):
                next(fates)
    assert [one.result for one in told] == ["done"]
    assert len(calls(unexplained, "unexplained")) == len(those) - 1
    rest = decided(unexplained, Verdict.EXCUSE, *those)
    assert sorted(one.result for one in rest) == sorted(["left", *["done"] * (len(those) - 1)])
    excused = [event for event in unexplained.events() if getattr(event, "verdict", "") is Verdict.EXCUSE]
    assert sorted(getattr(event, "call_id", "") for event in excused) == sorted(those)


def test_a_store_of_another_archive_is_refused_before_anything_is_decided(unexplained: Archive) -> None:
    one = calls(unexplained, "unexplained")[0]
    store = unexplained.site.folder / "store"
    store.rename(store.with_name("away"))
    (store / "archive").mkdir(parents=True)
    with pytest.raises(SegmentsGone):
        decided(unexplained, Verdict.EXCUSE, one["call_id"])
    assert not list(store.glob("archive/journal/**/*.gz"))
