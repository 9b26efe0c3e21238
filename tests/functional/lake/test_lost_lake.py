"""A lake that is lost, wholly or in part, or is another one for a while: what runs next makes it whole."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from datetime import date
from pathlib import Path

import pytest

from noojee_ingest.catalogue.database import Catalogue
from noojee_ingest.catalogue.dirty import dirty_days
from noojee_ingest.catalogue.rebuild import rebuild
from noojee_ingest.journal.segment import put, segments
from noojee_ingest.lake.publish import LAKE_ID, lake_id
from noojee_ingest.lake.schema import CALL_RECORDS, LEGS, TABLES
from noojee_ingest.storage.errors import StoreUnavailable
from noojee_ingest.storage.folder import open_folder_store
from tests.functional.lake.conftest import Counting, Lake, in_one_spelling, row
from tests.functional.lake.test_publishing_runs import (
    by_hand,
    catalogue,
    in_catalogue,
    opened,
    published,
    rows_in_lake,
    states,
    tell,
)
from tests.functional.pipeline.conftest import NOW, Site, _sound_simulator, site
from tests.unit.journal.story import DAY, NEXT_DAY, SITE, at, call_seen, leg_seen, stored

__all__ = ["_sound_simulator", "catalogue", "opened", "site"]

KEYS = [CALL_RECORDS.key(SITE, DAY), LEGS.key(SITE, DAY), LEGS.key(SITE, NEXT_DAY)]


def whole(site: Site) -> bool:
    """Whether the lake says what the catalogue knows."""
    with site.catalogue() as known:
        days = {("here", date.fromisoformat(row["day"])) for row in site.rows("select day from day")}
        return all(
            in_one_spelling(table, rows_in_lake(site, name))
            == in_one_spelling(table, in_catalogue(known, days, name))
            != []
            for name, table in TABLES.items()
        )


@pytest.mark.parametrize("flow", ["night", "poll"])
@pytest.mark.parametrize("lost", ["lake", "lake/legs", "lake/legs/site=here/day=2026-03-10/legs.parquet"])
def test_a_night_or_a_poll_writes_anew_what_is_gone(site: Site, flow: str, lost: str) -> None:
    site.night()
    gone = site.folder / "store" / lost
    (shutil.rmtree if gone.is_dir() else Path.unlink)(gone)
    site.set_clock(NOW.replace(hour=9))
    report = site.night() if flow == "night" else site.poll()
    assert (report.exit_code, report.problems) == (0, [])
    assert whole(site)


def test_one_object_that_is_gone_is_written_anew_and_no_other(catalogue: Catalogue, lake: Lake) -> None:
    tell(catalogue, "first", leg_seen(0), leg_seen(2, day=NEXT_DAY), call_seen(0))
    by_hand(catalogue, lake)
    for key in KEYS:
        (lake.path / key).unlink()
        lake.root.put.clear()
        assert (by_hand(catalogue, lake).days, lake.root.put) == (1, [key])
    assert by_hand(catalogue, lake).days == 0


def test_a_table_without_rows_of_a_day_is_not_missed(catalogue: Catalogue, lake: Lake) -> None:
    """The day after has a leg and no call record: each poll would read it again."""
    tell(catalogue, "first", leg_seen(2, day=NEXT_DAY))
    by_hand(catalogue, lake)
    assert (by_hand(catalogue, lake).days, lake.root.put) == (0, [LEGS.key(SITE, NEXT_DAY)])


def another(lake: Lake, folder: Path) -> Lake:
    (folder / "work").mkdir(parents=True)
    return Lake(folder / "store" / "lake", folder / "work", Counting(open_folder_store(folder / "store").lake))


@pytest.mark.parametrize("runs", [1, 2])
@pytest.mark.parametrize("in_use", [False, True])
def test_the_right_lake_put_back_gets_what_changed_meanwhile(
    *, catalogue: Catalogue, lake: Lake, tmp_path: Path, runs: int, in_use: bool
) -> None:
    """Though the runs between found the other one whole at their end, and took every mark away."""
    tell(catalogue, "first", leg_seen(0), leg_seen(2, day=NEXT_DAY), call_seen(0))
    by_hand(catalogue, lake)
    wrong = another(lake, tmp_path / "wrong")
    if in_use:
        lake_id(wrong.root)
        wrong.publish(row(), site="elsewhere")
    tell(catalogue, "second", stored(0))
    for _ in range(runs):
        by_hand(catalogue, wrong)
    assert (states(wrong), dirty_days(catalogue, SITE)) == (["archived"], {})
    assert states(lake) == ["discovered"]
    lake.root.put.clear()
    done = by_hand(catalogue, lake)
    assert (done.days, sorted(lake.root.put)) == (2, KEYS[:2])  # the other is as it should be
    assert states(lake) == ["archived"]
    assert by_hand(catalogue, lake).days == 0


def test_a_run_that_dies_in_another_lake_leaves_every_day_to_the_next(
    catalogue: Catalogue, lake: Lake, tmp_path: Path
) -> None:
    tell(catalogue, "first", leg_seen(0), leg_seen(2, day=NEXT_DAY))
    by_hand(catalogue, lake)
    wrong = another(lake, tmp_path / "wrong")
    wrong.root.replace = _fails_for_days(wrong.root.replace)
    assert by_hand(catalogue, wrong).left == 2
    assert list(dirty_days(catalogue, SITE)) == [DAY, NEXT_DAY]


def _fails_for_days(replace):  # type: ignore[no-untyped-def]
    def fails(key, body, **told):  # type: ignore[no-untyped-def]
        if key != LAKE_ID:
            raise StoreUnavailable("replacing", f"lake/{key}", "gone")
        return replace(key, body, **told)

    return fails


def test_a_day_that_only_the_lake_has_is_emptied_after_a_rebuild(
    *, opened: Callable[[str], Catalogue], catalogue: Catalogue, lake: Lake, tmp_path: Path
) -> None:
    """A leg's day turned out to be an earlier one, and the catalogue was made anew before that was published."""
    on_the_later_day, on_the_earlier = leg_seen(0, day=NEXT_DAY), leg_seen(0, "B", time=at(-5))
    tell(catalogue, "first", on_the_later_day)
    by_hand(catalogue, lake)
    tell(catalogue, "second", on_the_earlier)
    archive = open_folder_store(tmp_path / "archived").archive
    for one in segments(SITE, [on_the_later_day, on_the_earlier], at(0)):
        put(archive, one)
    rebuild(archive, f"sqlite:///{tmp_path}/rebuilt.db")
    rebuilt = opened("rebuilt")
    assert [row["day"] for row in published(lake, "legs")] == [NEXT_DAY]
    assert by_hand(rebuilt, lake).days == 2
    assert [row["day"] for row in published(lake, "legs")] == [DAY]
    lake.root.put.clear()
    assert (by_hand(rebuilt, lake).days, lake.root.put, dirty_days(rebuilt, SITE)) == (0, [], {})


def test_a_lake_keeps_its_id_and_what_is_no_id_is_replaced(lake: Lake) -> None:
    first = lake_id(lake.root)
    assert lake_id(open_folder_store(lake.path.parent).lake) == first
    (lake.path / LAKE_ID).unlink()
    (lake.path / LAKE_ID).write_text("damaged")
    second = lake_id(lake.root)
    assert second not in (first, "damaged")
    assert lake_id(lake.root) == second


def test_a_lake_that_cannot_be_looked_at_is_a_problem_of_the_report(site: Site) -> None:
    site.night()
    id_ = site.folder / "store" / "lake" / LAKE_ID
    id_.unlink()
    id_.mkdir()
    (id_ / "x").touch()
    night = site.night()
    assert (night.exit_code, [problem.partition(":")[0] for problem in night.problems]) == (
        3,
        ["the lake is not published"],
    )


def test_what_is_published_can_be_asked_all_the_same(catalogue: Catalogue, lake: Lake) -> None:
    tell(catalogue, "first", leg_seen(0))
    by_hand(catalogue, lake)
    assert (lake.path / LAKE_ID).exists()
    assert len(published(lake, "legs")) == 1
