"""Opening a catalogue, and what is said when that, reading or writing does not work."""

from __future__ import annotations

import subprocess
import sys
import threading
import traceback
from collections.abc import Callable
from contextlib import closing

import pytest
from sqlalchemy import select, text

from noojee_ingest.catalogue import errors
from noojee_ingest.catalogue.apply import apply, apply_within
from noojee_ingest.catalogue.database import Catalogue
from noojee_ingest.catalogue.errors import CatalogueError, CatalogueLocked, WrongRevision
from noojee_ingest.catalogue.location import locate
from noojee_ingest.catalogue.tables import REVISION, DayRow, LegRow, RevisionRow, SegmentRow, table
from noojee_ingest.journal.segment import Segment
from tests.functional.catalogue.recount import contents, recounted, rows
from tests.functional.catalogue.refusals import refused
from tests.unit.journal.story import everything, leg_seen

Opened = Callable[..., Catalogue]
AddressOf = Callable[[str], dict[str, str]]
STORY = Segment("journal/story.jsonl.gz", tuple(everything()))


# -- opening


def test_what_was_applied_is_there_when_it_is_opened_again(opened: Opened) -> None:
    first = opened()
    apply(first, STORY)
    before = contents(first)
    first.close()
    assert contents(opened()) == before


OPEN = """
import sys
from noojee_ingest.catalogue.database import Catalogue
sys.stdin.readline()
catalogue = Catalogue.open(sys.argv[1], schema=sys.argv[2])
catalogue.close()
print("opened")
"""


@pytest.mark.parametrize("attempt", range(2))
def test_processes_that_open_a_new_catalogue_at_once_all_succeed(
    address: dict[str, str], opened: Opened, attempt: int
) -> None:
    command = [sys.executable, "-c", OPEN, *address.values()]
    started = [
        subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        for _ in range(4)
    ]
    for process in started:
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()
    assert [process.communicate(timeout=60) for process in started] == [("opened\n", "")] * 4
    assert rows(opened(), RevisionRow) == [{"revision": REVISION}]


def test_threads_that_open_a_new_catalogue_at_once_all_succeed(address_of: AddressOf) -> None:
    for attempt in range(5):
        failures: list[Exception] = []
        barrier = threading.Barrier(4)

        def open_one(name: str, barrier: threading.Barrier = barrier, failures: list[Exception] = failures) -> None:
            barrier.wait()
            try:
                Catalogue.open(**address_of(name)).close()
            except CatalogueError as error:
                failures.append(error)

        threads = [threading.Thread(target=open_one, args=[f"catalogue-{attempt}"]) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert failures == []


def test_a_catalogue_of_another_revision_is_refused_and_the_message_names_the_verb(opened: Opened) -> None:
    catalogue = opened()
    with catalogue.write("changing the revision") as connection:
        connection.execute(table(RevisionRow).update().values(revision=REVISION + 1))
    catalogue.close()
    said = refused(WrongRevision, opened)
    assert "`noojee-ingest catalogue upgrade`" in said
    assert f"revision {REVISION + 1}" in said


def test_a_catalogue_that_lost_its_revision_is_refused(opened: Opened) -> None:
    catalogue = opened()
    with catalogue.write("forgetting the revision") as connection:
        connection.execute(table(RevisionRow).delete())
    catalogue.close()
    refused(WrongRevision, opened)


def test_a_reader_sees_all_of_a_segment_or_nothing(opened: Opened) -> None:
    writer, reader = opened(), opened()
    with reader.read("looking") as before:
        assert before.execute(select(table(LegRow))).all() == []
        apply(writer, STORY)
        assert before.execute(select(table(LegRow))).all() == []
    assert len(rows(reader, LegRow)) == len(rows(writer, LegRow)) > 0


def test_two_that_apply_to_one_site_take_turns(opened: Opened) -> None:
    one, other = opened(), opened()
    entered, done = threading.Event(), []

    def write() -> None:
        entered.set()
        apply(other, Segment("journal/b", (leg_seen(2),)))
        done.append("other")

    thread = threading.Thread(target=write)
    with one.write("holding on") as connection:
        apply_within(connection, [Segment("journal/a", (leg_seen(1),))])
        thread.start()
        entered.wait()
        thread.join(0.3)
        assert done == []
    thread.join()
    assert [row["key"] for row in rows(one, SegmentRow)] == ["journal/a", "journal/b"]
    assert rows(one, DayRow) == recounted(one)


def test_a_catalogue_that_is_being_put_in_place_is_locked(address: dict[str, str], opened: Opened) -> None:
    with closing(locate(**address).hold()) as rebuild:
        assert rebuild.alone(seconds=0)
        said = refused(CatalogueLocked, lambda: opened(busy_seconds=0.1))
        assert "it is being rebuilt" in said
    opened()


def test_the_catalogue_is_in_use_until_the_last_one_closes_it(address: dict[str, str], opened: Opened) -> None:
    one, other = opened(), opened()
    with closing(locate(**address).hold()) as rebuild:
        assert not rebuild.alone(seconds=0)
        one.close()
        assert not rebuild.alone(seconds=0)
        other.close()
        other.close()
        assert rebuild.alone(seconds=10)  # a server needs a moment to notice
        assert rebuild.together(seconds=0)


def test_who_cannot_hold_it_alone_does_not_let_go_of_what_it_holds(address: dict[str, str]) -> None:
    """Else a second rebuild could begin while the first one waits at its end."""
    with closing(locate(**address).hold()) as rebuild, closing(locate(**address).hold()) as reader:
        assert rebuild.together(seconds=0)
        assert reader.together(seconds=0)
        assert not rebuild.alone(seconds=0)
        assert not reader.alone(seconds=0)
        reader.close()
        assert rebuild.alone(seconds=10)


def test_no_error_shows_what_people_said_or_dialled(catalogue: Catalogue) -> None:
    """A traceback goes into logs and into Prefect's database."""
    with catalogue.write("spoiling it") as connection:
        connection.exec_driver_sql("CREATE UNIQUE INDEX spoilt ON leg_seen (destination)")
    for legs in (2, 100):  # on PostgreSQL many rows go another way
        with pytest.raises(CatalogueError) as raised:
            apply(catalogue, Segment("journal/a", tuple(leg_seen(number) for number in range(legs))))
        told = "".join(traceback.format_exception(raised.value))
        assert "0412345678" not in told
        assert "jane" not in told
        assert "upsert" in told  # where it was


def test_a_defect_of_ours_is_told_as_such(catalogue: Catalogue) -> None:
    def ask() -> None:
        with catalogue.read("asking nonsense") as connection:
            connection.execute(select(table(LegRow)).where(text(":never_given = 1")))

    assert "asking nonsense" in refused(CatalogueError, ask)


def test_what_is_no_error_of_the_database_passes_unchanged(catalogue: Catalogue) -> None:
    with pytest.raises(KeyError), catalogue.read("looking") as connection:
        {}[connection]


# -- the tree of errors


def test_the_drawn_tree_shows_every_error() -> None:
    drawn = [line for line in (errors.__doc__ or "").splitlines() if line.startswith("    ")]
    kinds = [kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, Exception)]
    assert [line.strip(" │├└─").split()[0] for line in drawn] == [kind.__name__ for kind in kinds]
