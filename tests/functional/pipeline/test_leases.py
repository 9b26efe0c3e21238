"""The request leases of processes that died: ended by the next run, but never those of the living."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from noojee_ingest.catalogue.budget import Budget, open_budget
from noojee_ingest.catalogue.database import Catalogue
from noojee_ingest.pipeline.budget import end_leases_of_the_dead

LEASE = """
import json, sys, threading
from noojee_ingest.catalogue.budget import open_budget
from noojee_ingest.catalogue.database import Catalogue
from noojee_ingest.pipeline.budget import SiteBudget
catalogue = Catalogue.open(sys.argv[1])
held = SiteBudget(
    open_budget(sys.argv[1]), "acme", allowed=8, wanted=7, lease_seconds=600.0, intervals={}, stop=threading.Event()
)
with held:
    print("leased", flush=True)
    sys.stdin.readline()
"""


@pytest.fixture
def url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path / 'catalogue.db'}"


@pytest.fixture
def catalogue(url: str) -> Iterator[Catalogue]:
    with closing(Catalogue.open(url)) as catalogue:
        yield catalogue


@pytest.fixture
def budget(url: str) -> Iterator[Budget]:
    with closing(open_budget(url)) as budget:
        yield budget


@pytest.fixture
def holder(url: str, catalogue: Catalogue) -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen(
        [sys.executable, "-c", LEASE, url], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    with process:
        assert process.stdout is not None
        assert process.stdout.readline() == "leased\n"
        yield process
        process.kill()


def test_the_lease_of_a_process_that_was_killed_is_free_at_once(
    holder: subprocess.Popen[str], budget: Budget, catalogue: Catalogue
) -> None:
    holder.kill()
    holder.wait()
    assert budget.lease("acme", "other", wanted=8, allowed=8, seconds=600) == 1
    end_leases_of_the_dead(budget, "acme", catalogue)
    assert budget.lease("acme", "other", wanted=8, allowed=8, seconds=600) == 8


def test_the_lease_of_a_living_process_stays(
    holder: subprocess.Popen[str], budget: Budget, catalogue: Catalogue
) -> None:
    end_leases_of_the_dead(budget, "acme", catalogue)
    assert len(budget.holders("acme")) == 1


def test_the_lease_of_another_host_stays_and_runs_out(budget: Budget, catalogue: Catalogue) -> None:
    away = "elsewhere 1 1.0 d41d8cd98f00b204e9800998ecf8427e"
    budget.lease("acme", away, wanted=1, allowed=8, seconds=600)
    end_leases_of_the_dead(budget, "acme", catalogue)
    assert budget.holders("acme") == [away]
