"""A catalogue of another version becomes one of this version."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from noojee_ingest.catalogue.budget import open_budget
from noojee_ingest.catalogue.database import Catalogue
from noojee_ingest.catalogue.errors import CatalogueLocked, WrongRevision
from noojee_ingest.catalogue.location import locate
from noojee_ingest.catalogue.runs import begin_run
from noojee_ingest.catalogue.tables import REVISION, RevisionRow, RunRow, table
from noojee_ingest.catalogue.upgrade import upgrade
from noojee_ingest.catalogue.views import VIEWS
from noojee_ingest.journal import segment
from noojee_ingest.journal.errors import SegmentsGone
from noojee_ingest.storage.folder import open_folder_store
from noojee_ingest.storage.root import Root
from tests.functional.catalogue.at_work import at_work
from tests.functional.catalogue.recount import contents, rows
from tests.functional.catalogue.refusals import refused
from tests.functional.catalogue.written import archived
from tests.unit.journal.story import at

Opened = Callable[..., Catalogue]
Contents = dict[str, list[dict[str, Any]]]


def make_older(catalogue: Catalogue) -> None:
    """As an older version left it: a table and a column are missing, others are there that nobody knows today."""
    with catalogue.write("ageing it") as connection:
        connection.execute(table(RevisionRow).update().values(revision=REVISION - 1))
        connection.exec_driver_sql("DROP TABLE object_noted")
        connection.exec_driver_sql('ALTER TABLE answer DROP COLUMN "overlaps"')
        connection.exec_driver_sql("ALTER TABLE leg_appraised ADD COLUMN mood text")
        connection.exec_driver_sql("CREATE TABLE telegram (leg_id text)")
        connection.exec_driver_sql("DROP VIEW legs")
        connection.exec_driver_sql("CREATE VIEW legs AS SELECT leg_id, state, site AS phone_system FROM leg")


def in_view(address: dict[str, str], name: str) -> list[dict[str, Any]]:
    """The rows of a view, as somebody's own program asks: it knows neither of revisions nor of who is at work."""
    engine = locate(**address).engine(30.0)
    try:
        with engine.connect() as connection:
            return [dict(row) for row in connection.exec_driver_sql(f"SELECT * FROM {name}").mappings()]
    finally:
        engine.dispose()


@pytest.fixture
def before(opened: Opened, archive: Root) -> Contents:
    """What was in the catalogue before it was made older, and closed."""
    catalogue = opened()
    archived(archive, catalogue)
    found = contents(catalogue)
    make_older(catalogue)
    catalogue.close()
    return found


def test_an_older_catalogue_is_refused_and_after_the_upgrade_it_holds_what_it_held(
    address: dict[str, str], beside: Callable[[], list[str]], opened: Opened, archive: Root, before: Contents
) -> None:
    assert f"revision {REVISION - 1}" in refused(WrongRevision, opened)
    told: list[int] = []
    number = upgrade(archive, **address, progress=told.append)
    assert number == len(list(segment.keys(archive))) == told[-1]
    upgraded = opened()
    assert contents(upgraded) == before
    assert rows(upgraded, RevisionRow) == [{"revision": REVISION}]
    assert beside() == []


def test_views_of_an_older_revision_answer_until_the_upgrade_and_then_are_todays(
    address: dict[str, str], opened: Opened, archive: Root, before: Contents
) -> None:
    legs = sorted((row["leg_id"], row["state"]) for row in before["leg"])
    refused(WrongRevision, opened)
    older = in_view(address, "legs")
    assert [list(row) for row in older] == [["leg_id", "state", "phone_system"]] * len(legs)
    assert sorted((row["leg_id"], row["state"]) for row in older) == legs != []
    assert len(in_view(address, "call_records")) == len(before["call"]) > 0
    upgrade(archive, **address)
    for name, rows_of in (("legs", "leg"), ("call_records", "call")):
        today = in_view(address, name)
        assert [list(row) for row in today] == [VIEWS[name].selected_columns.keys()] * len(before[rows_of])
    assert sorted((row["leg_id"], row["state"]) for row in in_view(address, "legs")) == legs


def test_of_the_current_revision_nothing_is_touched(address: dict[str, str], opened: Opened, archive: Root) -> None:
    catalogue = opened()
    archived(archive, catalogue)
    begin_run(catalogue, site="acme", flow="nightly", began=at(0))
    assert upgrade(archive, **address) is None
    assert len(rows(catalogue, RunRow)) == 1


@pytest.mark.usefixtures("before")
def test_a_catalogue_that_is_lost_is_made_from_the_store(
    address: dict[str, str], opened: Opened, archive: Root, before: Contents
) -> None:
    locate(**address).remove()
    assert upgrade(archive, **address)
    assert contents(opened()) == before


def test_it_refuses_while_a_program_of_the_older_version_is_at_work(
    address: dict[str, str], opened: Opened, archive: Root
) -> None:
    catalogue = opened()
    archived(archive, catalogue)
    with at_work(address) as process:
        with catalogue.write("ageing it") as connection:
            connection.execute(table(RevisionRow).update().values(revision=REVISION - 1))
        catalogue.close()
        said = refused(CatalogueLocked, lambda: upgrade(archive, **address))
        assert f"in use by poll-call-records of acme (process {process.pid})" in said
        refused(WrongRevision, opened)
        process.kill()
        process.wait()
        assert upgrade(archive, **address)
    assert rows(opened(), RevisionRow) == [{"revision": REVISION}]


@pytest.mark.usefixtures("before")
def test_it_refuses_while_requests_are_leased(
    address: dict[str, str], pass_time: Callable[[float], None], opened: Opened, archive: Root
) -> None:
    with closing(open_budget(**address)) as budget:
        budget.lease("zenith", "older", wanted=2, allowed=8, seconds=600)
        said = refused(CatalogueLocked, lambda: upgrade(archive, **address))
        assert "requests to the phone system of zenith are leased" in said
        refused(WrongRevision, opened)
        pass_time(700)
    assert upgrade(archive, **address)


KILLED = """
import os, signal, sys
from pathlib import Path
from noojee_ingest.catalogue import rebuild
from noojee_ingest.catalogue.upgrade import upgrade
from noojee_ingest.storage.folder import open_folder_store
rebuild.AT_ONCE = rebuild.MOST_AT_ONCE = 1
root = open_folder_store(Path(sys.argv[1]) / "store").archive
die = lambda number: number == 5 and os.kill(os.getpid(), signal.SIGKILL)
upgrade(root, sys.argv[2], schema=sys.argv[3], progress=die)
"""


def test_killed_in_the_middle_it_leaves_the_old_one_and_the_next_one_succeeds(
    *,
    tmp_path: Path,
    address: dict[str, str],
    beside: Callable[[], list[str]],
    opened: Opened,
    archive: Root,
    before: Contents,
) -> None:
    done = subprocess.run([sys.executable, "-c", KILLED, str(tmp_path), *address.values()], check=False)
    assert done.returncode == -signal.SIGKILL
    assert len(beside()) == 1
    assert f"revision {REVISION - 1}" in refused(WrongRevision, opened)
    upgrade(archive, **address)
    assert contents(opened()) == before
    assert beside() == []


@pytest.mark.usefixtures("before")
def test_the_wrong_store_leaves_the_old_one(tmp_path: Path, address: dict[str, str], opened: Opened) -> None:
    with pytest.raises(SegmentsGone):
        upgrade(open_folder_store(tmp_path / "another").archive, **address)
    refused(WrongRevision, opened)
