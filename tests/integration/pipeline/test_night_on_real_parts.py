"""A night into buckets and PostgreSQL: the same archive as in a folder, and no less safe."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import typer

from noojee_ingest.catalogue.database import Catalogue
from noojee_ingest.catalogue.errors import CatalogueUnavailable
from noojee_ingest.catalogue.fact_tables import AudioStoredRow
from noojee_ingest.catalogue.rebuild import rebuild
from noojee_ingest.catalogue.tables import LegRow
from noojee_ingest.cli.get import get
from noojee_ingest.journal.errors import SegmentsGone
from noojee_ingest.pipeline import record as recording
from noojee_ingest.pipeline.get import find_audio, read_audio
from noojee_ingest.pipeline.places import open_root
from noojee_ingest.storage.errors import StoreUnavailable
from noojee_ingest.storage.root import RootName
from tests.integration import postgres_server as postgres
from tests.integration.faulty_proxy import Dropped, FaultyProxy
from tests.integration.pipeline.conftest import RealParts, conclusions, contents, sums
from tests.integration.s3_server import ARCHIVIST, OWNER, WRITTEN_BY_ARCHIVIST, Keys

if TYPE_CHECKING:
    from tests.functional.pipeline.conftest import Site

AUDIO = "audio by call record id"


def test_a_night_concludes_the_same_wherever_it_is_kept(make_site: Callable[..., Site], parts: RealParts) -> None:
    site = make_site(calls_a_day=40, never_legs=4, late_legs=2, not_audio_legs=4, cut_wav_legs=2, wrong_length_legs=2)
    first = site.night()
    folder = site.settings().catalogue.url
    site.environ = parts.environ()
    second = site.night()
    assert conclusions(parts.url) == conclusions(folder)
    assert sums(parts.url, "here") == sums(folder, "here")
    assert {state for state, *_ in conclusions(parts.url).values()} == {"archived", "pending", "missing", "rejected"}
    assert second.exit_code == first.exit_code == 3


def test_every_archived_object_is_what_the_phone_system_sent(site: Site, parts: RealParts) -> None:
    site.night()
    objects = parts.objects("archive/audio/")
    legs = {row["leg_id"]: row for row in parts.rows(LegRow)}
    stored = parts.rows(AudioStoredRow)
    assert len(stored) == len(objects) == sum(row["state"] == "archived" for row in legs.values()) > 20
    for row in stored:
        body, metadata = objects[f"archive/{row['key']}"]
        leg = legs[row["leg_id"]]
        assert body == site.sent(leg["call_record_id"], leg["leg"])
        assert hashlib.sha256(body).hexdigest() == row["content_sha256"] == metadata["sha256"]
        told = parts.s3.owner.head_object(Bucket=parts.bucket, Key=f"archive/{row['key']}", ChecksumMode="ENABLED")
        assert (row["bucket"], row["version_id"]) == (parts.bucket, told["VersionId"])
        assert told["ChecksumSHA256"]


@pytest.mark.parametrize("hidden", ["by a marker", "by another object", "not"])
def test_what_was_archived_is_got_even_where_it_is_hidden(
    site: Site, parts: RealParts, tmp_path: Path, capsys: pytest.CaptureFixture[str], hidden: str
) -> None:
    site.night()
    row = parts.rows(AudioStoredRow)[0]
    key = f"archive/{row['key']}"
    if hidden == "by a marker":
        parts.s3.owner.delete_object(Bucket=parts.bucket, Key=key)
    elif hidden == "by another object":
        parts.s3.owner.put_object(Bucket=parts.bucket, Key=key, Body=b"other")
    with pytest.MonkeyPatch.context() as patch:
        for name, text in {"SITES__HERE__URL": site.simulator.url, **site.environ}.items():
            patch.setenv(f"NOOJEE_INGEST_{name}", text)
        with pytest.raises(typer.Exit) as ended:
            get(row["leg_id"], reason="a dispute", output=tmp_path / "out", config=site.folder.parent / "config.toml")
    assert ended.value.exit_code == 0
    (file,) = (tmp_path / "out").iterdir()
    assert hashlib.sha256(file.read_bytes()).hexdigest() == row["content_sha256"]
    assert ("Hidden in the store" in capsys.readouterr().err) == (hidden != "not")


def test_a_store_whose_versions_are_others_is_read_by_its_keys(site: Site, parts: RealParts) -> None:
    """As a copy is of a store that was lost."""
    site.night()
    with closing(Catalogue.open(parts.url)) as catalogue:
        (audio,), _ = find_audio(catalogue, parts.rows(AudioStoredRow)[0]["leg_id"])
        target = BytesIO()
        archive = open_root(site.settings(), RootName.ARCHIVE)
        read_audio(catalogue, archive, replace(audio, version_id="0" * 32), target)
    assert len(target.getvalue()) == audio.size


def test_a_second_run_asks_for_no_audio_and_puts_nothing(site: Site, parts: RealParts) -> None:
    site.night()
    versions = parts.s3.versions(parts.bucket, "archive/")
    site.requests()
    report = site.night()
    assert report.nothing_needed
    assert AUDIO not in {endpoint for endpoint in site.requests() if "audio" in endpoint}
    assert parts.s3.versions(parts.bucket, "archive/") == versions


def test_the_catalogue_is_rebuilt_from_the_buckets_alone(site: Site, parts: RealParts) -> None:
    site.night()
    before = contents(parts.url)
    with parts.postgres.connect(parts.database) as connection:
        connection.execute("DROP SCHEMA noojee_ingest CASCADE")
    with pytest.raises(CatalogueUnavailable, match="knows nothing of the journal in the store"):
        site.night()
    rebuild(open_root(site.settings(), RootName.ARCHIVE), parts.url)
    assert contents(parts.url) == before
    assert site.night().nothing_needed


def test_another_bucket_is_not_taken_for_the_archive(site: Site, parts: RealParts) -> None:
    site.night()
    parts.s3.owner.create_bucket(Bucket=f"{parts.bucket}-other")
    site.requests()
    with pytest.raises(SegmentsGone):
        site.night(STORE__BUCKET=f"{parts.bucket}-other")
    assert not site.requests()


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"STORE__BUCKET": "nobody-made-it"}, "no such bucket"),
        ({"STORE__ENDPOINT": "http://127.0.0.1:9"}, "cannot be reached"),
    ],
)
def test_a_store_that_is_not_there_ends_the_run_before_anything_is_asked(
    site: Site, wrong: dict[str, str], said: str
) -> None:
    with pytest.raises(StoreUnavailable) as refused:
        site.night(STORE__ATTEMPTS="1", **wrong)
    assert said in str(refused.value)
    assert not site.requests()


def test_a_database_that_is_gone_in_mid_batch_costs_no_download_twice(
    make_site: Callable[..., Site], parts: RealParts, monkeypatch: pytest.MonkeyPatch
) -> None:
    site = make_site()
    with postgres.running() as server:
        site.environ = parts.environ(CATALOGUE__URL=server.url(), ARCHIVE__BATCH="10")
        put = recording.put
        puts = []

        def put_and_stop(*told: Any) -> Any:
            puts.append(put(*told))
            if len(parts.objects("archive/audio/")) > 15:
                server.stop()

        with monkeypatch.context() as patch:
            patch.setattr(recording, "put", put_and_stop)
            with pytest.raises(CatalogueUnavailable, match="run again"):
                site.night()
        fetched = len(parts.objects("archive/audio/"))
        site.simulator.reset_counters()
        server.start()
        report = site.night()
        legs = conclusions(server.url())
        assert {state for state, *_ in legs.values()} == {"archived"}
        assert report.recovery.applied >= 1
        asked = site.simulator.counters().audio_requests()
        assert sum(asked.values()) == len(legs) - fetched
        assert set(asked.values()) == {1}


def test_a_store_that_is_gone_in_mid_run_ends_it_and_the_next_run_goes_on(
    site: Site, parts: RealParts, faulty_proxy: FaultyProxy
) -> None:
    """The next run adopts what was stored, without a second download."""

    def fail_from_the_16th() -> None:
        if sum("/audio/" in request.path for request in faulty_proxy.asked("PUT")) > 15:
            raise Dropped

    faulty_proxy.before("PUT", fail_from_the_16th, times=1_000_000)
    with pytest.raises(StoreUnavailable):
        site.night(STORE__ENDPOINT=faulty_proxy.endpoint, STORE__ATTEMPTS="1", ARCHIVE__BATCH="500")
    stored = len(parts.objects("archive/audio/"))
    assert 0 < stored <= 15
    site.simulator.reset_counters()
    report = site.night()
    legs = conclusions(parts.url)
    assert {state for state, *_ in legs.values()} == {"archived"}
    assert report.recovery.adopted == stored
    assert site.simulator.counters().audio_requests().total() == len(legs) - stored


def test_an_evidence_bucket_that_may_not_be_written_keeps_no_sound_audio_back(
    make_site: Callable[..., Site], parts: RealParts, sign_in: Callable[[Keys], None]
) -> None:
    site = make_site(not_audio_legs=3)
    closed = f"closed-{parts.bucket}"
    parts.s3.owner.create_bucket(Bucket=closed)
    site.environ = parts.environ(STORE__ROOTS__EVIDENCE__BUCKET=closed)
    assert parts.bucket.startswith(WRITTEN_BY_ARCHIVIST)
    sign_in(ARCHIVIST)
    report = site.night()  # one of the three answers is empty: of that there is nothing to keep
    states = [state for state, *_ in conclusions(parts.url).values()]
    assert (states.count("pending"), states.count("rejected"), set(states)) == (
        2,
        1,
        {"pending", "rejected", "archived"},
    )
    (problem,) = report.problems
    assert "what came for 2 legs belongs into evidence and could not be kept" in problem
    assert "grant s3:PutObject" in problem
    sign_in(OWNER)
    site.pass_time(hours=2)
    assert site.night().problems == []
    states = [state for state, *_ in conclusions(parts.url).values()]
    assert (states.count("rejected"), set(states)) == (3, {"rejected", "archived"})


def test_a_catalogue_that_cannot_be_reached_ends_the_run_before_anything_is_asked(site: Site) -> None:
    with pytest.raises(CatalogueUnavailable):
        site.night(CATALOGUE__URL="postgresql://archive@127.0.0.1:9/noojee")
    assert not site.requests()
