"""What ends a run: each with an error that names the thing, and nothing already archived is harmed."""

from __future__ import annotations

import errno
import os
import re
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from noojee_ingest import simulator
from noojee_ingest.catalogue.database import Catalogue
from noojee_ingest.catalogue.errors import CatalogueLocked
from noojee_ingest.cli.exits import exit_of
from noojee_ingest.noojee import AuthenticationFailed, Misconfigured, TimedOut, Unreachable
from noojee_ingest.pipeline.errors import PhoneSystemDown, SpoolFailed
from noojee_ingest.pipeline.night import NIGHTLY, Done, run_night
from noojee_ingest.pipeline.work import MOST_DENIALS, open_work
from noojee_ingest.settings import SettingsError, load
from noojee_ingest.storage import folder
from noojee_ingest.storage.errors import StoreFull, StoreReadOnly, StoreUnavailable
from tests.functional.conftest import KEY

if TYPE_CHECKING:
    from noojee_ingest.model import Leg
    from noojee_ingest.pipeline.report import NightReport
    from noojee_ingest.pipeline.work import Work

    from .conftest import Site

DAY = date(2026, 3, 10)
SMALL = {"ARCHIVE__BATCH": 10, "ARCHIVE__WORKERS": 2}


@pytest.fixture
def begun(site: Site) -> Iterator[Site]:
    """A site with one archived night, at the time of the next; whatever the test does must not harm the first."""
    site.night()
    before = {name: facts for name, facts in site.files().items() if not name.startswith("lake/")}  # that is replaced
    audio = {key: facts for key, facts in audio_facts(site).items() if facts["state"] == "archived"}
    site.pass_time(days=1)
    site.requests()
    yield site
    now = site.files()
    assert {name: now.get(name) for name in before} == before
    facts = audio_facts(site)
    assert {key: facts[key] for key in audio} == audio
    assert archive_agrees(site)


def audio_facts(site: Site) -> dict[str, dict[str, Any]]:
    names = ("leg_id", "day", "state", "content_sha256", "content_size", "seconds", "extension", "codec")
    return {key: {name: row[name] for name in names} for key, row in site.legs().items()}


def archive_agrees(site: Site) -> bool:
    """Whether every audio that the catalogue names is there with its size, and nothing else is."""
    named = {row["key"]: row["content_size"] for row in site.rows("select key, content_size from audio")}
    there = {str(path.relative_to(site.archive)): path.stat().st_size for path in site.audio_files()}
    return named == there


def night_with(site: Site, before_batch: Callable[[int, Work], None], **environ: Any) -> NightReport:
    """A night where something happens before a batch is worked on."""
    number = 0

    with site.work(**{**SMALL, **environ}) as work:

        def submit(legs: Sequence[Leg]) -> Done:
            nonlocal number
            number += 1
            before_batch(number, work)
            return Done(work, legs)

        return run_night(work, submit=submit)


def completes(site: Site) -> bool:
    """Whether the next run archives all there is, and the night after it has nothing to do."""
    site.requests()
    report = site.night()
    truth = {leg.key for leg in site.simulator.truth().ended() if leg.day <= report.main_day}
    states = site.states()
    whole = {key for key in truth if states.get(key) != "archived"} == set()
    return whole and report.exit_code == 0 and site.night().nothing_needed and archive_agrees(site)


def closed_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
    return port


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("http://no-such-host.invalid", r"no-such-host\.invalid.*Check the spelling of the host"),
        ("http://127.0.0.1:{closed}", r"127\.0\.0\.1:\d+ refused the connection.*Check that the phone system is up"),
        ("https://127.0.0.1:{open}", r"no secure connection to 127\.0\.0\.1:\d+.*the port speaks HTTPS"),
    ],
    ids=["wrong host", "refused port", "no TLS"],
)
def test_a_phone_system_that_cannot_be_reached_ends_the_run_with_its_name(begun: Site, url: str, said: str) -> None:
    told = url.format(closed=closed_port(), open=begun.simulator.url.rpartition(":")[2])
    with pytest.raises(Unreachable, match=f"^Could not list campaign templates.*{said}") as caught:
        begun.night(SITES__HERE__URL=told)
    assert exit_of(caught.value) == 1
    assert completes(begun)


def test_a_run_that_failed_is_noted_with_what_it_said(begun: Site) -> None:
    with pytest.raises(Unreachable):
        begun.night(SITES__HERE__URL=f"http://127.0.0.1:{closed_port()}")
    (run,) = begun.rows("select * from run order by began desc limit 1")
    assert (run["flow"], run["exit_code"]) == ("nightly", 1)
    assert run["ended"]
    assert run["summary"].startswith("Unreachable: Could not list campaign templates")


def test_a_wrong_key_ends_the_run_before_anything_is_asked_for(begun: Site) -> None:
    with pytest.raises(AuthenticationFailed, match=r"does not accept the key.*Check the API key") as caught:
        begun.night(SITES__HERE__API_KEY="00000000-0000-0000-0000-000000000000")
    assert exit_of(caught.value) == 1
    assert begun.requests() == {"getCampaignTemplateList": 1}
    assert "00000000" not in str(caught.value)
    assert completes(begun)


def test_a_key_that_nobody_could_have_is_a_usage_error(begun: Site) -> None:
    with pytest.raises(Misconfigured) as caught, begun.work() as work:
        type(work.client)("ftp://elsewhere", "key", zone=work.zone)
    assert exit_of(caught.value) == 2


def test_a_key_revoked_in_mid_run_ends_it_and_keeps_what_was_archived(begun: Site) -> None:
    def revoke(number: int, _: Work) -> None:
        if number == 3:
            begun.simulator.set_key(None)

    with pytest.raises(AuthenticationFailed, match="Check the API key"):
        night_with(begun, revoke)
    of_day = [state for key, state in begun.states().items() if begun.legs()[key]["day"] == DAY.replace(day=11)]
    assert of_day.count("archived") >= 20
    refused = begun.simulator.counters().statuses["retrieveByCallRecordId"]["401"]
    assert refused <= MOST_DENIALS + 2  # and those under way, one for each worker
    assert "pending" not in of_day  # it is the key's fault, so nothing is concluded of the legs
    begun.simulator.set_key(KEY)
    assert completes(begun)


def test_a_phone_system_that_goes_down_in_mid_run_ends_it_and_the_next_run_goes_on(
    make_site: Callable[..., Site],
) -> None:
    site = make_site()

    def fall(number: int, _: Work) -> None:
        if number == 3:
            site.simulator.stop()

    with pytest.raises((PhoneSystemDown, Unreachable)) as caught:
        night_with(site, fall)
    assert exit_of(caught.value) == 1
    stored = {key for key, state in site.states().items() if state == "archived"}
    assert len(stored) >= 20
    wanted = simulator.Scenario.clean(calls_a_day=24, days=1, by_hour_interval=0.0, now=site.began)
    with simulator.start(wanted, KEY) as site.simulator:
        assert completes(site)
        assert not stored & set(site.simulator.counters().audio_requests())


def test_a_phone_system_that_answers_no_list_any_more_is_down(begun: Site) -> None:
    begun.rule("*", hang=True)
    with pytest.raises(
        PhoneSystemDown, match=r"site here: the phone system did not answer 3 requests in a row"
    ) as caught:
        begun.night(SITES__HERE__READ_TIMEOUT_SECONDS=0.2)
    assert exit_of(caught.value) == 1
    assert isinstance(caught.value.__cause__, TimedOut)
    begun.simulator.clear_rules()
    assert completes(begun)


def test_a_phone_system_that_answers_no_request_for_audio_any_more_is_down(begun: Site) -> None:
    begun.rule("retrieveByCallRecordId", hang=True)
    with pytest.raises(PhoneSystemDown, match=r"did not answer 4 requests in a row.*What was stored before is kept"):
        begun.night(SITES__HERE__READ_TIMEOUT_SECONDS=0.2, **SMALL)
    assert not [row for row in begun.legs().values() if row["state"] == "pending"]  # no leg's fault
    begun.simulator.clear_rules()
    assert completes(begun)


@pytest.mark.parametrize(
    ("number", "after", "told"),
    [
        (errno.ENOSPC, 0, (StoreFull, "free space or raise the quota")),
        (errno.ENOSPC, 5, (StoreFull, "free space or raise the quota")),
        (errno.EDQUOT, 60, (StoreFull, "free space or raise the quota")),
        (errno.EROFS, 90, (StoreReadOnly, "make the folder writable")),
        (errno.EIO, 140, (StoreUnavailable, "check the disk")),
    ],
    ids=["no space for the first segment", "no space", "quota", "read-only", "disk"],
)
def test_a_store_that_cannot_be_written_ends_the_run_at_once(
    begun: Site, monkeypatch: pytest.MonkeyPatch, number: int, after: int, told: tuple[type[Exception], str]
) -> None:
    write, written = folder.write_bytes, [0]
    error, hint = told

    def fails(descriptor: int, data: bytes) -> None:
        written[0] += 1
        if written[0] > after:
            raise OSError(number, os.strerror(number))
        write(descriptor, data)

    with monkeypatch.context() as patch:
        patch.setattr(folder, "write_bytes", fails)
        with pytest.raises(error, match=re.escape(os.strerror(number))) as caught:
            begun.night(**SMALL)
    assert hint in str(caught.value)
    assert "archive/" in str(caught.value)
    assert exit_of(caught.value) == 1
    if after:
        assert not written[0] > after + 8  # nothing more was fetched only to be thrown away
    assert completes(begun)


@pytest.mark.parametrize("failing", ["write_bytes", "_settle_folder"], ids=["written", "flushed"])
def test_evidence_that_cannot_be_kept_ends_no_run(
    make_site: Callable[..., Site], monkeypatch: pytest.MonkeyPatch, failing: str
) -> None:
    """Sound audio is archived all the same; the legs that it concerns are tried again, and rejected then."""
    site = make_site(not_audio_legs=3)
    site.settings()
    works = getattr(folder, failing)

    def fails(target: int | Path, *told: Any) -> None:
        path = os.readlink(f"/proc/self/fd/{target}") if isinstance(target, int) else str(target)
        if "/evidence/" in path:
            raise OSError(errno.EROFS, os.strerror(errno.EROFS))
        works(target, *told)

    trouble = {leg.key: leg.trouble for leg in site.simulator.truth().ended(DAY) if leg.trouble != "none"}
    not_audio = {key for key, what in trouble.items() if what != "empty"}  # of which there is nothing to keep
    with monkeypatch.context() as patch:
        patch.setattr(folder, failing, fails)
        report = site.night(**SMALL)
    assert {key for key, state in site.states().items() if state == "pending"} == not_audio
    assert {key for key, state in site.states().items() if state != "archived"} == set(trouble)
    assert report.exit_code == 3
    (problem,) = report.problems
    assert problem.startswith("what came for 2 legs belongs into evidence and could not be kept; a later run")
    assert "evidence/" in problem
    site.pass_time(hours=2)
    assert site.night().problems == []
    assert {key for key, state in site.states().items() if state == "rejected"} == set(trouble)
    assert archive_agrees(site)


def test_a_key_that_is_nowhere_ends_the_run_before_anything_is_made(site: Site) -> None:
    site.settings()
    settings = load(site.folder.parent / "config.toml", {})
    with (
        pytest.raises(SettingsError, match=r"sites\.here\.api_key: the phone system's API key is nowhere") as caught,
        open_work(settings, "here", actor=NIGHTLY, stop=threading.Event()),
    ):
        pass
    assert exit_of(caught.value) == 2
    assert not site.folder.exists()
    assert site.requests() == {}


def test_a_spool_that_cannot_be_written_ends_the_run(begun: Site, tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("a file")
    with pytest.raises(
        SpoolFailed, match=r"fetching leg [0-9a-f]{32}: the spool .*taken.*cannot be written.*spool\.path"
    ):
        begun.night(SPOOL__PATH=tmp_path / "taken" / "spool", **SMALL)
    assert completes(begun)


@contextmanager
def another_writer(site: Site) -> Iterator[None]:
    """Another process that keeps the catalogue locked."""
    code = (
        "import sqlite3, sys\n"
        "database = sqlite3.connect(sys.argv[1], isolation_level=None)\n"
        "database.execute('begin immediate')\n"
        "print('locked', flush=True)\n"
        "sys.stdin.read()\n"
    )
    command = [sys.executable, "-c", code, str(site.folder / "catalogue.db")]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        assert process.stdout.readline() == "locked\n"
        try:
            yield
        finally:
            process.communicate("")


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(Catalogue.open.__func__.__kwdefaults__, "busy_seconds", 0.2)  # type: ignore[attr-defined]


@pytest.mark.usefixtures("impatient")
def test_a_catalogue_that_another_process_holds_ends_the_run_before_anything_is_asked_for(begun: Site) -> None:
    with another_writer(begun), pytest.raises(CatalogueLocked, match=r"Another program is writing to it") as caught:
        begun.night()
    assert exit_of(caught.value) == 1
    assert begun.requests() == {}
    assert completes(begun)


@pytest.mark.usefixtures("impatient")
def test_a_catalogue_that_is_locked_in_mid_run_costs_no_download_twice(begun: Site) -> None:
    with pytest.raises(CatalogueLocked), _Locking(begun) as locking:
        night_with(begun, locking)
    stored = {path.name for path in begun.audio_files()}
    named = {row["key"].rpartition("/")[2] for row in begun.rows("select key from audio")}
    assert len(stored - named) >= 10  # put, and nowhere written down
    begun.simulator.reset_counters()
    recovery = begun.night().recovery
    assert recovery.adopted == len(stored - named)
    adopted = {row["leg_id"] for row in begun.legs().values() if any(row["leg_id"] in name for name in stored - named)}
    keys = {key for key, row in begun.legs().items() if row["leg_id"] in adopted}
    assert not keys & set(begun.simulator.counters().audio_requests())
    assert completes(begun)


class _Locking:
    """Locks the catalogue before the third batch, until the block ends."""

    def __init__(self, site: Site) -> None:
        self._held = another_writer(site)
        self._entered = False

    def __enter__(self) -> _Locking:
        return self

    def __call__(self, number: int, _: Work) -> None:
        if number == 3:
            self._held.__enter__()
            self._entered = True

    def __exit__(self, *error: Any) -> None:
        if self._entered:
            self._held.__exit__(None, None, None)


def test_a_leg_that_the_key_may_not_hear_stops_no_other(begun: Site) -> None:
    one = next(iter(begun.simulator.truth().ended(DAY.replace(day=11))))
    begun.rule("retrieveByCallRecordId", match={"callRecordId": one.call_record_id, "leg": one.leg}, status=403)
    begun.night(**SMALL)
    leg = begun.legs()[one.key]
    assert (leg["state"], leg["cause"]) == ("pending", "key not accepted for it")
    assert [key for key, state in begun.states().items() if state == "discovered"] == []
