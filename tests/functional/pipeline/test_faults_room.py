"""Disks that are really full: a small file system of memory, in a name space of the child's own, for which nobody must
be root. First a night that finds no room, then one after room was made."""

from __future__ import annotations

import json
import os
import pickle
import resource
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

import noojee_ingest
from noojee_ingest.pipeline.errors import SpoolFailed
from noojee_ingest.pipeline.night import run_night
from noojee_ingest.storage.errors import StoreUnavailable
from tests.functional.conftest import KEY

from .truth import Journal, folder_objects, untruths

if TYPE_CHECKING:
    from collections.abc import Callable

    from .conftest import Site

CHILD = """
import json, os, pickle, shutil, subprocess, sys, threading
from datetime import datetime
from pathlib import Path
from noojee_ingest import model
from noojee_ingest.cli.exits import exit_of
from noojee_ingest.pipeline import budget
from noojee_ingest.pipeline.night import run_night
from noojee_ingest.pipeline.phone import clock_from
from noojee_ingest.pipeline.work import open_work
from noojee_ingest.settings import load

base, small, size, now = Path(sys.argv[1]), *sys.argv[2:]
model.now_utc = clock_from(datetime.fromisoformat(now))
budget.MARGIN_SECONDS = 0.0

def room(options):
    subprocess.run(["mount", "-t", "tmpfs", "-o", options, "none", small], check=True)

def night():
    with open_work(load(base / "config.toml"), "here", actor="nightly", stop=threading.Event()) as work:
        return run_night(work)

room(f"size={size}")
try:
    night()
    told = ["nothing", "", 0]
except Exception as error:
    told = [type(error).__name__, str(error), exit_of(error)]
shutil.copytree(base / "data", base / "full", copy_function=shutil.copy)
room("remount,size=1g")
report = night()
shutil.copytree(base / "data", base / "roomy", copy_function=shutil.copy)
(base / "report").write_bytes(pickle.dumps(report))
print(json.dumps(told))
"""
LARGEST_FILE = 8_000_000
NAME_SPACE = ["unshare", "--user", "--map-root-user", "--mount"]


@pytest.fixture(scope="module")
def name_space() -> list[str]:
    """The command that runs another in a name space of its own, where it may mount."""
    try:
        tried = [*NAME_SPACE, "mount", "-t", "tmpfs", "none", "/mnt"]
        subprocess.run(tried, check=True, capture_output=True, timeout=30)
    except (OSError, subprocess.SubprocessError) as error:
        pytest.skip(f"this system gives nobody a name space of his own: {error}")
    return NAME_SPACE


@pytest.mark.parametrize(
    ("what", "size", "error", "said"),
    [
        ("store", "3m", "StoreFull", "free space or raise the quota"),
        ("spool", "400k", "SpoolFailed", "No space left on device"),
        ("catalogue", "1m", "CatalogueUnavailable", "full"),
    ],
)
def test_a_full_disk_ends_the_run_with_its_name_and_what_is_archived_is_true(
    make_site: Callable[..., Any], tmp_path: Path, name_space: list[str], *, what: str, size: str, error: str, said: str
) -> None:
    site = make_site(leg_bytes=600_044, calls_a_day=8)
    environ = {"SPOOL__MEMORY_BYTES_PER_WORKER": 2000 if what == "spool" else 4_000_000, "ARCHIVE__BATCH": 4}
    if what == "catalogue":
        environ["CATALOGUE__URL"] = f"sqlite:///{site.folder}/catalogue/catalogue.db"
    site.environ = {name: str(value) for name, value in environ.items()}
    site.settings()
    (site.folder / what).mkdir(parents=True)
    variables = {f"NOOJEE_INGEST_{name}": text for name, text in {"SITES__HERE__API_KEY": KEY, **site.environ}.items()}
    child = subprocess.run(
        [
            *(*name_space, sys.executable, "-c", CHILD),
            *(str(site.folder.parent), str(site.folder / what), size, site.now().isoformat()),
        ],
        env={**os.environ, "PYTHONPATH": str(Path(noojee_ingest.__file__).parents[1]), **variables},
        capture_output=True,
        timeout=120,
        check=False,
    )
    assert child.returncode == 0, child.stderr.decode()
    told = json.loads(child.stdout)
    assert (told[0], told[2]) == (error, 1)
    assert said in told[1]
    assert KEY not in told[1]
    report = pickle.loads((site.folder.parent / "report").read_bytes())
    for found, of_night in (("full", None), ("roomy", report)):
        shutil.rmtree(site.folder)
        shutil.move(site.folder.parent / found, site.folder)
        assert untruths(site, of_night) == []
    states = [story.state for story in Journal(folder_objects(site.folder / "store")[0]).legs.values()]
    assert (report.exit_code, set(states)) == (0, {"archived"})
    assert len(states) >= 16


@pytest.mark.parametrize("what", ["spool", "store"])
def test_a_file_that_cannot_grow_ends_the_run_with_its_name(make_site: Callable[..., Site], what: str) -> None:
    """A limit of the process (EFBIG) that needs no name space: a write fails in the middle of a file.

    The recordings are larger than the catalogue may become, so that it is not the first to meet the limit.
    """
    site = make_site(leg_bytes=9_000_044, calls_a_day=3)
    memory = 1000 if what == "spool" else 50_000_000
    error, name = {"spool": (SpoolFailed, "the spool"), "store": (StoreUnavailable, "archive/audio/")}[what]
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    with site.work(SPOOL__MEMORY_BYTES_PER_WORKER=memory) as work:
        resource.setrlimit(resource.RLIMIT_FSIZE, (LARGEST_FILE, before[1]))
        try:
            with pytest.raises(error, match=name):
                run_night(work)
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert untruths(site, None) == []
    assert not [path for path in (site.folder / "store").rglob(".tmp/*") if path.name != "lock"]
    report = site.night()
    assert (report.exit_code, set(site.states().values())) == (0, {"archived"})
    assert untruths(site, report) == []
