"""The site budget: turns keep their distance and leases add up, over threads and processes and odd clocks."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
import threading
from contextlib import closing
from itertools import pairwise
from pathlib import Path

import pytest

from noojee_ingest.catalogue.budget import BudgetFile
from noojee_ingest.catalogue.errors import CatalogueLocked, CatalogueUnavailable

SITE, HOUR = "acme", "by-hour"


@pytest.fixture
def budget(tmp_path: Path) -> BudgetFile:
    return BudgetFile(tmp_path / "deep" / "budget.sqlite")


def pass_time(budget: BudgetFile, seconds: float) -> None:
    """As if all that is in the file had been written so long ago; less than nothing is a clock that was set back."""
    with closing(sqlite3.connect(budget.path)) as file:
        file.execute("UPDATE turn SET taken = taken - ?1, next = next - ?1", (seconds,))
        file.execute("UPDATE lease SET taken = taken - ?1, expires = expires - ?1", (seconds,))
        file.commit()


# -- turns


def test_the_first_turn_is_at_once_and_each_further_one_an_interval_later(budget: BudgetFile) -> None:
    waits = [budget.take_turn(SITE, HOUR, 10_000.0) for _ in range(4)]
    assert waits[0] == 0.0
    for earlier, later in pairwise(waits):
        assert 0 <= earlier + 10_000.0 - later < 5_000.0


def test_turns_of_another_site_or_kind_are_others(budget: BudgetFile) -> None:
    budget.take_turn(SITE, HOUR, 1_000.0)
    assert budget.take_turn("zenith", HOUR, 1_000.0) == 0.0
    assert budget.take_turn(SITE, "lead", 100.0) == 0.0


def test_after_a_pause_the_turn_is_at_once_and_pauses_are_not_saved_up(budget: BudgetFile) -> None:
    budget.take_turn(SITE, HOUR, 1_000.0)
    pass_time(budget, 5_000.0)
    assert budget.take_turn(SITE, HOUR, 1_000.0) == 0.0
    assert budget.take_turn(SITE, HOUR, 1_000.0) > 500.0


def test_a_turn_outlives_the_process_that_took_it(budget: BudgetFile) -> None:
    take = "import sys; from pathlib import Path; from noojee_ingest.catalogue.budget import BudgetFile;"
    take += "print(BudgetFile(Path(sys.argv[1])).take_turn('acme', 'by-hour', 1000.0))"
    done = subprocess.run([sys.executable, "-c", take, str(budget.path)], capture_output=True, text=True, check=True)
    assert float(done.stdout) == 0.0
    assert budget.take_turn(SITE, HOUR, 1_000.0) > 500.0


TAKE = """
import sys, time
from pathlib import Path
from noojee_ingest.catalogue.budget import BudgetFile
sys.stdin.readline()
budget = BudgetFile(Path(sys.argv[1]))
for _ in range(5):
    wait = budget.take_turn("acme", "by-hour", 1000.0)
    print(time.time() + wait)
"""


def test_turns_keep_their_distance_over_processes_that_open_a_new_file_at_once(tmp_path: Path) -> None:
    command = [sys.executable, "-c", TAKE, str(tmp_path / "budget.sqlite")]
    started = [
        subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        for _ in range(4)
    ]
    said = [process.communicate("go\n", timeout=120) for process in started]
    assert [error for _, error in said] == [""] * 4
    instants = sorted(float(line) for out, _ in said for line in out.split())
    assert len(instants) == 20
    # The instants are made in another process's clock, a moment after the turn was taken.
    assert all(later - earlier > 500.0 for earlier, later in pairwise(instants))


def test_turns_keep_their_distance_over_threads(budget: BudgetFile) -> None:
    waits: list[float] = []

    def take() -> None:
        for _ in range(5):
            waits.append(budget.take_turn(SITE, HOUR, 1_000.0))

    threads = [threading.Thread(target=take) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    waits.sort()
    assert len(waits) == 20
    assert all(later - earlier > 500.0 for earlier, later in pairwise(waits))


@pytest.mark.parametrize("back", [3_600.0, 86_400.0 * 365])
def test_a_clock_that_was_set_back_costs_no_more_than_what_was_waited_for_anyway(
    budget: BudgetFile, back: float
) -> None:
    for _ in range(3):
        budget.take_turn(SITE, HOUR, 1_000.0)
    pass_time(budget, -back)
    assert 2_000.0 < budget.take_turn(SITE, HOUR, 1_000.0) <= 3_000.0
    assert 3_000.0 < budget.take_turn(SITE, HOUR, 1_000.0) <= 4_000.0


def test_a_clock_that_was_set_forward_costs_nothing(budget: BudgetFile) -> None:
    budget.take_turn(SITE, HOUR, 1_000.0)
    pass_time(budget, 86_400.0)
    assert budget.take_turn(SITE, HOUR, 1_000.0) == 0.0
    assert budget.take_turn(SITE, HOUR, 1_000.0) > 500.0


# -- leases


def test_leases_of_a_site_add_up_to_what_is_allowed(budget: BudgetFile) -> None:
    assert budget.lease(SITE, "a", wanted=3, allowed=8, seconds=600) == 3
    assert budget.lease(SITE, "b", wanted=4, allowed=8, seconds=600) == 4
    assert budget.lease(SITE, "c", wanted=4, allowed=8, seconds=600) == 1
    assert budget.lease(SITE, "d", wanted=4, allowed=8, seconds=600) == 0
    assert budget.lease("zenith", "e", wanted=4, allowed=8, seconds=600) == 4


def test_a_holder_that_renews_keeps_what_it_has_and_gets_what_became_free(budget: BudgetFile) -> None:
    budget.lease(SITE, "a", wanted=6, allowed=8, seconds=600)
    assert budget.lease(SITE, "b", wanted=6, allowed=8, seconds=600) == 2
    assert budget.lease(SITE, "a", wanted=6, allowed=8, seconds=600) == 6
    assert budget.lease(SITE, "b", wanted=6, allowed=8, seconds=600) == 2
    budget.give_back("a")
    assert budget.lease(SITE, "b", wanted=6, allowed=8, seconds=600) == 6


def test_a_site_that_allows_less_than_is_leased_gives_nothing_more(budget: BudgetFile) -> None:
    budget.lease(SITE, "a", wanted=6, allowed=8, seconds=600)
    assert budget.lease(SITE, "b", wanted=2, allowed=4, seconds=600) == 0
    assert budget.lease(SITE, "a", wanted=6, allowed=4, seconds=600) == 4


def test_the_lease_of_a_holder_that_is_silent_runs_out_and_is_taken_by_another(budget: BudgetFile) -> None:
    assert budget.lease(SITE, "dead", wanted=8, allowed=8, seconds=600) == 8
    assert budget.lease(SITE, "b", wanted=8, allowed=8, seconds=600) == 0
    pass_time(budget, 700)
    assert budget.lease(SITE, "b", wanted=8, allowed=8, seconds=600) == 8
    assert budget.lease(SITE, "dead", wanted=8, allowed=8, seconds=600) == 0


def test_giving_back_what_one_does_not_hold_is_fine(budget: BudgetFile) -> None:
    budget.give_back("nobody")


def test_a_clock_that_was_set_back_does_not_make_the_lease_of_a_dead_holder_last(budget: BudgetFile) -> None:
    budget.lease(SITE, "dead", wanted=8, allowed=8, seconds=600)
    pass_time(budget, -86_400.0)
    assert budget.lease(SITE, "b", wanted=8, allowed=8, seconds=600) == 0
    pass_time(budget, 700)
    assert budget.lease(SITE, "b", wanted=8, allowed=8, seconds=600) == 8


LEASE = """
import sys
from pathlib import Path
from noojee_ingest.catalogue.budget import BudgetFile
sys.stdin.readline()
print(BudgetFile(Path(sys.argv[1])).lease("acme", sys.argv[2], wanted=3, allowed=8, seconds=600.0))
"""


def test_leases_add_up_over_processes(tmp_path: Path) -> None:
    started = [
        subprocess.Popen(
            [sys.executable, "-c", LEASE, str(tmp_path / "budget.sqlite"), str(number)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for number in range(4)
    ]
    got = [int(process.communicate("go\n", timeout=60)[0]) for process in started]
    assert sorted(got) == [0, 2, 3, 3]


# -- the file


def test_a_lost_file_costs_no_more_than_one_early_request(budget: BudgetFile) -> None:
    budget.take_turn(SITE, HOUR, 1_000.0)
    budget.path.unlink()
    again = BudgetFile(budget.path)
    assert again.take_turn(SITE, HOUR, 1_000.0) == 0.0
    assert again.take_turn(SITE, HOUR, 1_000.0) > 60.0


def test_a_file_that_is_no_database_is_told_with_its_name_and_what_to_do(tmp_path: Path) -> None:
    path = tmp_path / "budget.sqlite"
    path.write_bytes(b"not a database, but long enough to be looked at")
    with pytest.raises(CatalogueUnavailable, match=r"opening in the site budget .*budget\.sqlite.*may be deleted"):
        BudgetFile(path)


def test_a_folder_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    (tmp_path / "data").write_text("")
    with pytest.raises(CatalogueUnavailable, match="site budget"):
        BudgetFile(tmp_path / "data" / "budget.sqlite")


def test_a_file_that_another_program_holds_is_told_as_locked(
    monkeypatch: pytest.MonkeyPatch, budget: BudgetFile
) -> None:
    connect = sqlite3.connect
    monkeypatch.setattr(sqlite3, "connect", lambda path, **kept: connect(path, **kept | {"timeout": 0.1}))
    with closing(connect(budget.path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(CatalogueLocked, match="taking a turn in the site budget"):
            budget.take_turn(SITE, HOUR, 1.0)
    assert budget.take_turn(SITE, HOUR, 1.0) == 0.0
