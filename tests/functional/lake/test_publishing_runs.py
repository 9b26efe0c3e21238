"""Runs that publish: what changed, once, and never something old over something new."""

from __future__ import annotations

import signal
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

import pyarrow.parquet as pq
import pytest

from noojee_ingest.catalogue.apply import apply
from noojee_ingest.catalogue.database import Catalogue
from noojee_ingest.catalogue.dirty import dirty_days
from noojee_ingest.catalogue.errors import CatalogueUnavailable
from noojee_ingest.catalogue.runs import begin_run, last_runs, living_runs
from noojee_ingest.catalogue.views import call_records_of_day, legs_of_day
from noojee_ingest.journal.events import KINDS, Event
from noojee_ingest.journal.lines import MEMBERS
from noojee_ingest.journal.segment import Segment
from noojee_ingest.lake.errors import LakeError
from noojee_ingest.lake.publish import LAKE_ID
from noojee_ingest.lake.schema import CALL_RECORDS, LEGS, TABLES
from noojee_ingest.lake.sql import query
from noojee_ingest.pipeline import publish
from noojee_ingest.pipeline.publish import Publication, publish_by_hand
from noojee_ingest.stopping import Stop
from noojee_ingest.storage.errors import StoreFull
from noojee_ingest.storage.folder import open_folder_store
from tests.functional.lake.conftest import Counting, Lake, in_one_spelling
from tests.functional.pipeline.conftest import NOW, Site, _sound_simulator, site
from tests.unit.journal.story import DAY, NEXT_DAY, SITE, at, call_seen, destroyed, everything, leg_seen, stored

if TYPE_CHECKING:
    from noojee_ingest.storage.root import Root, Stored

__all__ = ["_sound_simulator", "site"]

PERSONAL = {member.name for kind in KINDS for member in MEMBERS[kind] if member.personal}

STORY_DAYS = {(SITE, DAY), (SITE, NEXT_DAY), ("zenith", DAY)}


@pytest.fixture
def opened(tmp_path: Path) -> Iterator[Callable[[str], Catalogue]]:
    """Opens catalogues by name."""
    with ExitStack() as stack:

        def open_one(name: str) -> Catalogue:
            return stack.enter_context(closing(Catalogue.open(f"sqlite:///{tmp_path}/{name}.db")))

        yield open_one


@pytest.fixture
def catalogue(opened: Callable[[str], Catalogue]) -> Catalogue:
    return opened("catalogue")


def tell(catalogue: Catalogue, name: str, *events: Event) -> None:
    apply(catalogue, Segment(name, events))


def by_hand(catalogue: Catalogue, lake: Lake, site: str = SITE, *, root: Any = None, **asked: Any) -> Publication:
    return publish_by_hand(
        catalogue, root or lake.root, site, workspace=lake.workspace, stop=asked.pop("stop", threading.Event()), **asked
    )


def published(lake: Lake, name: str) -> list[dict[str, Any]]:
    with closing(query(lake.files, f"FROM {name}")) as answer:
        return [dict(zip(TABLES[name].schema.names, row, strict=True)) for row in answer]


def in_catalogue(catalogue: Catalogue, days: set[tuple[str, date]], name: str) -> list[dict[str, Any]]:
    rows = {"legs": legs_of_day, "call_records": call_records_of_day}[name]
    return [row for slug, day in days for row in rows(catalogue, slug, day)]


@pytest.mark.parametrize("name", TABLES)
def test_every_value_of_the_catalogue_is_in_the_lake(catalogue: Catalogue, lake: Lake, name: str) -> None:
    tell(catalogue, "story", *everything())
    for slug in (SITE, "zenith"):
        by_hand(catalogue, lake, slug)
    expected = in_catalogue(catalogue, STORY_DAYS, name)
    assert len(expected) > 5
    assert in_one_spelling(TABLES[name], published(lake, name)) == in_one_spelling(TABLES[name], expected)


def test_only_days_that_changed_are_looked_at_and_only_their_objects_written(catalogue: Catalogue, lake: Lake) -> None:
    tell(catalogue, "first", leg_seen(0), leg_seen(2, day=NEXT_DAY), call_seen(0))
    assert by_hand(catalogue, lake).days == 2
    assert sorted(lake.root.put) == [CALL_RECORDS.key(SITE, DAY), LEGS.key(SITE, DAY), LEGS.key(SITE, NEXT_DAY)]
    lake.root.put.clear()
    assert (by_hand(catalogue, lake).days, lake.root.put) == (0, [])
    tell(catalogue, "second", stored(2, day=NEXT_DAY))
    assert (by_hand(catalogue, lake).days, lake.root.put) == (1, [LEGS.key(SITE, NEXT_DAY)])


def test_a_call_learns_of_the_recording_of_a_leg_that_ended_after_midnight(catalogue: Catalogue, lake: Lake) -> None:
    tell(catalogue, "first", leg_seen(0, day=NEXT_DAY), call_seen(0))
    by_hand(catalogue, lake)
    assert [row["archived_legs"] for row in published(lake, "call_records")] == [0]
    tell(catalogue, "second", stored(0, day=NEXT_DAY))
    by_hand(catalogue, lake)
    assert [row["archived_legs"] for row in published(lake, "call_records")] == [1]


def test_everything_and_one_day_can_be_published_though_nothing_changed(catalogue: Catalogue, lake: Lake) -> None:
    tell(catalogue, "first", leg_seen(0), leg_seen(1, day=NEXT_DAY))
    by_hand(catalogue, lake)
    for day in (DAY, NEXT_DAY):
        lake.file(site=SITE, day=day).unlink()
    done = by_hand(catalogue, lake, day=NEXT_DAY)
    assert (done.days, done.objects, lake.file(site=SITE, day=DAY).exists()) == (1, 1, False)
    done = by_hand(catalogue, lake, everything=True)
    assert (done.days, done.objects, lake.file(site=SITE, day=DAY).exists()) == (2, 1, True)


def test_a_day_that_only_the_lake_knows_is_emptied(catalogue: Catalogue, lake: Lake) -> None:
    lake.publish({**in_row(), "leg_id": "0"}, site=SITE, day=date(2020, 1, 1))
    assert by_hand(catalogue, lake, everything=True).objects == 1
    assert published(lake, "legs") == []


def in_row() -> dict[str, Any]:
    return dict.fromkeys(LEGS.schema.names)


# -- several at once, and crashes


class Held(Counting):
    """A lake's root whose first replacing, of ``table`` or of any, waits until it is let go, as a slow upload does."""

    def __init__(self, root: Root, table: str = "") -> None:
        super().__init__(root)
        self._table = table
        self.began, self.go = threading.Event(), threading.Event()

    def replace(self, key: str, body: BinaryIO, **told: Any) -> Stored:
        if key != LAKE_ID and key.startswith(self._table):
            self.began.set()
            assert self.go.wait(30)
        return super().replace(key, body, **told)


@contextmanager
def beside(work: Callable[[], Any]) -> Iterator[threading.Thread]:
    thread = threading.Thread(target=work)
    thread.start()
    try:
        yield thread
    finally:
        thread.join(30)


def test_who_is_overtaken_leaves_the_day_to_be_published_again(catalogue: Catalogue, lake: Lake) -> None:
    tell(catalogue, "first", leg_seen(0))
    slow = Held(lake.root)
    with beside(lambda: by_hand(catalogue, lake, root=slow)):
        assert slow.began.wait(30)
        tell(catalogue, "second", stored(0))
        by_hand(catalogue, lake)  # the newer content, wholly
        assert states(lake) == ["archived"]
        slow.go.set()
    assert states(lake) == ["discovered"]  # the older came later
    assert list(dirty_days(catalogue, SITE)) == [DAY]
    by_hand(catalogue, lake)
    assert (states(lake), dirty_days(catalogue, SITE)) == (["archived"], {})


def states(lake: Lake) -> list[str]:
    found: list[str] = pq.read_table(lake.file(site=SITE, day=DAY), partitioning=None)["state"].to_pylist()
    return found


def test_who_is_overtaken_by_a_run_that_has_ended_before_it_does_leaves_the_day_dirty(
    catalogue: Catalogue, lake: Lake
) -> None:
    tell(catalogue, "first", leg_seen(0), call_seen(0))
    older, newer = Held(lake.root, "legs"), Held(lake.root, "call_records")
    with beside(lambda: by_hand(catalogue, lake, root=older)) as ends_first:
        assert older.began.wait(30)
        tell(catalogue, "second", stored(0))
        with beside(lambda: by_hand(catalogue, lake, root=newer)):
            assert newer.began.wait(30)  # its legs are in the lake
            older.go.set()
            ends_first.join(30)
            newer.go.set()
    assert states(lake) == ["discovered"]
    assert list(dirty_days(catalogue, SITE)) == [DAY]


def test_a_change_that_comes_while_a_day_is_published_keeps_it_dirty(catalogue: Catalogue, lake: Lake) -> None:
    tell(catalogue, "first", leg_seen(0))
    slow = Held(lake.root)
    with beside(lambda: by_hand(catalogue, lake, root=slow)):
        assert slow.began.wait(30)
        tell(catalogue, "second", stored(0))
        slow.go.set()
    assert list(dirty_days(catalogue, SITE)) == [DAY]


def test_a_run_of_another_site_or_one_that_died_keeps_nothing_dirty(
    catalogue: Catalogue, lake: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    begin_run(catalogue, site="zenith", flow="nightly", began=at(0))
    with monkeypatch.context() as dead:
        dead.setattr("noojee_ingest.catalogue.runs.this_process", lambda: DEAD)
        begin_run(catalogue, site=SITE, flow="nightly", began=at(0))
    tell(catalogue, "first", leg_seen(0))
    by_hand(catalogue, lake)
    assert dirty_days(catalogue, SITE) == {}
    assert [run["site"] for run in living_runs(catalogue)] == ["zenith"]


DEAD = {"host": socket.gethostname(), "pid": 2**22 + 1, "started": 1.0}


class Killed(BaseException):
    """The end of a process, as far as a test can make one."""


@pytest.mark.parametrize("place", ["publish_day", "clear_dirty"])
def test_after_a_crash_anywhere_the_next_run_publishes(
    catalogue: Catalogue, lake: Lake, monkeypatch: pytest.MonkeyPatch, place: str
) -> None:
    def dies(*_: Any, **__: Any) -> None:
        raise Killed

    tell(catalogue, "first", leg_seen(0), leg_seen(1, day=NEXT_DAY))
    target = "noojee_ingest.lake.publish.publish_day" if place == "publish_day" else f"{publish.__name__}.clear_dirty"
    with monkeypatch.context() as dying:
        dying.setattr(target, dies)
        with pytest.raises(Killed):
            by_hand(catalogue, lake)
    assert list(dirty_days(catalogue, SITE)) == [DAY, NEXT_DAY]
    assert by_hand(catalogue, lake).days == 2
    assert len(published(lake, "legs")) == 2


def test_a_request_to_stop_leaves_the_rest_dirty(catalogue: Catalogue, lake: Lake) -> None:
    stop = threading.Event()
    stop.set()
    tell(catalogue, "first", leg_seen(0))
    done = by_hand(catalogue, lake, stop=stop)
    assert (done.days, done.left, done.exit_code, lake.root.put) == (0, 1, 130, [])
    assert list(dirty_days(catalogue, SITE)) == [DAY]


def test_a_run_that_was_asked_to_stop_is_noted_as_the_process_ends(catalogue: Catalogue, lake: Lake) -> None:
    stop = Stop()
    stop.signal = signal.SIGTERM
    stop.set()
    tell(catalogue, "first", leg_seen(0))
    by_hand(catalogue, lake, stop=stop)
    assert [run["exit_code"] for run in last_runs(catalogue, SITE)] == [143]


# -- what fails


def failing(lake: Lake, error: Exception, key: str = "") -> Any:
    """The lake's root, but replacing ``key``, or anything, raises ``error``."""

    class Failing(Counting):
        def replace(self, key_: str, body: BinaryIO, **told: Any) -> Stored:
            if key == key_ or (not key and key_ != LAKE_ID):
                raise error
            return super().replace(key_, body, **told)

    return Failing(lake.root)


FULL = StoreFull("replacing", "lake/x", "free space")


def test_a_store_that_fails_ends_publishing_and_all_that_is_left_stays_dirty(catalogue: Catalogue, lake: Lake) -> None:
    tell(catalogue, "first", leg_seen(0), leg_seen(1, day=NEXT_DAY))
    done = by_hand(catalogue, lake, root=failing(lake, FULL))
    assert (done.days, done.left, done.exit_code) == (0, 2, 3)
    assert done.problems == [f"{DAY} is not in the lake as it is now: {FULL}"]
    assert list(dirty_days(catalogue, SITE)) == [DAY, NEXT_DAY]


def test_a_catalogue_that_goes_away_meanwhile_leaves_the_report_of_what_was_done(
    catalogue: Catalogue, lake: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    def gone(*_: Any, **__: Any) -> None:
        raise CatalogueUnavailable("noting", "the server is gone", "Start it.")

    tell(catalogue, "first", leg_seen(0))
    monkeypatch.setattr(publish, "end_run", gone)
    done = by_hand(catalogue, lake)
    assert (done.days, done.exit_code) == (1, 3)
    assert [problem.partition(":")[0] for problem in done.problems] == ["the end of this run is not noted"]


def test_a_day_that_cannot_be_published_keeps_no_other_from_it(catalogue: Catalogue, lake: Lake) -> None:
    tell(catalogue, "first", leg_seen(0), leg_seen(1, day=NEXT_DAY))
    broken = LakeError("a row is odd", about="publishing", hint="Report it.")
    done = by_hand(catalogue, lake, root=failing(lake, broken, LEGS.key(SITE, DAY)))
    assert (done.days, done.left, len(done.problems)) == (1, 1, 1)
    assert list(dirty_days(catalogue, SITE)) == [DAY]


# -- what was personal


@pytest.mark.parametrize("name", TABLES)
def test_what_was_personal_becomes_null_with_the_next_publishing(
    opened: Callable[[str], Catalogue], lake: Lake, name: str
) -> None:
    table = TABLES[name]

    def publish_story(known: str, events: list[Event]) -> list[dict[str, Any]]:
        catalogue = opened(known)
        tell(catalogue, "story", *events)
        for day in (DAY, NEXT_DAY):
            lake.publish(*in_catalogue(catalogue, {(SITE, day)}, name), table=table, site=SITE, day=day)
        return published(lake, name)

    personal = (PERSONAL | {"started", "ended", "raw"}) & set(table.schema.names)
    before = publish_story("whole", everything())
    after = publish_story("destroyed", [destroyed(event) for event in everything()])
    assert {column for row in before for column in personal if row[column]} >= personal - {"did"}
    assert {column for row in after for column in personal if row[column] is not None} == set()
    assert sorted(row[table.row_id] for row in after) == sorted(row[table.row_id] for row in before)


# -- nights and polls


def rows_in_lake(site: Site, name: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    for path in sorted((site.folder / "store" / "lake").glob(f"{name}/site=here/day=*/{name}.parquet")):
        day = date.fromisoformat(path.parent.name.removeprefix("day="))
        found += [{"site": "here", "day": day, **row} for row in pq.ParquetFile(path).read().to_pylist()]
    return found


def test_a_night_and_a_poll_publish_what_they_learnt(site: Site) -> None:
    night = site.night()
    assert (night.exit_code, night.problems) == (0, [])
    assert night.published.objects == len(list((site.folder / "store" / "lake").rglob("*.parquet"))) >= 3
    for name, table in TABLES.items():
        with site.catalogue() as catalogue:
            days = {("here", date.fromisoformat(row["day"])) for row in site.rows("select day from day")}
            expected = in_catalogue(catalogue, days, name)
        assert len(expected) > 10
        assert in_one_spelling(table, rows_in_lake(site, name)) == in_one_spelling(table, expected)
    assert site.rows("select * from dirty_day") == []

    before = site.files()
    again = site.night()
    assert (again.nothing_needed, again.published.objects) == (True, 0)
    assert {name for name, facts in site.files().items() if before.get(name) != facts} == set()

    site.set_clock(NOW.replace(hour=9))
    poll = site.poll()
    assert (poll.exit_code, poll.published.days) == (0, 1)
    assert poll.published.objects >= 1


def test_a_lake_that_cannot_be_written_is_a_problem_of_the_report_and_not_of_the_archive(site: Site) -> None:
    open_folder_store(site.folder / "store")
    (site.folder / "store" / "lake" / "legs").write_text("in the way")
    night = site.night()
    assert set(site.states().values()) == {"archived"}
    assert night.exit_code == 3
    assert [problem.partition(":")[0] for problem in night.problems] == [
        f"{day} is not in the lake as it is now" for day in ("2026-03-10", "2026-03-11")
    ]
    (site.folder / "store" / "lake" / "legs").unlink()
    mended = site.night()
    assert (mended.exit_code, mended.problems, mended.nothing_needed) == (0, [], False)
    assert site.rows("select * from dirty_day") == []
