"""The settings that say where the archive and its catalogue are."""

from __future__ import annotations

from pathlib import Path

import pytest

from noojee_ingest.settings import load
from noojee_ingest.settings_store import S3Store
from noojee_ingest.storage.root import RootName
from noojee_ingest.storage.s3_options import Place, S3Options
from tests.unit.settings_told import KEY, REAL, problems, variables


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "site.toml"


BUCKETS = """
[store]
kind = "s3"
bucket = "calls"
endpoint = "https://s3.example.com"
path_style = true
encryption = "aws:kms"
kms_key = "alias/calls"

[store.roots.archive]
bucket = "calls-locked"
prefix = ""
storage_class = "STANDARD_IA"
"""


class TestAStoreInBuckets:
    def options(self, file: Path, text: str, **environ: str) -> S3Options:
        file.write_text(text + REAL)
        settings = load(file, variables(SITES__ACME__API_KEY=KEY, **environ))
        assert isinstance(settings.store, S3Store)
        return settings.store.options(connections=8)

    def test_has_a_place_for_every_root(self, file: Path) -> None:
        assert self.options(file, BUCKETS) == S3Options(
            places={
                RootName.ARCHIVE: Place("calls-locked", "", "STANDARD_IA"),
                RootName.EVIDENCE: Place("calls", "evidence"),
                RootName.LAKE: Place("calls", "lake"),
                RootName.SCRATCH: Place("calls", "scratch"),
            },
            endpoint="https://s3.example.com",
            path_style=True,
            encryption="aws:kms",
            kms_key="alias/calls",
            connections=8,
        )

    def test_can_be_named_in_the_environment(self, file: Path) -> None:
        told = {"STORE__KIND": "s3", "STORE__BUCKET": "calls", "STORE__ROOTS__LAKE__PREFIX": "parquet"}
        assert self.options(file, "", **told).places[RootName.LAKE] == Place("calls", "parquet")

    @pytest.mark.parametrize(
        ("text", "problem"),
        [
            ('kind = "s3"', "store: no bucket is named for archive: set store.bucket, or store.roots.archive.bucket"),
            ('kind = "s3"\nbucket = "Calls!"', "store: 'Calls!' is no bucket's name"),
            ('kind = "s3"\nbucket = "calls"\npath = "x"', "store.path: no such key; those here are kind, bucket,"),
            ('kind = "s3"\nbuckt = "calls"', "store.buckt: no such key; the nearest is bucket"),
            ('kind = "s3"\nbucket = "calls"\nencryption = "none"', 'store.encryption: "none" should be'),
            ('kind = "s3"\nbucket = "calls"\nkms_key = "k"', "store: kms_key is for the encryption aws:kms only"),
            ('kind = "s3"\nbucket = "calls"\nendpoint = "s3.example.com"', "store: the endpoint should look like"),
            ('kind = "s3"\nbucket = "calls"\n[store.roots.arkive]', 'store.roots.arkive: "arkive" should be'),
            (
                'kind = "s3"\nbucket = "calls"\n[store.roots.lake]\nprefx = ""',
                "store.roots.lake.prefx: no such key; the",
            ),
            ('kind = "s3"\nbucket = "calls"\n[store.roots.lake]\nprefix = "../x"', "store: '../x' is no prefix"),
            ('kind = "s3"\nbucket = "calls"\n[store.roots.lake]\nprefix = "archive"', "archive lies inside lake"),
            ('bucket = "calls"', "store.bucket: no such key; those here are kind, path"),
        ],
    )
    def test_that_cannot_be_is_refused(self, file: Path, text: str, problem: str) -> None:
        file.write_text(f"[store]\n{text}\n{REAL}")
        (line, *_) = problems(file, variables(SITES__ACME__API_KEY=KEY))
        assert line.startswith("site.toml: ")
        assert problem in line


class TestACatalogueOnPostgresql:
    @pytest.mark.parametrize(
        "url", ["postgresql://archive@db.example.com/noojee", "postgresql:///noojee?host=/run/postgresql"]
    )
    def test_is_named_by_its_address(self, url: str) -> None:
        assert load(environ=variables(CATALOGUE__URL=url)).catalogue.url == url

    @pytest.mark.parametrize("url", ["postgresql://u:hunter2@h/d", "postgresql://h/d?password=hunter2"])
    def test_with_a_password_is_refused_and_the_password_not_told(self, url: str) -> None:
        (line,) = problems(environ=variables(CATALOGUE__URL=url))
        assert "PGPASSWORD" in line
        assert "hunter2" not in line

    @pytest.mark.parametrize("url", ["postgresql://h", "postgresql://h/", "postgresql://h:port/d", "postgresql://"])
    def test_that_cannot_be_reached_by_it_is_refused(self, url: str) -> None:
        (line,) = problems(environ=variables(CATALOGUE__URL=url))
        assert line.startswith("NOOJEE_INGEST_CATALOGUE__URL: catalogue.url: ")
