"""Who may read the lake's bucket and nothing else asks it: no other bucket is looked at, and no phone system's key."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from noojee_ingest.lake.publish import publish_day
from noojee_ingest.lake.schema import LEGS
from noojee_ingest.pipeline.places import open_root, open_store
from noojee_ingest.pipeline.sql import sql
from noojee_ingest.settings import Settings, load
from noojee_ingest.storage.errors import StoreUnavailable
from noojee_ingest.storage.root import RootName
from tests.functional.lake.conftest import DAY, row
from tests.integration.s3_server import ANALYST, ANALYSTS_BUCKET, OWNER, Keys, S3Server


@pytest.fixture
def settings(s3_server: S3Server, sign_in: Callable[[Keys], None], tmp_path: Path) -> Settings:
    """A bucket for the lake, another for the rest, and a real site whose key file is not to be had."""
    sign_in(OWNER)
    for bucket in (ANALYSTS_BUCKET, "closed-to-analysts"):
        s3_server.owner.create_bucket(Bucket=bucket)
    config = tmp_path / "config.toml"
    config.write_text(
        f"""
        [store]
        kind = "s3"
        bucket = "closed-to-analysts"
        endpoint = "{s3_server.endpoint}"
        path_style = true
        roots.lake = {{bucket = "{ANALYSTS_BUCKET}", prefix = ""}}

        [sites.here]
        zone = "Australia/Melbourne"
        url = "https://phones.example.com.au"
        api_key_file = "/nonexistent/here.key"
        """
    )
    settings = load(config, {})
    publish_day(open_store(settings).lake, LEGS, "here", DAY, [row()], workspace=tmp_path)
    return settings


def test_are_to_ask_the_lake_and_no_more(settings: Settings, sign_in: Callable[[Keys], None]) -> None:
    sign_in(ANALYST)
    with closing(sql(settings, "SELECT count(*) FROM legs")) as answer:
        assert list(answer) == [(1,)]
    with pytest.raises(StoreUnavailable, match=r"bucket closed-to-analysts at .*AccessDenied"):
        open_root(settings, RootName.ARCHIVE)
