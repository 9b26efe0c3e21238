"""A recording of 1 GiB from the phone system through the spool into a store, in the memory that any night may have."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable
from typing import Any

import pytest

from tests.functional.pipeline.conftest import Site
from tests.functional.pipeline.test_memory import bound, empty_night, night_of_a_child
from tests.integration.s3_server import OWNER, Keys, S3Server

GIB = 1024**3


def archived(site: Site, empty: int) -> dict[str, Any]:
    """The catalogue's leg of a night in which the first leg has a recording of 1 GiB; the bound of memory is kept."""
    leg = site.simulator.truth().ended(site.began.date().replace(day=10))[0]
    site.rule("retrieveByCallRecordId", match={"callRecordId": leg.call_record_id, "leg": leg.leg}, audio_bytes=GIB)
    told = night_of_a_child(site, "large")
    assert told["fetched"] > GIB
    assert told["peak"] < bound(empty)
    row: dict[str, Any] = site.legs()[leg.key]
    assert (row["state"], row["content_size"]) == ("archived", GIB)
    return row


@pytest.mark.large
def test_a_recording_of_1_gib_goes_whole_into_a_folder(make_site: Callable[..., Site]) -> None:
    site = make_site()
    row = archived(site, empty_night(site))
    (stored,) = [path for path in site.audio_files() if path.stat().st_size == GIB]
    with stored.open("rb") as file:
        assert hashlib.file_digest(file, "sha256").hexdigest() == row["content_sha256"]


@pytest.mark.large
def test_a_recording_of_1_gib_goes_whole_into_s3_in_one_put(
    make_site: Callable[..., Site], s3_server: S3Server, sign_in: Callable[[Keys], None]
) -> None:
    sign_in(OWNER)
    site = make_site()

    def into(bucket: str) -> Site:
        s3_server.owner.create_bucket(Bucket=bucket)
        site.environ = {
            "STORE__KIND": "s3",
            "STORE__BUCKET": bucket,
            "STORE__ENDPOINT": s3_server.endpoint,
            "STORE__PATH_STYLE": "true",
        }
        return site

    empty = empty_night(into("empty"))
    row = archived(into("large"), empty)
    listed = s3_server.owner.list_objects_v2(Bucket="large", Prefix="archive/audio/")["Contents"]
    (key,) = [one["Key"] for one in listed if one["Size"] == GIB]
    told = s3_server.owner.head_object(Bucket="large", Key=key, ChecksumMode="ENABLED")
    assert base64.b64decode(told["ChecksumSHA256"]).hex() == row["content_sha256"]  # of the whole: it is no multipart
