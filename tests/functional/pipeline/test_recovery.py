"""Killed anywhere, run again: nothing lost, nothing doubled, nothing fetched twice without need."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

import noojee_ingest
from noojee_ingest.catalogue.errors import CatalogueUnavailable
from noojee_ingest.catalogue.rebuild import rebuild
from noojee_ingest.pipeline import record, recover
from noojee_ingest.pipeline.work import open_work
from noojee_ingest.storage import folder
from noojee_ingest.storage.folder import open_folder_store

if TYPE_CHECKING:
    from .conftest import Site

DAY = date(2026, 3, 10)
BATCHES = {"ARCHIVE__BATCH": 20}


class Killed(BaseException):
    """Nothing in the program may catch this and go on."""


def dying(really: Callable[..., Any], when: str, count: Callable[[], bool] = lambda: True) -> Callable[..., Any]:
    """A function that dies at its n-th call that ``count`` counts: ``when`` is "before 3" or "after 3"."""
    word, _, nth = when.partition(" ")
    calls = [0]

    def dies(*args: Any, **kwargs: Any) -> Any:
        calls[0] += count()
        due = calls[0] == int(nth)
        if due and word == "before":
            raise Killed
        result = really(*args, **kwargs)
        if due:
            raise Killed
        return result

    return dies


def stored_names(site: Site) -> set[str]:
    return {path.name for path in site.audio_files()}


def journalled_names(site: Site) -> set[str]:
    return {event["key"].rpartition("/")[2] for event in site.events("ingestion")}


def as_if_never_killed(site: Site, twin: dict[str, tuple[str, str]]) -> bool:
    """Whether the archive holds what an undisturbed night would have, each thing once."""
    held = {key: (row["state"], row["content_sha256"]) for key, row in site.legs().items()}
    named = [event["key"] for event in site.events("ingestion")]
    return held == twin and len(named) == len(set(named)) == len(site.audio_files())


@pytest.fixture(scope="session")
def twin(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[str, str]]:
    """State and digest of each leg after a night that nothing disturbed; made by the first test that asks."""
    return {}


@pytest.fixture
def undisturbed(site: Site, twin: dict[str, tuple[str, str]]) -> dict[str, tuple[str, str]]:
    if not twin:
        site.night()
        twin.update({key: (row["state"], row["content_sha256"]) for key, row in site.legs().items()})
        shutil.rmtree(site.folder)
        site.simulator.reset_counters()
    return twin


MOMENTS = [
    ("open_segment", "before 1"),  # audio is put, nothing tells of it
    ("open_segment", "after 1"),  # its segment is announced and never put
    ("put", "after 1"),  # put and never applied
    ("apply", "after 1"),
    ("put", "before 3"),
    ("apply", "before 4"),
]
"""The first segment that is written once there is audio is that of the first batch."""


@pytest.mark.parametrize(("where", "when"), [*MOMENTS, ("open_segment", "after -1"), ("put", "after -1")])
def test_a_run_that_dies_while_it_records_is_taken_up_by_the_next(
    site: Site, undisturbed: dict[str, tuple[str, str]], monkeypatch: pytest.MonkeyPatch, where: str, when: str
) -> None:
    first = when.endswith("-1")  # the very first segment of an archive

    def count() -> bool:
        return first or bool(site.audio_files())

    with monkeypatch.context() as patch:
        patch.setattr(record, where, dying(getattr(record, where), when.replace("-1", "1"), count))
        with pytest.raises(Killed):
            site.night(**BATCHES)
    lonely = stored_names(site) - journalled_names(site)
    assert len(lonely) == (20 if where == "open_segment" and not first else 0)
    with monkeypatch.context() as patch:
        patch.setattr(recover, "is_alive", lambda catalogue, row: False)  # this process outlives its own death
        report = site.night(**BATCHES)
    assert report.recovery.adopted == len(lonely)
    assert {event["key"].rpartition("/")[2] for event in site.events("ingestion") if event["adopted"]} == lonely
    assert report.recovery.applied == (
        (where == "put" and when.startswith("after")) or (where, when) == ("apply", "before 4")
    )
    assert as_if_never_killed(site, undisturbed)
    assert set(site.simulator.counters().audio_requests().values()) == {1}
    assert site.rows("select * from open_segment") == []
    assert site.night(**BATCHES).nothing_needed


def test_a_segment_that_was_put_is_applied_although_its_day_is_not_touched_again(
    make_site: Callable[..., Site], monkeypatch: pytest.MonkeyPatch
) -> None:
    site, other = make_site(days=4), date(2026, 3, 7)
    with monkeypatch.context() as patch:
        patch.setattr(record, "put", dying(record.put, "after 20"))
        with pytest.raises(Killed):
            site.night(day=other)
    report = site.night(day=DAY)
    assert report.recovery.applied == 1
    assert other not in {day.day for day in report.days}
    told = {event["object"]["id"] for event in site.events("accession") if event["object"]["type"] == "leg"}
    assert told == {row["leg_id"] for row in site.legs().values()}
    assert site.rows("select * from open_segment") == []


@pytest.mark.parametrize("nth", [3, 40, 90])
def test_a_run_that_dies_in_the_middle_of_writing_a_file_leaves_no_trace_of_it(
    site: Site, undisturbed: dict[str, tuple[str, str]], monkeypatch: pytest.MonkeyPatch, nth: int
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(folder, "write_bytes", dying(folder.write_bytes, f"after {nth}"))
        with pytest.raises(Killed):
            site.night(**BATCHES)
    site.night(**BATCHES)
    assert as_if_never_killed(site, undisturbed)
    assert not [path for path in (site.folder / "store").rglob(".tmp/*") if path.name != "lock"]


KILLED_CHILD = """
import json, os, signal, sys, threading
from noojee_ingest import model
from noojee_ingest.pipeline import budget, record
from noojee_ingest.pipeline.night import run_night
from noojee_ingest.pipeline.phone import clock_from
from noojee_ingest.pipeline.work import open_work
from noojee_ingest.settings import load
from pathlib import Path
from datetime import datetime

config, now, where, when = sys.argv[1:]
model.now_utc = clock_from(datetime.fromisoformat(now))
budget.MARGIN_SECONDS = 0.0
really, calls = getattr(record, where), [0]

def dying(*args, **kwargs):
    calls[0] += any(Path(config).parent.glob("data/store/archive/audio/*/*/*"))
    due = calls[0] == int(when.split()[1])
    if due and when.startswith("before"):
        os.kill(os.getpid(), signal.SIGKILL)
    result = really(*args, **kwargs)
    if due:
        os.kill(os.getpid(), signal.SIGKILL)
    return result

setattr(record, where, dying)
with open_work(load(Path(config)), "here", actor="child", stop=threading.Event()) as work:
    run_night(work)
"""


@pytest.mark.parametrize(("where", "when"), MOMENTS[:4])
def test_a_process_that_is_killed_is_taken_up_by_the_next(
    site: Site, undisturbed: dict[str, tuple[str, str]], where: str, when: str
) -> None:
    site.settings()
    variables = {"SITES__HERE__API_KEY": "5b0f2c1e-7a11-11ec-9d3c-00163e1a2b3c", "ARCHIVE__BATCH": "20"}
    quick = {"SITES__HERE__READ_TIMEOUT_SECONDS": "2"}  # so that the dead process's lease runs out soon
    child = subprocess.run(
        [
            *(sys.executable, "-c", KILLED_CHILD, str(site.folder.parent / "config.toml")),
            *(site.now().isoformat(), where, when),
        ],
        env={
            **os.environ,
            "PYTHONPATH": str(Path(noojee_ingest.__file__).parents[1]),
            **{f"NOOJEE_INGEST_{name}": value for name, value in {**variables, **quick}.items()},
        },
        capture_output=True,
        timeout=60,
        check=False,
    )
    assert child.returncode == -signal.SIGKILL, child.stderr.decode()
    lonely = stored_names(site) - journalled_names(site)
    assert len(lonely) == (20 if where == "open_segment" else 0)
    assert len(site.rows("select key from open_segment")) == ((where, when) in MOMENTS[1:3])
    report = site.night(**BATCHES, **quick)
    assert as_if_never_killed(site, undisturbed)
    assert set(site.simulator.counters().audio_requests().values()) == {1}
    assert (report.recovery.adopted, report.recovery.applied) == (len(lonely), where == "put")
    assert site.rows("select * from open_segment") == []


def test_a_lost_catalogue_is_not_taken_for_an_empty_archive(
    site: Site, undisturbed: dict[str, tuple[str, str]]
) -> None:
    site.night()
    before = site.files()
    for path in site.folder.glob("catalogue.db*"):
        path.unlink()
    site.requests()
    with pytest.raises(CatalogueUnavailable, match=r"catalogue rebuild"):
        site.night()
    assert site.requests() == {}
    settings = site.settings()
    assert rebuild(open_folder_store(settings.store.path).archive, settings.catalogue.url) > 24
    report = site.night()
    assert report.nothing_needed
    assert site.requests().keys() == {"getCampaignTemplateList", "getCallRecordList"}
    assert site.files() == before
    assert as_if_never_killed(site, undisturbed)


def test_a_catalogue_that_is_there_but_empty_is_the_same(site: Site) -> None:
    site.night()
    for path in site.folder.glob("catalogue.db*"):
        path.unlink()
    with site.catalogue():  # makes a new one
        pass
    with pytest.raises(CatalogueUnavailable, match=r"knows nothing of the journal"):
        site.night()


def test_an_object_that_was_deleted_behind_our_back_is_a_finding_and_never_fetched_again(site: Site) -> None:
    site.night()
    victim = site.audio_files()[0]
    key = str(victim.relative_to(site.archive))
    (leg,) = [leg for leg, row in site.legs().items() if row["leg_id"] in victim.name]
    content, sidecar = victim.read_bytes(), victim.with_name(f"{victim.name}.json")
    told = sidecar.read_bytes()
    victim.unlink()
    sidecar.unlink()
    site.requests()
    report = site.night(day=DAY)
    assert report.recovery.gone == 1
    assert site.findings(key) == [
        ("gone object", f"the journal names it for leg {site.legs()[leg]['leg_id']}, the store shows it no more")
    ]
    assert not victim.exists()
    assert site.legs()[leg]["state"] == "archived"  # that it was, stays a fact
    assert "retrieveByCallRecordId" not in site.requests()
    assert site.night(day=DAY).recovery.gone == 0  # told once
    victim.write_bytes(content)
    sidecar.write_bytes(told)
    site.night(day=DAY)
    assert site.findings(key) == []


@pytest.mark.parametrize("sidecar", ["none", "unreadable", "of another", "of nobody"])
def test_a_foreign_object_is_a_finding_and_stops_nothing(site: Site, sidecar: str) -> None:
    site.night()
    like = site.audio_files()[0]
    foreign = like.with_name("00000000000000000000000000000000-0123456789abcdef.wav")
    foreign.write_bytes(like.read_bytes())
    beside = foreign.with_name(f"{foreign.name}.json")
    if sidecar == "unreadable":
        beside.write_text("{")
    elif sidecar == "of another":
        shutil.copy(site.audio_files()[1].with_name(f"{site.audio_files()[1].name}.json"), beside)
    elif sidecar == "of nobody":
        told = json.loads(like.with_name(f"{like.name}.json").read_text())
        beside.write_text(json.dumps({**told, "metadata": {"leg-id": "0" * 32}}))
    report = site.night(day=DAY)
    assert report.recovery.orphans == 1
    key = str(foreign.relative_to(site.archive))
    ((kind, detail),) = site.findings(key)
    assert kind == "orphan object"
    assert detail
    assert "0" * 32 not in {row["leg_id"] for row in site.legs().values()}
    assert foreign.exists()
    assert site.night(day=DAY).recovery.orphans == 0
    foreign.unlink()
    beside.unlink(missing_ok=True)
    site.night(day=DAY)
    assert site.findings(key) == []


def test_a_damaged_segment_ends_the_run_with_its_name_and_what_to_do(site: Site, stop: Any) -> None:
    site.night()
    victim = sorted(site.archive.glob("journal/**/*.jsonl.gz"))[5]
    victim.chmod(0o640)
    victim.write_bytes(victim.read_bytes()[:-20])
    url = site.settings().catalogue.url
    with pytest.raises(Exception, match=rf"{victim.name}.*Restore this object from a copy of the store"):
        rebuild(open_folder_store(site.settings().store.path).archive, url)
    with open_work(site.settings(), "here", actor="test", stop=stop):
        pass  # the old catalogue is still in use
