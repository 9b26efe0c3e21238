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
            ('kind = "s3"\nbucket = "Calls!"', 'store.bucket: "Calls!" is no bucket\'s name'),
            ('kind = "s3"\nbucket = "calls"\npath = "x"', "store.path: no such key; those here are kind, bucket,"),
            ('kind = "s3"\nbuckt = "calls"', "store.buckt: no such key; the nearest is bucket"),
            ('kind = "s3"\nbucket = "calls"\nencryption = "none"', 'store.encryption: "none" should be'),
            ('kind = "s3"\nbucket = "calls"\nkms_key = "k"', "store: kms_key is for the encryption aws:kms only"),
            ('kind = "s3"\nbucket = "calls"\nendpoint = "s3.example.com"', "store.endpoint: should look like"),
            ('kind = "s3"\nbucket = "calls"\nendpoint = "http://h:port"', "store.endpoint: should look like"),
            ('kind = "s3"\nbucket = "calls"\nendpoint = "http://h:0"', "store.endpoint: should look like"),
            (
                'kind = "s3"\nbucket = "calls"\n[store.roots.lake]\nstorage_class = "GLACIER"',
                'store.roots.lake.storage_class: "GLACIER" cannot be read at once',
            ),
            ('kind = "s3"\nbucket = "calls"\n[store.roots.arkive]', 'store.roots.arkive: "arkive" should be'),
            (
                'kind = "s3"\nbucket = "calls"\n[store.roots.lake]\nprefx = ""',
                "store.roots.lake.prefx: no such key; the",
            ),
            (
                'kind = "s3"\nbucket = "calls"\n[store.roots.lake]\nprefix = "../x"',
                'store.roots.lake.prefix: "../x" is no',
            ),
            ('kind = "s3"\nbucket = "calls"\n[store.roots.lake]\nprefix = "archive"', "archive lies inside lake"),
            ('bucket = "calls"', "store.bucket: no such key; those here are kind, path"),
        ],
    )
    def test_that_cannot_be_is_refused(self, file: Path, text: str, problem: str) -> None:
        file.write_text(f"[store]\n{text}\n{REAL}")
        (line, *_) = problems(file, variables(SITES__ACME__API_KEY=KEY))
        assert line.startswith("site.toml: ")
        assert problem in line

    def test_a_wrong_place_is_told_with_its_own_variable(self) -> None:
        told = {"STORE__KIND": "s3", "STORE__BUCKET": "calls", "STORE__ROOTS__EVIDENCE__PREFIX": "e"}
        (line,) = problems(environ=variables(**told, STORE__ROOTS__LAKE__BUCKET="Calls!"))
        assert line.startswith("NOOJEE_INGEST_STORE__ROOTS__LAKE__BUCKET: store.roots.lake.bucket: ")

    def test_places_that_overlap_are_told_with_all_variables_that_set_them(self) -> None:
        told = {"STORE__KIND": "s3", "STORE__BUCKET": "calls", "STORE__ROOTS__LAKE__PREFIX": "archive/x"}
        (line,) = problems(environ=variables(**told))
        assert line.startswith(f"{', '.join(variables(**told))}: store: lake lies inside archive")

    def test_credentials_in_the_endpoint_are_not_repeated(self) -> None:
        told = {"STORE__KIND": "s3", "STORE__BUCKET": "calls", "STORE__ENDPOINT": "https://AKID:hunter2@s3.example.com"}
        (line,) = problems(environ=variables(**told))
        assert line.startswith("NOOJEE_INGEST_STORE__ENDPOINT: store.endpoint: is to be an address only")
        assert "hunter2" not in line


class TestACatalogueOnPostgresql:
    @pytest.mark.parametrize(
        "url", ["postgresql://archive@db.example.com/noojee", "postgresql:///noojee?host=/run/postgresql"]
    )
    def test_is_named_by_its_address(self, url: str) -> None:
        assert load(environ=variables(CATALOGUE__URL=url)).catalogue.url == url

    @pytest.mark.parametrize(
        "url",
        [
            "postgresql://u:hunter2@h/d",
            "postgresql://u:hunter2/x@h/d",
            "postgresql://u:hunter2#x@h/d",
            "postgresql://u:1?hunter2@h/d",
            "postgresql://u@x:hunter2@h/d",
            "postgresql://h/d?password=hunter2",
            "postgresql://h/d?sslmode=require&sslPassword=hunter2",
            "postgresql://h/d?oauth_client_secret=hunter2",
            "postgresql://h/d?sslmode=prefer#&password=hunter2",
        ],
    )
    def test_with_a_password_is_refused_and_the_password_not_told(self, url: str) -> None:
        (line,) = problems(environ=variables(CATALOGUE__URL=url))
        assert "PGPASSWORD" in line
        assert "hunter2" not in line

    @pytest.mark.parametrize("url", ["postgresql://h", "postgresql://h/", "postgresql://h:port/d", "postgresql://"])
    def test_that_cannot_be_reached_by_it_is_refused(self, url: str) -> None:
        (line,) = problems(environ=variables(CATALOGUE__URL=url))
        assert line.startswith("NOOJEE_INGEST_CATALOGUE__URL: catalogue.url: ")


SECRET = ["u:{}/x@h", "u:{}#x@h", "u:1#{}@h", "u:1?{}@h", "h:{}", "[{}"]


@pytest.mark.parametrize("secret", SECRET)
@pytest.mark.parametrize(
    ("name", "scheme"),
    [
        ("CATALOGUE__URL", "postgresql://"),
        ("CATALOGUE__URL", "sqlite://"),
        ("CATALOGUE__URL", ""),
        ("CATALOGUE", "postgresql://"),
        ("PREFECT__API_URL", "http://"),
        ("PREFECT__API_URL", ""),
        ("SITES__ACME__URL", "https://"),
        ("SITES__ACME__URL", ""),
    ],
)
def test_no_part_of_an_address_that_is_refused_is_repeated(file: Path, name: str, scheme: str, secret: str) -> None:
    file.write_text(REAL)
    url = scheme + secret.format("hunter2")
    (line,) = problems(file, variables(**{name: url}))
    assert "hunter2" not in line
