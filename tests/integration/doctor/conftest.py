"""The doctor's patients of the functional tests, with a store in buckets and a catalogue on PostgreSQL."""

from __future__ import annotations

from collections.abc import Callable
from itertools import count
from typing import Any

import pytest

from noojee_ingest.pipeline.doctor import buckets
from tests.functional.doctor.conftest import Surgery, make_surgery
from tests.integration.s3_server import OWNER, Keys, S3Server

__all__ = ["make_surgery"]

_numbers = count()


@pytest.fixture
def in_bucket(
    make_surgery: Callable[..., Surgery],
    s3_server: S3Server,
    sign_in: Callable[[Keys], None],
    monkeypatch: pytest.MonkeyPatch,
) -> Callable[..., tuple[Surgery, str]]:
    """``in_bucket(versions=True, lock=False)``: an archive in a new bucket of that kind, and the bucket's name."""
    monkeypatch.setattr(buckets, "LOCK_SECONDS", 3.0)

    def made(*, versions: bool = False, lock: bool = False, **environ: Any) -> tuple[Surgery, str]:
        sign_in(OWNER)
        name = f"doctor-{next(_numbers)}"
        told = {"ObjectLockEnabledForBucket": True} if lock else {}
        s3_server.owner.create_bucket(Bucket=name, **told)
        if versions:
            s3_server.owner.put_bucket_versioning(Bucket=name, VersioningConfiguration={"Status": "Enabled"})
        surgery = make_surgery()
        surgery.environ = {
            "STORE__KIND": "s3",
            "STORE__BUCKET": name,
            "STORE__ENDPOINT": s3_server.endpoint,
            "STORE__PATH_STYLE": "true",
            **environ,
        }
        return surgery, name

    return made
