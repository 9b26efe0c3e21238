"""A PostgreSQL that goes away, and others that stand in the way: nothing is half applied, and the next run goes on."""

from __future__ import annotations

import select
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import closing
from typing import Any

import pytest

from noojee_ingest.catalogue import apply as module
from noojee_ingest.catalogue.apply import apply, apply_within
from noojee_ingest.catalogue.budget import open_budget
from noojee_ingest.catalogue.database import Catalogue
from noojee_ingest.catalogue.dialects import lock_sites
from noojee_ingest.catalogue.errors import CatalogueLocked, CatalogueUnavailable, Collided
from noojee_ingest.catalogue.location import locate
from noojee_ingest.catalogue.runs import is_alive, living_runs, open_segment, open_segments
from noojee_ingest.catalogue.tables import DayRow, FindingRow, LegRow, SegmentRow
from noojee_ingest.journal.events import Event
from noojee_ingest.journal.segment import Segment
from tests.functional.catalogue.at_work import at_work
from tests.functional.catalogue.recount import contents, recounted, rows
from tests.functional.catalogue.refusals import refused
from tests.integration.postgres_server import PostgresServer, running
from tests.unit.journal.story import SITE, at, call_seen, everything, leg_seen, not_stored, stored

Opened = Callable[..., Catalogue]
STORY = Segment("journal/story.jsonl.gz", tuple(everything()))


@pytest.fixture(scope="module")
def own_server() -> Iterator[PostgresServer]:
    """One that a test may stop and start."""
    with running() as server:
        yield server


# -- gone


def test_a_restart_between_two_batches_costs_nothing(own_server: PostgresServer, postgres_schema: str) -> None:
    with (
        closing(Catalogue.open(own_server.url(), schema=postgres_schema)) as catalogue,
        closing(open_budget(own_server.url(), schema=postgres_schema)) as budget,
    ):
        apply(catalogue, Segment("journal/a", (leg_seen(1),)))
        budget.lease(SITE, "us", wanted=3, allowed=8, seconds=600)
        own_server.restart()
        assert len(rows(catalogue, LegRow)) == 1
        open_segment(catalogue, "journal/b")
        assert is_alive(catalogue, open_segments(catalogue)[0])
        apply(catalogue, Segment("journal/b", (leg_seen(2),)))
        assert budget.lease(SITE, "others", wanted=8, allowed=8, seconds=600) == 5
        with closing(locate(own_server.url(), postgres_schema).hold()) as rebuild:
            assert not rebuild.alone(seconds=0)
    with closing(Catalogue.open(own_server.url(), schema=postgres_schema)) as catalogue:
        assert len(rows(catalogue, LegRow)) == 2


def test_a_restart_makes_nobody_dead_to_others_of_its_host(own_server: PostgresServer, postgres_schema: str) -> None:
    address = {"url": own_server.url(), "schema": postgres_schema}
    with at_work(address) as process:
        own_server.restart()
        with closing(Catalogue.open(**address)) as catalogue:
            (run,) = living_runs(catalogue)
            assert run["pid"] == process.pid
            process.kill()
            process.wait()
            assert living_runs(catalogue) == []


def test_who_lost_the_catalogue_by_a_restart_does_not_write_into_one_that_is_being_replaced(
    own_server: PostgresServer, postgres_schema: str
) -> None:
    location = locate(own_server.url(), postgres_schema)
    with closing(Catalogue.open(own_server.url(), schema=postgres_schema, busy_seconds=0.2)) as catalogue:
        own_server.restart()
        with closing(location.hold()) as rebuild:
            assert rebuild.alone(seconds=0)
            assert "it is being rebuilt" in refused(CatalogueLocked, lambda: apply(catalogue, STORY))
        assert apply(catalogue, STORY)


def test_a_server_that_is_down_is_told_as_such_and_the_same_catalogue_goes_on_later(
    own_server: PostgresServer, postgres_schema: str
) -> None:
    with closing(Catalogue.open(own_server.url(), schema=postgres_schema)) as catalogue:
        own_server.stop()
        try:
            said = refused(CatalogueUnavailable, lambda: apply(catalogue, STORY))
            assert "Check that the server runs" in said
            refused(CatalogueUnavailable, lambda: rows(catalogue, LegRow))
        finally:
            own_server.start()
        assert rows(catalogue, SegmentRow) == []
        assert apply(catalogue, STORY)


def test_a_connection_that_is_cut_in_mid_batch_leaves_nothing_of_it(
    postgres_server: PostgresServer, opened: Opened, monkeypatch: pytest.MonkeyPatch
) -> None:
    catalogue, whole = opened(), opened("whole")
    open_segment(catalogue, STORY.key)
    save = module.Sums.save

    def cut(sums: Any, connection: Any) -> None:
        with postgres_server.connect() as other:
            ours = connection.connection.driver_connection.info.backend_pid
            other.execute("SELECT pg_terminate_backend(%s, 5000)", [ours])
        save(sums, connection)

    with monkeypatch.context() as patch:
        patch.setattr(module.Sums, "save", cut)
        said = refused(CatalogueUnavailable, lambda: apply(catalogue, STORY))
        assert "applying journal segment journal/story.jsonl.gz" in said
    assert not any(contents(catalogue).values())
    assert [row["key"] for row in open_segments(catalogue)] == [STORY.key]
    assert apply(catalogue, STORY)
    apply(whole, STORY)
    assert contents(catalogue) == contents(whole)


def test_a_server_that_ends_idle_sessions_does_not_end_our_hold(
    own_server: PostgresServer, postgres_schema: str
) -> None:
    with own_server.connect() as owner:
        owner.execute("ALTER DATABASE archive_tests SET idle_session_timeout TO '200ms'")
        try:
            with closing(Catalogue.open(own_server.url(), schema=postgres_schema)):
                with own_server.connect() as idler:
                    assert select.select([idler.fileno()], [], [], 30)[0]  # that one was ended
                with closing(locate(own_server.url(), postgres_schema).hold()) as rebuild:
                    assert not rebuild.alone(seconds=0)
        finally:
            owner.execute("ALTER DATABASE archive_tests RESET idle_session_timeout")


# -- many rows at once

MANY = Segment("journal/many", tuple(leg_seen(number) for number in range(100)))
"""So many rows go by COPY."""


def test_a_table_that_is_locked_while_many_rows_are_copied_is_told_as_locked(
    postgres_server: PostgresServer, opened: Opened, address: dict[str, str]
) -> None:
    catalogue = opened(busy_seconds=0.2)
    with postgres_server.connect() as other, other.transaction():
        other.execute(f"LOCK TABLE {address['schema']}.leg_seen IN SHARE MODE")
        assert "journal/many" in refused(CatalogueLocked, lambda: apply(catalogue, MANY))
    assert apply(catalogue, MANY)


def test_a_row_that_is_refused_is_in_no_message_and_no_traceback(
    postgres_server: PostgresServer, opened: Opened, address: dict[str, str]
) -> None:
    catalogue = opened()
    with postgres_server.connect() as owner:
        owner.execute(f"ALTER TABLE {address['schema']}.leg_seen ADD CONSTRAINT nobody CHECK (destination IS NULL)")
        for segment in (MANY, Segment("journal/one", (leg_seen(1),))):
            with pytest.raises(CatalogueUnavailable) as raised:
                apply(catalogue, segment)
            told = "".join(traceback.format_exception(raised.value))
            assert 'violates check constraint "nobody"' in told
            assert "0412345678" not in told


# -- others at the same time


def together(*works: Callable[[], object]) -> list[object]:
    """What each gives, or the error it ends with; all begin at once."""
    begin, given = threading.Barrier(len(works)), [None] * len(works)

    def run(number: int, work: Callable[[], Any]) -> None:
        begin.wait()
        try:
            given[number] = work()
        except Exception as error:
            given[number] = error  # type: ignore[call-overload]

    threads = [threading.Thread(target=run, args=one) for one in enumerate(works)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return list(given)


OVERLAPPING: dict[str, tuple[list[Event], list[Event]]] = {
    "the same leg, new to both": ([leg_seen(1)], [leg_seen(1, "B", time=at(1)), not_stored(1)]),
    "the same audio of two legs": (
        [leg_seen(1, start=at(1)), stored(1, "same")],
        [leg_seen(2, start=at(1)), stored(2, "same")],
    ),
    "a call and its leg": ([call_seen(1)], [leg_seen(2)]),
    "two legs of a day": ([leg_seen(1), stored(1)], [leg_seen(2), stored(2, "two")]),
    "the whole story": (everything(), everything()),
}


@pytest.mark.parametrize("name", OVERLAPPING)
@pytest.mark.parametrize("locked", [True, False], ids=["locked", "not locked"])
def test_two_transactions_that_meet_give_what_one_after_the_other_gives_because_of_the_lock(
    opened: Opened, monkeypatch: pytest.MonkeyPatch, name: str, locked: bool
) -> None:
    """Both have applied before either commits, if they can: without the lock they would not see each other's rows."""
    first, second = (Segment(f"journal/{key}", tuple(part)) for key, part in zip("ab", OVERLAPPING[name], strict=True))
    shared, alone = opened(busy_seconds=3.0), opened("alone")
    if not locked:
        monkeypatch.setattr(module, "lock_sites", lambda connection, sites: None)
    applied = threading.Barrier(2)

    def work(segment: Segment) -> None:
        with shared.write(f"applying {segment.key}") as connection:
            apply_within(connection, [segment])
            try:
                applied.wait(1.0)
            except threading.BrokenBarrierError:
                time.sleep(0)  # the other one waits for our commit

    errors = [one for one in together(lambda: work(first), lambda: work(second)) if one is not None]
    apply(alone, first)
    apply(alone, second)
    same = errors == [] and contents(shared) == contents(alone) and rows(shared, DayRow) == recounted(shared)
    assert same is locked


def test_sites_do_not_wait_for_each_other(opened: Opened) -> None:
    catalogue = opened(busy_seconds=0.5)
    with catalogue.write("holding on") as connection:
        apply_within(connection, [Segment("journal/a", (leg_seen(1),))])
        apply(catalogue, Segment("journal/b", (leg_seen(1, site="zenith"),)))
    assert {row["site"] for row in rows(catalogue, LegRow)} == {SITE, "zenith"}


@pytest.mark.parametrize("table", ["day", "leg_seen"], ids=["a few rows", "rows that are copied"])
def test_a_deadlock_with_another_program_is_tried_again(
    postgres_server: PostgresServer, opened: Opened, address: dict[str, str], table: str
) -> None:
    catalogue = opened()
    apply(catalogue, Segment("journal/a", (leg_seen(1),)))
    waiting = "SELECT count(*) FROM pg_locks WHERE NOT granted AND relation = to_regclass(%s)"
    with postgres_server.connect() as other, postgres_server.connect() as watcher:
        other.execute(f"SET search_path TO {address['schema']}")
        other.execute("SET deadlock_timeout TO '1h'")
        given: list[object] = []
        with other.transaction():
            other.execute(f"LOCK TABLE {table} IN EXCLUSIVE MODE")
            ours = threading.Thread(target=lambda: given.extend(together(lambda: apply(catalogue, MANY))))
            ours.start()
            while watcher.execute(waiting, [f"{address['schema']}.{table}"]).fetchone() == (0,):
                time.sleep(0.01)
            lock = "SELECT pg_advisory_xact_lock(hashtextextended(current_schema() || ' applies to ' || %s, 0))"
            other.execute(lock, [SITE])
        ours.join()
    assert given == [True]
    assert len(rows(catalogue, LegRow)) == 100


def test_a_transaction_that_collides_again_and_again_is_told_as_such(
    opened: Opened, monkeypatch: pytest.MonkeyPatch
) -> None:
    catalogue, tries = opened(), []

    def collide(*_: object) -> None:
        tries.append(1)
        raise Collided("applying", "deadlock detected", "Run again.")

    monkeypatch.setattr(module, "apply_within", collide)
    refused(Collided, lambda: apply(catalogue, STORY))
    assert len(tries) == module.TRIES
    assert rows(catalogue, FindingRow) == []


def test_the_locks_of_a_transaction_end_with_it(opened: Opened) -> None:
    one, other = opened(), opened(busy_seconds=0.2)
    with one.write("locking") as connection:
        lock_sites(connection, [SITE])
        with pytest.raises(CatalogueLocked):
            apply(other, STORY)
    assert apply(other, STORY)
