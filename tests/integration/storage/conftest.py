"""The roots that the contract tests ask for, here in buckets of a real S3 server."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from noojee_ingest.storage.root import Root, RootName
from noojee_ingest.storage.s3 import S3Root
from noojee_ingest.storage.s3_client import make_client
from noojee_ingest.storage.s3_options import S3Options
from tests.functional.storage.conftest import put, put_again

__all__ = ["put", "put_again"]


@pytest.fixture
def s3_root(s3_options: Callable[..., S3Options]) -> Callable[..., S3Root]:
    """``s3_root("versioned", RootName.EVIDENCE, attempts=2)``: one new root, with a client of its own."""

    def root(bucket: str = "plain", name: RootName = RootName.ARCHIVE, **told: object) -> S3Root:
        options = s3_options(bucket, **told)
        return S3Root(name, make_client(options), options)

    return root


@pytest.fixture(scope="session")
def clients() -> dict[str, Any]:
    """One client for all tests that want nothing special of theirs: to make one takes longer than most tests."""
    return {}


@pytest.fixture(params=["plain", "versioned"])
def root_factory(
    request: pytest.FixtureRequest, s3_options: Callable[..., S3Options], clients: dict[str, Any]
) -> Callable[[RootName], Root]:
    options = s3_options(request.param)
    client = clients.get("ordinary") or clients.setdefault("ordinary", make_client(options))
    return lambda name: S3Root(name, client, options)
