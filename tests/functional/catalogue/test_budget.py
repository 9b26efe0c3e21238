"""The site budget: turns keep their distance and leases add up, over threads and processes and odd clocks."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from itertools import pairwise

import pytest

from noojee_ingest.catalogue.apply import apply_within
from noojee_ingest.catalogue.budget import Budget, open_budget
from noojee_ingest.catalogue.database import Catalogue
from noojee_ingest.catalogue.location import locate
from noojee_ingest.journal.segment import Segment
from tests.unit.journal.story import leg_seen

SITE, HOUR = "acme", "by-hour"


PassTime = Callable[[float], None]


@pytest.fixture
def budget(address: dict[str, str]) -> Iterator[Budget]:
    with closing(open_budget(**address)) as budget:
        yield budget


# -- turns


def test_the_first_turn_is_at_once_and_each_further_one_an_interval_later(budget: Budget) -> None:
    waits = [budget.take_turn(SITE, HOUR, 10_000.0) for _ in range(4)]
    assert waits[0] == 0.0
    for earlier, later in pairwise(waits):
        assert 0 <= earlier + 10_000.0 - later < 5_000.0


def test_turns_of_another_site_or_kind_are_others(budget: Budget) -> None:
    budget.take_turn(SITE, HOUR, 1_000.0)
    assert budget.take_turn("zenith", HOUR, 1_000.0) == 0.0
    assert budget.take_turn(SITE, "lead", 100.0) == 0.0


def test_after_a_pause_the_turn_is_at_once_and_pauses_are_not_saved_up(budget: Budget, pass_time: PassTime) -> None:
    budget.take_turn(SITE, HOUR, 1_000.0)
    pass_time(5_000.0)
    assert budget.take_turn(SITE, HOUR, 1_000.0) == 0.0
    assert budget.take_turn(SITE, HOUR, 1_000.0) > 500.0


def test_a_turn_outlives_the_process_that_took_it(budget: Budget, address: dict[str, str]) -> None:
    take = "import sys; from noojee_ingest.catalogue.budget import open_budget;"
    take += "print(open_budget(*sys.argv[1:3]).take_turn('acme', 'by-hour', 1000.0))"
    command = [sys.executable, "-c", take, *address.values()]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert float(done.stdout) == 0.0
    assert budget.take_turn(SITE, HOUR, 1_000.0) > 500.0


TAKE = """
import sys, time
from noojee_ingest.catalogue.budget import open_budget
sys.stdin.readline()
budget = open_budget(*sys.argv[1:3])
for _ in range(5):
    wait = budget.take_turn("acme", "by-hour", 1000.0)
    print(time.time() + wait)
"""


def test_turns_keep_their_distance_over_processes_that_open_a_new_budget_at_once(address: dict[str, str]) -> None:
    command = [sys.executable, "-c", TAKE, *address.values()]
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


def test_turns_keep_their_distance_over_threads(budget: Budget) -> None:
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
    budget: Budget, pass_time: PassTime, back: float
) -> None:
    for _ in range(3):
        budget.take_turn(SITE, HOUR, 1_000.0)
    pass_time(-back)
    assert 2_000.0 < budget.take_turn(SITE, HOUR, 1_000.0) <= 3_000.0
    assert 3_000.0 < budget.take_turn(SITE, HOUR, 1_000.0) <= 4_000.0


def test_a_clock_that_was_set_forward_costs_nothing(budget: Budget, pass_time: PassTime) -> None:
    budget.take_turn(SITE, HOUR, 1_000.0)
    pass_time(86_400.0)
    assert budget.take_turn(SITE, HOUR, 1_000.0) == 0.0
    assert budget.take_turn(SITE, HOUR, 1_000.0) > 500.0


# -- leases


def test_leases_of_a_site_add_up_to_what_is_allowed(budget: Budget) -> None:
    assert budget.lease(SITE, "a", wanted=3, allowed=8, seconds=600) == 3
    assert budget.lease(SITE, "b", wanted=4, allowed=8, seconds=600) == 4
    assert budget.lease(SITE, "c", wanted=4, allowed=8, seconds=600) == 1
    assert budget.lease(SITE, "d", wanted=4, allowed=8, seconds=600) == 0
    assert budget.lease("zenith", "e", wanted=4, allowed=8, seconds=600) == 4


def test_a_holder_that_renews_keeps_what_it_has_and_gets_what_became_free(budget: Budget) -> None:
    budget.lease(SITE, "a", wanted=6, allowed=8, seconds=600)
    assert budget.lease(SITE, "b", wanted=6, allowed=8, seconds=600) == 2
    assert budget.lease(SITE, "a", wanted=6, allowed=8, seconds=600) == 6
    assert budget.lease(SITE, "b", wanted=6, allowed=8, seconds=600) == 2
    budget.give_back("a")
    assert budget.lease(SITE, "b", wanted=6, allowed=8, seconds=600) == 6


def test_a_site_that_allows_less_than_is_leased_gives_nothing_more(budget: Budget) -> None:
    budget.lease(SITE, "a", wanted=6, allowed=8, seconds=600)
    assert budget.lease(SITE, "b", wanted=2, allowed=4, seconds=600) == 0
    assert budget.lease(SITE, "a", wanted=6, allowed=4, seconds=600) == 4


def test_the_lease_of_a_holder_that_is_silent_runs_out_and_is_taken_by_another(
    budget: Budget, pass_time: PassTime
) -> None:
    assert budget.lease(SITE, "dead", wanted=8, allowed=8, seconds=600) == 8
    assert budget.lease(SITE, "b", wanted=8, allowed=8, seconds=600) == 0
    pass_time(700)
    assert budget.lease(SITE, "b", wanted=8, allowed=8, seconds=600) == 8
    assert budget.lease(SITE, "dead", wanted=8, allowed=8, seconds=600) == 0


def test_giving_back_what_one_does_not_hold_is_fine(budget: Budget) -> None:
    budget.give_back("nobody")


def test_a_clock_that_was_set_back_does_not_make_the_lease_of_a_dead_holder_last(
    budget: Budget, pass_time: PassTime
) -> None:
    budget.lease(SITE, "dead", wanted=8, allowed=8, seconds=600)
    pass_time(-86_400.0)
    assert budget.lease(SITE, "b", wanted=8, allowed=8, seconds=600) == 0
    pass_time(700)
    assert budget.lease(SITE, "b", wanted=8, allowed=8, seconds=600) == 8


LEASE = """
import sys
from noojee_ingest.catalogue.budget import open_budget
sys.stdin.readline()
print(open_budget(*sys.argv[1:3]).lease("acme", sys.argv[3], wanted=3, allowed=8, seconds=600.0))
"""


def test_leases_add_up_over_processes(address: dict[str, str]) -> None:
    started = [
        subprocess.Popen(
            [sys.executable, "-c", LEASE, *address.values(), str(number)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for number in range(4)
    ]
    got = [int(process.communicate("go\n", timeout=60)[0]) for process in started]
    assert sorted(got) == [0, 2, 3, 3]


def test_the_sites_of_which_anything_is_leased(budget: Budget, pass_time: PassTime) -> None:
    assert budget.leased_sites() == []
    for site, holder in (("zenith", "a"), (SITE, "b"), (SITE, "c")):
        budget.lease(site, holder, wanted=1, allowed=8, seconds=600)
    assert budget.leased_sites() == [SITE, "zenith"]
    budget.give_back("a")
    assert budget.leased_sites() == [SITE]
    pass_time(700)
    assert budget.leased_sites() == []


def test_the_holders_of_a_site(budget: Budget, pass_time: PassTime) -> None:
    for site, holder in (("zenith", "a"), (SITE, "b"), (SITE, "c")):
        budget.lease(site, holder, wanted=1, allowed=8, seconds=600)
    assert sorted(budget.holders(SITE)) == ["b", "c"]
    assert budget.holders("acm_") == []
    pass_time(700)
    assert budget.holders(SITE) == []


def test_neither_an_apply_nor_a_rebuild_holds_up_the_budget(
    budget: Budget, address: dict[str, str], opened: Callable[..., Catalogue]
) -> None:
    catalogue = opened()
    with catalogue.write("applying") as connection:
        apply_within(connection, [Segment("journal/a", (leg_seen(1),))])
        assert budget.take_turn(SITE, HOUR, 1.0) == 0.0
    catalogue.close()
    with closing(locate(**address).hold()) as rebuild:
        assert rebuild.alone(seconds=0)
        assert budget.lease(SITE, "a", wanted=3, allowed=8, seconds=600) == 3
