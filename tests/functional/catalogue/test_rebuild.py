"""A new catalogue from the store alone."""

from __future__ import annotations

import gzip
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import inspect

from noojee_ingest.catalogue import rebuild as module
from noojee_ingest.catalogue.apply import apply
from noojee_ingest.catalogue.database import FOLDING, Catalogue
from noojee_ingest.catalogue.errors import CatalogueLocked, CatalogueUnavailable
from noojee_ingest.catalogue.location import locate
from noojee_ingest.catalogue.rebuild import rebuild
from noojee_ingest.catalogue.runs import begin_run, last_runs, open_segment, open_segments
from noojee_ingest.catalogue.tables import REVISION, LegRow, RevisionRow, table
from noojee_ingest.catalogue.upgrade import upgrade
from noojee_ingest.journal import segment
from noojee_ingest.journal.errors import DamagedSegment, SegmentsGone, UnknownVersion
from noojee_ingest.journal.lines import write_line
from noojee_ingest.journal.segment import Segment, put
from noojee_ingest.storage.errors import StoreFailure
from noojee_ingest.storage.folder import open_folder_store
from noojee_ingest.storage.root import Root
from tests.functional.catalogue.at_work import at_work
from tests.functional.catalogue.plans import read_whole, statements
from tests.functional.catalogue.recount import contents, rows
from tests.functional.catalogue.refusals import refused
from tests.functional.catalogue.written import archived, spoil, write_story
from tests.unit.journal.story import at, everything, leg_seen

Opened = Callable[..., Catalogue]
AddressOf = Callable[[str], dict[str, str]]
Beside = Callable[[], list[str]]


def test_the_lost_catalogue_comes_back_row_by_row(address: dict[str, str], opened: Opened, archive: Root) -> None:
    catalogue = opened()
    segments = archived(archive, catalogue)
    before = contents(catalogue)
    catalogue.close()
    locate(**address).remove()
    told: list[int] = []
    assert rebuild(archive, **address, progress=told.append) == len(segments)
    assert told[-1] == len(segments)
    assert contents(opened()) == before


def test_a_catalogue_that_is_there_is_replaced_by_an_equal_one(
    address: dict[str, str], opened: Opened, archive: Root
) -> None:
    catalogue = opened()
    archived(archive, catalogue)
    before = contents(catalogue)
    catalogue.close()
    rebuild(archive, **address)
    assert contents(opened()) == before


def test_what_was_put_and_not_applied_is_in_it_and_what_is_volatile_is_not(
    address: dict[str, str], opened: Opened, archive: Root
) -> None:
    catalogue = opened()
    begin_run(catalogue, site="acme", flow="nightly", began=at(0))
    (late,) = segment.segments("acme", [leg_seen(1)], at(0))
    open_segment(catalogue, late.key)
    put(archive, late)
    catalogue.close()
    assert rebuild(archive, **address) == 1
    again = opened()
    assert len(rows(again, LegRow)) == 1
    assert (open_segments(again), last_runs(again, "acme")) == ([], [])


def test_an_empty_store_gives_an_empty_catalogue(address: dict[str, str], opened: Opened, archive: Root) -> None:
    assert rebuild(archive, **address) == 0
    assert not any(contents(opened()).values())


def test_what_is_beside_the_segments_is_no_segment(address: dict[str, str], archive: Root, tmp_path: Path) -> None:
    segments = write_story(archive)
    (tmp_path / "store/archive/journal/README.txt").write_text("hello")
    assert rebuild(archive, **address) == len(segments)


@pytest.mark.parametrize("at_once", [1, 700, 1_000_000])
def test_how_much_is_applied_at_once_makes_no_difference(
    monkeypatch: pytest.MonkeyPatch, address_of: AddressOf, opened: Opened, archive: Root, at_once: int
) -> None:
    archived(archive, opened("night-by-night"))
    monkeypatch.setattr(module, "AT_ONCE", at_once)
    monkeypatch.setattr(module, "MOST_AT_ONCE", at_once)
    rebuild(archive, **address_of("rebuilt"))
    assert contents(opened("rebuilt")) == contents(opened("night-by-night"))


# -- failing


NEWER = gzip.compress(write_line(leg_seen(1)).replace('"v":1', '"v":2').encode() + b"\n")


@pytest.mark.parametrize(
    ("spoilt", "error"), [(b"", DamagedSegment), (b"\x1f\x8b cut", DamagedSegment), (NEWER, UnknownVersion)]
)
def test_the_old_catalogue_stays_when_a_segment_cannot_be_read(
    *,
    address: dict[str, str],
    beside: Beside,
    tmp_path: Path,
    opened: Opened,
    archive: Root,
    spoilt: bytes,
    error: type[Exception],
) -> None:
    catalogue = opened()
    archived(archive, catalogue)
    before = contents(catalogue)
    catalogue.close()
    key = spoil(archive, tmp_path, spoilt)
    with pytest.raises(error, match=key):
        rebuild(archive, **address)
    assert contents(opened()) == before
    assert beside() == []


class Failing:
    """A store that fails in the middle of a listing."""

    def __init__(self, root: Root) -> None:
        self._root = root

    def list(self, prefix: str) -> Iterator[Any]:
        yield next(iter(self._root.list(prefix)))
        raise StoreFailure("listing", prefix, "look at the disk")

    def __getattr__(self, name: str) -> Any:
        return getattr(self._root, name)


def test_a_store_that_fails_in_between_leaves_the_old_catalogue(
    address: dict[str, str], opened: Opened, archive: Root
) -> None:
    catalogue = opened()
    archived(archive, catalogue)
    before = contents(catalogue)
    catalogue.close()
    with pytest.raises(StoreFailure):
        rebuild(Failing(archive), **address)  # type: ignore[arg-type]
    assert contents(opened()) == before


def test_a_rebuild_that_was_killed_leaves_the_old_catalogue_and_the_next_one_succeeds(
    tmp_path: Path, address: dict[str, str], beside: Beside, opened: Opened, archive: Root
) -> None:
    catalogue = opened()
    archived(archive, catalogue)
    before = contents(catalogue)
    catalogue.close()
    killed = """
import os, signal, sys
from pathlib import Path
from noojee_ingest.catalogue import rebuild
from noojee_ingest.storage.folder import open_folder_store
rebuild.AT_ONCE = rebuild.MOST_AT_ONCE = 1
root = open_folder_store(Path(sys.argv[1]) / "store").archive
die = lambda number: number >= 5 and os.kill(os.getpid(), signal.SIGKILL)
rebuild.rebuild(root, sys.argv[2], schema=sys.argv[3], progress=die)
"""
    done = subprocess.run([sys.executable, "-c", killed, str(tmp_path), *address.values()], check=False)
    assert done.returncode == -signal.SIGKILL
    assert len(beside()) == 1
    catalogue = opened()
    assert contents(catalogue) == before
    catalogue.close()
    rebuild(archive, **address)
    assert contents(opened()) == before
    assert beside() == []


# -- others at work


def test_it_refuses_while_a_run_is_alive_and_names_it(address: dict[str, str], opened: Opened, archive: Root) -> None:
    catalogue = opened()
    archived(archive, catalogue)
    begin_run(catalogue, site="acme", flow="nightly", began=at(0))
    before = contents(catalogue)
    with pytest.raises(CatalogueLocked, match=rf"in use by nightly of acme \(process {os.getpid()}\)"):
        rebuild(archive, **address)
    assert contents(catalogue) == before


def test_it_refuses_while_a_run_of_another_process_is_alive_and_not_when_it_was_killed(
    address: dict[str, str], opened: Opened, archive: Root
) -> None:
    write_story(archive)
    with at_work(address) as process:
        with pytest.raises(CatalogueLocked, match=rf"poll-call-records of acme \(process {process.pid}\)"):
            rebuild(archive, **address)
        process.kill()
        process.wait()
        rebuild(archive, **address)
    assert len(rows(opened(), LegRow)) > 0


def test_a_run_of_a_host_that_is_gone_does_not_stand_in_the_way_for_ever(
    address: dict[str, str], opened: Opened, archive: Root
) -> None:
    """A container has another host name each time: its runs would count as alive until the end of days."""
    catalogue = opened()
    begin_run(catalogue, site="acme", flow="nightly", began=at(0))
    with catalogue.write("moving house") as connection:
        connection.exec_driver_sql("UPDATE run SET host = 'a-container-of-last-week'")
    catalogue.close()
    assert rebuild(archive, **address) == 0


def test_two_rebuilds_at_once_are_one(address: dict[str, str], opened: Opened, archive: Root) -> None:
    write_story(archive)
    second: list[Exception] = []

    def meanwhile(_: int) -> None:
        if not second:
            with pytest.raises(CatalogueLocked) as raised:
                rebuild(archive, **address)
            second.append(raised.value)

    rebuild(archive, **address, progress=meanwhile)
    assert "another program" in str(second[0])
    assert len(rows(opened(), LegRow)) > 0


def test_what_a_run_records_while_it_goes_on_is_in_it(
    monkeypatch: pytest.MonkeyPatch, address: dict[str, str], opened: Opened, archive: Root
) -> None:
    """A run that begins and ends during a rebuild is alive neither before nor after it."""
    monkeypatch.setattr(module, "AT_ONCE", 1)
    write_story(archive)
    recorded: list[str] = []

    def meanwhile(_: int) -> None:
        if not recorded:
            (one,) = segment.segments("acme", [leg_seen(99)], at(0))
            with closing(Catalogue.open(**address)) as catalogue:
                put(archive, one)
                apply(catalogue, one)
            recorded.append(one.key)

    rebuild(archive, **address, progress=meanwhile)
    assert recorded[0] in {row["key"] for row in contents(opened())["segment"]}
    assert leg_seen(99).leg_id in {row["leg_id"] for row in rows(opened(), LegRow)}


def test_the_old_catalogue_can_be_read_while_it_goes_on_but_nobody_may_have_it_open_at_the_end(
    monkeypatch: pytest.MonkeyPatch, address: dict[str, str], opened: Opened, archive: Root
) -> None:
    catalogue = opened()
    archived(archive, catalogue)
    before = contents(catalogue)
    catalogue.close()
    monkeypatch.setattr(module, "BUSY_SECONDS", 0.1)
    monkeypatch.setattr(module, "PATIENCE_SECONDS", 0.2)
    readers: list[Catalogue] = []
    with pytest.raises(CatalogueLocked, match="in use by another program"):
        rebuild(archive, **address, progress=lambda _: readers.append(opened()))
    assert contents(readers[0]) == before


def test_at_the_end_it_waits_for_a_run_that_has_begun_meanwhile_and_says_so(
    monkeypatch: pytest.MonkeyPatch, address: dict[str, str], opened: Opened, archive: Root
) -> None:
    monkeypatch.setattr(module, "BUSY_SECONDS", 0.1)
    segments = write_story(archive)
    (late,) = segment.segments("acme", [leg_seen(99)], at(0))
    runs: list[Catalogue] = []
    told: list[str] = []

    def meanwhile(_: int) -> None:
        if not runs:
            runs.append(opened())
            begin_run(runs[0], site="acme", flow="nightly", began=at(0))

    def waiting(users: str) -> None:
        told.append(users)
        if len(told) == 2:
            put(archive, late)
            runs[0].close()

    assert rebuild(archive, **address, progress=meanwhile, waiting=waiting) == len(segments) + 1
    assert told == [f"nightly of acme (process {os.getpid()})"] * 2
    assert leg_seen(99).leg_id in {row["leg_id"] for row in rows(opened(), LegRow)}


def test_a_database_of_something_else_is_refused_and_left_alone(address: dict[str, str], archive: Root) -> None:
    write_story(archive)
    place = locate(**address)
    with closing(Catalogue(place)) as other, other.write("making it") as connection:
        place.make_room(connection)
        connection.exec_driver_sql("CREATE TABLE payroll (name text)")
    for make in (rebuild, upgrade):
        assert "of something else" in refused(CatalogueUnavailable, lambda make=make: make(archive, **address))  # type: ignore[misc]
    assert place.tables_there() == {"payroll"}


def test_who_opens_it_during_the_last_step_waits_and_finds_the_new_one(
    monkeypatch: pytest.MonkeyPatch, address: dict[str, str], opened: Opened, archive: Root
) -> None:
    write_story(archive)
    found: list[int] = []

    def read() -> None:
        with closing(Catalogue.open(**address)) as catalogue:
            found.append(len(rows(catalogue, LegRow)))

    reader = threading.Thread(target=read)
    kind = type(locate(**address))
    give_way_to = kind.give_way_to

    def slowly(location: Any, successor: Any) -> None:
        reader.start()
        reader.join(0.3)
        assert found == []
        give_way_to(location, successor)

    monkeypatch.setattr(kind, "give_way_to", slowly)
    rebuild(archive, **address)
    reader.join()
    assert found == [len(rows(opened(), LegRow))]
    assert found[0] > 0


def test_a_catalogue_of_another_revision_is_replaced(address: dict[str, str], opened: Opened, archive: Root) -> None:
    write_story(archive)
    catalogue = opened()
    with catalogue.write("changing the revision") as connection:
        connection.execute(table(RevisionRow).update().values(revision=REVISION + 7))
    catalogue.close()
    rebuild(archive, **address)
    assert rows(opened(), RevisionRow) == [{"revision": REVISION}]


def test_a_store_that_lacks_what_the_old_catalogue_knows_is_not_the_one_and_the_old_catalogue_stays(
    tmp_path: Path, address: dict[str, str], opened: Opened, archive: Root
) -> None:
    """An empty folder where a mount failed would else make an empty catalogue of a full archive."""
    catalogue = opened()
    segments = archived(archive, catalogue)
    before = contents(catalogue)
    catalogue.close()
    with pytest.raises(SegmentsGone, match=f"lacks {len(segments)} journal segments"):
        rebuild(open_folder_store(tmp_path / "another").archive, **address)
    gone = segments[3].key
    (tmp_path / "store/archive" / gone).unlink()
    with pytest.raises(SegmentsGone, match=f"lacks 1 journal segments .*{gone}.*mounted"):
        rebuild(archive, **address)
    assert contents(opened()) == before


def test_the_lock_is_let_go_when_it_fails(tmp_path: Path, address: dict[str, str], archive: Root) -> None:
    write_story(archive)
    spoil(archive, tmp_path)
    with pytest.raises(DamagedSegment):
        rebuild(archive, **address)
    with closing(locate(**address).hold()) as hold:
        assert hold.alone(seconds=0)


def test_without_the_indexes_that_a_rebuild_makes_at_its_end_applying_reads_no_table_from_end_to_end(
    address: dict[str, str],
) -> None:
    with closing(Catalogue.unfinished(locate(**address).beside())) as catalogue:
        catalogue.index_for_applying()
        apply(catalogue, Segment("journal/a", tuple(everything())))
        more = [replace(event, event_id=event.event_id[::-1], time=at(500)) for event in everything()]
        with statements(catalogue) as sent:
            apply(catalogue, Segment("journal/b", tuple(more)))
        assert len(sent) > 20
        assert read_whole(catalogue, sent) == []


def test_the_new_catalogue_has_every_index_that_a_catalogue_has(
    address_of: AddressOf, opened: Opened, archive: Root
) -> None:
    write_story(archive)
    rebuild(archive, **address_of("rebuilt"))
    found = []
    for one in (opened("rebuilt"), opened("made")):
        with one.read("looking at the indexes") as connection:
            look, schema = inspect(connection), one.location.schema
            tables = look.get_table_names(schema=schema)
            found.append(
                {name: sorted(index["name"] for index in look.get_indexes(name, schema=schema)) for name in tables}
            )
    assert found[0] == found[1]
    assert {name for names in found[0].values() for name in names} > FOLDING
