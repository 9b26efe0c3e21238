"""Who is at work, and how their runs ended."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable

import psutil
import pytest

from noojee_ingest.catalogue.database import Catalogue
from noojee_ingest.catalogue.errors import CatalogueError
from noojee_ingest.catalogue.processes import this_process
from noojee_ingest.catalogue.runs import (
    begin_run,
    drop_open_segments,
    end_run,
    first_run,
    is_alive,
    last_runs,
    living_runs,
    open_segment,
    open_segments,
)
from noojee_ingest.catalogue.tables import RunRow, table
from tests.functional.catalogue.at_work import at_work
from tests.unit.journal.story import at

RUN = table(RunRow)


def test_a_run_is_alive_until_it_ends(catalogue: Catalogue) -> None:
    run_id = begin_run(catalogue, site="acme", flow="nightly", began=at(0))
    (row,) = living_runs(catalogue)
    assert (row["run_id"], row["pid"], row["flow"], row["began"], row["ended"]) == (
        run_id,
        os.getpid(),
        "nightly",
        at(0),
        None,
    )
    end_run(catalogue, run_id, ended=at(5), exit_code=3, summary="gaps")
    assert living_runs(catalogue) == []
    (row,) = last_runs(catalogue, "acme")
    assert (row["ended"], row["exit_code"], row["summary"]) == (at(5), 3, "gaps")


@pytest.mark.parametrize("host", ["", "a-container-of-last-week"])
def test_a_run_and_an_announcement_of_another_process_live_as_long_as_it_does(
    catalogue: Catalogue, address: dict[str, str], host: str
) -> None:
    """A container has another host name each time."""
    with at_work(address, host) as process:
        (run,), (announced,) = living_runs(catalogue), open_segments(catalogue)
        assert run["pid"] == announced["pid"] == process.pid
        assert is_alive(catalogue, announced)
        process.send_signal(signal.SIGKILL)
        process.wait()
        until = time.monotonic() + 10  # a server needs a moment to notice
        while is_alive(catalogue, announced) and time.monotonic() < until:
            time.sleep(0.01)
        assert not is_alive(catalogue, announced)
        assert living_runs(catalogue) == []
        assert len(last_runs(catalogue, "acme")) == 1


def test_another_process_of_the_same_number_is_not_the_run(catalogue: Catalogue) -> None:
    begin_run(catalogue, site="acme", flow="nightly", began=at(0))
    with catalogue.write("ageing it") as connection:
        connection.execute(RUN.update().values(started=RUN.c.started - 3600))
    assert living_runs(catalogue) == []


def test_the_latest_runs_of_a_site_come_latest_first(catalogue: Catalogue) -> None:
    for minute in (3, 1, 2, 5, 4):
        begin_run(catalogue, site="acme", flow="nightly", began=at(minute))
    begin_run(catalogue, site="zenith", flow="nightly", began=at(9))
    assert [row["began"] for row in last_runs(catalogue, "acme", most=3)] == [at(5), at(4), at(3)]


def test_this_process_is_told_by_its_number_and_its_start() -> None:
    own = this_process()
    assert own["pid"] == os.getpid()
    assert own["started"] == pytest.approx(psutil.Process().create_time())


def test_a_clock_that_is_set_makes_no_other_process_of_this_one(
    catalogue: Catalogue, monkeypatch: pytest.MonkeyPatch
) -> None:
    begin_run(catalogue, site="acme", flow="nightly", began=at(0))
    own, started = this_process(), psutil.Process().create_time()
    monkeypatch.setattr(psutil.Process, "create_time", lambda _: started + 3600)
    assert this_process() == own
    assert len(living_runs(catalogue)) == 1


def test_the_living_runs_of_one_site(catalogue: Catalogue) -> None:
    for site in ("acme", "zenith"):
        begin_run(catalogue, site=site, flow="nightly", began=at(0))
    assert [run["site"] for run in living_runs(catalogue, "zenith")] == ["zenith"]
    assert {run["site"] for run in living_runs(catalogue)} == {"acme", "zenith"}


def test_segments_are_announced_by_key_and_forgotten_by_key(catalogue: Catalogue) -> None:
    for name in ("c", "a", "b"):
        open_segment(catalogue, name)
    assert [row["key"] for row in open_segments(catalogue)] == ["a", "b", "c"]
    drop_open_segments(catalogue, ["a", "c", "never announced"])
    assert [row["key"] for row in open_segments(catalogue)] == ["b"]


def test_a_segment_is_announced_once(catalogue: Catalogue) -> None:
    open_segment(catalogue, "a")
    with pytest.raises(CatalogueError, match="announcing journal segment a"):
        open_segment(catalogue, "a")


def test_a_process_lives_while_it_has_the_catalogue_open_at_all(opened: Callable[..., Catalogue]) -> None:
    one, other, third = opened(), opened(), opened()
    open_segment(one, "a")
    one.close()
    other.close()
    assert is_alive(third, open_segments(third)[0])


def test_the_first_run_of_a_flow_and_the_latest_of_one_are_told_apart_from_others(catalogue: Catalogue) -> None:
    assert first_run(catalogue, "acme", "nightly") is None
    for minute, flow, site in (
        (4, "nightly", "acme"),
        (3, "poll", "acme"),
        (5, "nightly", "acme"),
        (1, "nightly", "b"),
    ):
        begin_run(catalogue, site=site, flow=flow, began=at(minute))
    assert first_run(catalogue, "acme", "nightly") == at(4)
    assert [row["began"] for row in last_runs(catalogue, "acme", flow="poll")] == [at(3)]
