"""A real S3 server for the session, and a proxy in front of it that fails as it is told to."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import count

import pytest

from noojee_ingest.storage.root import RootName
from noojee_ingest.storage.s3_options import Place, S3Options
from tests.integration.faulty_proxy import FaultyProxy
from tests.integration.postgres_server import PostgresServer
from tests.integration.postgres_server import running as postgres_running
from tests.integration.s3_server import OWNER, Keys, S3Server, running

_numbers = count()


@pytest.fixture(scope="session")
def s3_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3Server]:
    """With the buckets ``plain``, ``versioned`` and ``locked`` (object lock, no default retention)."""
    with running(tmp_path_factory.mktemp("s3")) as server:
        server.owner.create_bucket(Bucket="plain")
        server.owner.create_bucket(Bucket="versioned")
        server.owner.put_bucket_versioning(Bucket="versioned", VersioningConfiguration={"Status": "Enabled"})
        server.owner.create_bucket(Bucket="locked", ObjectLockEnabledForBucket=True)
        yield server


@pytest.fixture
def faulty_proxy(s3_server: S3Server) -> Iterator[FaultyProxy]:
    """In front of the S3 server; without a fault it only passes on and notes what was asked."""
    with FaultyProxy(s3_server.port, OWNER) as proxy:
        yield proxy


@pytest.fixture
def sign_in(monkeypatch: pytest.MonkeyPatch) -> Callable[[Keys], None]:
    """``sign_in(READER)``: the environment has these credentials, and boto3 finds no others."""
    for variable in ("AWS_PROFILE", "AWS_SESSION_TOKEN", "AWS_REGION", "AWS_DEFAULT_REGION", "AWS_ENDPOINT_URL"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_CONFIG_FILE", "/nonexistent/config")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", "/nonexistent/credentials")

    def signed_in(keys: Keys) -> None:
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", keys.access)
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", keys.secret)

    return signed_in


@pytest.fixture
def s3_options(s3_server: S3Server, sign_in: Callable[[Keys], None]) -> Callable[..., S3Options]:
    """``s3_options("versioned", attempts=3)``: four roots of the test's own in that bucket, below new prefixes."""
    sign_in(OWNER)

    def options(bucket: str = "plain", **told: object) -> S3Options:
        number = next(_numbers)
        places = {name: Place(bucket, f"{number}/{name}") for name in RootName}
        return S3Options(**{"places": places, "endpoint": s3_server.endpoint, "path_style": True, **told})  # type: ignore[arg-type]

    return options


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[PostgresServer]:
    """For all tests of the session; each has a schema of its own. Who stops it starts one of his own instead."""
    with postgres_running() as server:
        yield server


@pytest.fixture
def postgres_schema() -> str:
    """A name that no other test uses."""
    return f"catalogue_{next(_numbers)}"
