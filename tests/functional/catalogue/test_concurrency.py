"""Several that apply at once, and some that die while they do."""

from __future__ import annotations

import pickle
import random
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from noojee_ingest.catalogue.apply import apply
from noojee_ingest.catalogue.database import Catalogue
from noojee_ingest.catalogue.errors import CatalogueError
from noojee_ingest.catalogue.queries import segments_applied
from noojee_ingest.catalogue.runs import drop_open_segments, is_alive, open_segment, open_segments
from noojee_ingest.catalogue.tables import DayRow, LegRow
from noojee_ingest.journal import segment
from noojee_ingest.journal.segment import Segment
from noojee_ingest.storage.errors import NotFound
from noojee_ingest.storage.folder import open_folder_store
from noojee_ingest.storage.root import Root
from tests.functional.catalogue.recount import contents, recounted, rows
from tests.unit.journal.story import everything, leg_seen

Opened = Callable[..., Catalogue]
AddressOf = Callable[[str], dict[str, str]]


def story(into: int) -> list[Segment]:
    dealer = random.Random(into)
    parts: list[list[object]] = [[] for _ in range(into)]
    for event in everything():
        dealer.choice(parts).append(event)
    return [Segment(f"journal/cut/{number:03}.jsonl.gz", tuple(part)) for number, part in enumerate(parts)]


def test_two_threads_that_apply_the_same_segments_give_what_one_gives(opened: Opened) -> None:
    segments, shared, alone = story(20), opened("shared"), opened("alone")
    applied: list[bool] = []
    failures: list[CatalogueError] = []
    begin = threading.Barrier(2)

    def work(order: list[Segment]) -> None:
        begin.wait()
        try:
            applied.extend([apply(shared, one) for one in order])
        except CatalogueError as error:
            failures.append(error)

    threads = [threading.Thread(target=work, args=[order]) for order in (segments, segments[::-1])]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for one in segments:
        apply(alone, one)
    assert failures == []
    assert sum(applied) == len(segments)
    assert contents(shared) == contents(alone)


APPLY = """
import pickle, random, sys
from noojee_ingest.catalogue.apply import apply
from noojee_ingest.catalogue.database import Catalogue
url, schema, segments, seed = *sys.argv[1:3], pickle.load(open(sys.argv[3], "rb")), int(sys.argv[4])
random.Random(seed).shuffle(segments)
sys.stdin.readline()
catalogue = Catalogue.open(url, schema=schema)
print(sum(apply(catalogue, one) for one in segments))
catalogue.close()
"""


def test_three_processes_that_apply_the_same_segments_to_a_new_catalogue_give_what_one_gives(
    tmp_path: Path, opened: Opened, address_of: AddressOf
) -> None:
    segments = story(20)
    (tmp_path / "segments").write_bytes(pickle.dumps(segments))
    command = [sys.executable, "-c", APPLY, *address_of("shared").values(), str(tmp_path / "segments")]
    started = [
        subprocess.Popen(
            [*command, str(seed)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        for seed in range(3)
    ]
    said = [process.communicate("go\n", timeout=120) for process in started]
    assert [error for _, error in said] == ["", "", ""]
    assert sum(int(number) for number, _ in said) == len(segments)
    alone = opened("alone")
    for one in segments:
        apply(alone, one)
    assert contents(opened("shared")) == contents(alone)


# -- killed between one step and the next

RECORD = """
import os, signal, sys
from datetime import UTC, datetime
from pathlib import Path
from noojee_ingest.catalogue.apply import apply, apply_within
from noojee_ingest.catalogue.database import Catalogue
from noojee_ingest.catalogue.runs import open_segment
from noojee_ingest.journal.segment import put, segments
from noojee_ingest.storage.folder import open_folder_store
from tests.unit.journal.story import SITE, everything

def die(here):
    if here == sys.argv[4]:
        os.kill(os.getpid(), signal.SIGKILL)

folder = Path(sys.argv[1])
root, catalogue = open_folder_store(folder / "store").archive, Catalogue.open(sys.argv[2], schema=sys.argv[3])
events = [event for event in everything() if event.site == SITE]
for one in segments(SITE, events, datetime.now(UTC)):
    open_segment(catalogue, one.key)
    die("announced")
    put(root, one)
    die("put")
    with catalogue.write("applying") as connection:
        apply_within(connection, [one])
        die("applying")
    die("applied")
"""


def recovered(catalogue: Catalogue, root: Root) -> None:
    """What the next run does with the segments that were announced."""
    for row in open_segments(catalogue):
        assert not is_alive(catalogue, row)
        try:
            apply(catalogue, segment.read(root, row["key"]))
        except NotFound:
            drop_open_segments(catalogue, [row["key"]])


@pytest.mark.parametrize(
    ("where", "left"), [("announced", (1, 0, 0)), ("put", (1, 0, 1)), ("applying", (1, 0, 1)), ("applied", (0, 1, 1))]
)
def test_a_segment_that_was_put_is_applied_later_wherever_its_writer_was_killed(
    tmp_path: Path, opened: Opened, address: dict[str, str], where: str, left: tuple[int, int, int]
) -> None:
    """``left``: how many segments are announced, were applied before the recovery, and are applied after it."""
    announced, before, after = left
    done = subprocess.run([sys.executable, "-c", RECORD, str(tmp_path), *address.values(), where], check=False)
    assert done.returncode == -signal.SIGKILL
    catalogue, root = opened(), open_folder_store(tmp_path / "store").archive
    keys = list(segment.keys(root))
    assert len(open_segments(catalogue)) == announced
    assert len(segments_applied(catalogue, keys)) == before
    recovered(catalogue, root)
    assert open_segments(catalogue) == []
    assert len(segments_applied(catalogue, keys)) == after
    assert (rows(catalogue, LegRow) != []) is bool(after)
    assert rows(catalogue, DayRow) == recounted(catalogue)


def test_a_segment_announced_and_applied_by_another_is_no_longer_announced(opened: Opened) -> None:
    writer, other = opened(), opened()
    open_segment(writer, "journal/a")
    apply(other, Segment("journal/a", (leg_seen(1),)))
    assert open_segments(writer) == []
    assert apply(writer, Segment("journal/a", (leg_seen(1),))) is False
