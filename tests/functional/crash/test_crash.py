"""The short form of ``make crash-test``, into folders; and that it notices what it is there for."""

from __future__ import annotations

import gzip
import os
import signal
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, fields
from pathlib import Path

import pytest

from noojee_ingest.simulator import RunningSimulator, start
from tests.crash.campaign import SCENARIO, TWO, TWO_STILL, Archive, Campaign, Crashed, Row, Tally
from tests.crash.places import KEY, Open, folders
from tests.crash.runs import Runs, holds_still, started

SEED, KILLS = 5, 16


@dataclass
class Field:
    """Where archives are made and killed."""

    new: Open
    simulator: RunningSimulator
    runs: Runs

    def archive(self, mutant: str = "") -> Archive:
        return Archive(self.new(self.simulator.url), self.simulator, self.runs, Tally(), mutant=mutant)


@pytest.fixture(scope="module")
def ground(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Field]:
    with ExitStack() as stack:
        folder: Path = tmp_path_factory.mktemp("crash")
        runs = stack.enter_context(started(folder))
        new = stack.enter_context(folders(folder))
        yield Field(new, stack.enter_context(start(SCENARIO, KEY)), runs)


def test_killed_anywhere_nothing_is_lost_doubled_falsely_archived_or_fetched_again(ground: Field) -> None:
    tally = Tally()
    Campaign(ground.new, ground.simulator, ground.runs, tally, seed=SEED).run(KILLS)
    assert tally.told == []
    assert tally.is_right
    assert tally.kills >= KILLS
    assert sum(row.reruns for row in tally.rows.values()) >= KILLS / 3


@pytest.fixture(scope="module")
def first_with_audio(ground: Field) -> int:
    """The number of the segment, in the order in which a first night puts them, that is the first to tell of audio."""
    archive = ground.archive()
    archive.begin_night("undisturbed")
    archive.ordinary("undisturbed")
    paths = sorted(archive.place.folder.rglob("*.jsonl.gz"), key=lambda path: path.stat().st_mtime_ns)
    return 1 + next(number for number, path in enumerate(paths) if b"ingestion" in gzip.decompress(path.read_bytes()))


BROKEN = [
    ("some_forgotten", "a segment is applied", "lost"),
    ("keys_by_chance", "audio is stored", "doubled"),
    ("journal_before_audio", "a segment is applied", "false"),
    ("nothing_held_back", "a segment is applied", "false"),
    ("nothing_adopted", "audio is stored", "refetched"),
    ("nothing_applied_late", "a segment is put", "index"),
    ("nothing_swept", "half of a file is written", "left"),
]
"""Which mutant, killed where, must show in which column."""


@pytest.mark.parametrize(("mutant", "point", "column"), BROKEN, ids=[mutant for mutant, *_ in BROKEN])
def test_a_program_that_is_broken_is_found_out(
    ground: Field, first_with_audio: int, mutant: str, point: str, column: str
) -> None:
    nth = first_with_audio if point.startswith("a segment") else 5
    tallies = {}
    for broken in ("", mutant):
        archive = ground.archive(broken)
        archive.begin_night(point)
        assert archive.killed(ground.runs.run(**archive.order(point=point, nth=nth)), point)
        archive.ordinary(point)
        archive.close()
        tallies[broken] = archive.tally
    assert tallies[""].told == []
    assert getattr(tallies[mutant].row("folder", point), column) > 0
    assert not tallies[mutant].is_right


def test_each_column_is_shown_to_be_able_to_tell() -> None:
    told = {field.name for field in fields(Row)} - {"kills", "reruns"}
    assert {column for _, _, column in BROKEN} == told


def test_a_first_segment_that_was_not_announced_is_found_out(ground: Field) -> None:
    archive = ground.archive("nothing_announced")
    archive.begin_night("first")
    assert archive.killed(ground.runs.run(**archive.order(point="a segment is put", nth=1)), "first")
    with pytest.raises(Crashed):
        archive.ordinary("first")


@pytest.mark.parametrize("mutant", ["", "all_swept"])
def test_what_a_living_run_is_writing_is_left_alone(ground: Field, mutant: str) -> None:
    archive = ground.archive(mutant)
    archive.begin_night(TWO_STILL)
    archive.account(TWO_STILL, next_runs=2)
    order = archive.order(point="half of a file is written", nth=9, hold=True)
    still = ground.runs.begin(**order)
    assert holds_still(still)
    writing = archive.place.temporary_files()
    assert writing
    other = ground.runs.run(**archive.order(day=archive.day.isoformat()))
    assert other.code == 0
    assert (writing <= archive.place.temporary_files()) is (mutant == "")
    os.kill(still, signal.SIGCONT if mutant == "" else signal.SIGKILL)
    assert ground.runs.end(still).code == (0 if mutant == "" else -signal.SIGKILL)
    if not mutant:
        archive.twice.add(archive.day.isoformat())
        archive.ordinary(TWO_STILL)
        archive.close()
        assert archive.tally.told == []


def test_two_runs_of_one_night_that_nobody_kills_archive_it_once(ground: Field) -> None:
    archive = ground.archive()
    archive.begin_night(TWO)
    archive.twice.add(archive.day.isoformat())
    archive.account(TWO, next_runs=2)
    both = [ground.runs.begin(**archive.order(day=day)) for day in ("", archive.day.isoformat())]
    assert [ground.runs.end(pid).code for pid in both] == [0, 0]
    archive.ordinary(TWO)
    archive.close()
    assert archive.tally.told == []


@pytest.mark.parametrize("point", ["requests are leased", "a turn is taken, in SQLite", "audio is in the spool"])
def test_who_dies_holding_the_budget_leaves_it_to_the_next(ground: Field, point: str) -> None:
    archive = ground.archive()
    archive.begin_night(point)
    assert archive.killed(ground.runs.run(**archive.order(point=point, nth=1)), point)
    assert [told for told in archive.place.left_over() if told.startswith("lease of")]
    archive.ordinary(point)
    archive.close()
    assert archive.tally.told == []
