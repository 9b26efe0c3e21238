"""The sites of the functional tests, whose archive is kept in buckets and in PostgreSQL."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from itertools import count
from typing import Any

import pytest
from sqlalchemy import select

from noojee_ingest.catalogue import queries
from noojee_ingest.catalogue.database import Catalogue
from noojee_ingest.catalogue.fact_tables import AudioStoredRow
from noojee_ingest.catalogue.tables import REBUILDABLE, FindingRow, LegRow, table
from tests.functional.pipeline.conftest import Site, make_site, site_at, tmp_path
from tests.integration.postgres_server import PostgresServer
from tests.integration.s3_server import OWNER, Keys, S3Server

__all__ = ["make_site", "site_at", "tmp_path"]

_numbers = count()


@dataclass
class RealParts:
    """A bucket with versions, and a database, both of one test."""

    s3: S3Server
    postgres: PostgresServer
    bucket: str
    database: str

    @property
    def url(self) -> str:
        return self.postgres.url(self.database)

    def environ(self, **more: str) -> dict[str, str]:
        """The variables of the settings that name them."""
        return {
            "STORE__KIND": "s3",
            "STORE__BUCKET": self.bucket,
            "STORE__ENDPOINT": self.s3.endpoint,
            "STORE__PATH_STYLE": "true",
            "CATALOGUE__URL": self.url,
            **more,
        }

    def objects(self, prefix: str) -> dict[str, tuple[bytes, dict[str, str]]]:
        """Content and metadata of every object below ``prefix``, as a bare client sees them."""
        listed = self.s3.owner.get_paginator("list_objects_v2").paginate(Bucket=self.bucket, Prefix=prefix)
        found = {}
        for key in (one["Key"] for page in listed for one in page.get("Contents", ())):
            answer = self.s3.owner.get_object(Bucket=self.bucket, Key=key)
            found[key] = answer["Body"].read(), answer["Metadata"]
        return found

    def rows(self, row: Any) -> list[dict[str, Any]]:
        return rows(self.url, row)


def rows(url: str, row: Any) -> list[dict[str, Any]]:
    """All rows of a catalogue's table in the order of their keys."""
    target = table(row)
    with closing(Catalogue.open(url)) as catalogue, catalogue.read("looking") as connection:
        question = select(target).order_by(*target.primary_key.columns)
        return [dict(found) for found in connection.execute(question).mappings()]


def contents(url: str) -> dict[str, list[dict[str, Any]]]:
    """All that is rebuildable."""
    return {row.__tablename__: rows(url, row) for row in REBUILDABLE}


def conclusions(url: str) -> dict[str, Any]:
    """What a catalogue says of each leg, whatever its archive is kept in."""
    kinds: dict[str, list[str]] = {}
    for found in rows(url, FindingRow):
        kinds.setdefault(found["object_id"], []).append(found["kind"])
    digests = {row["leg_id"]: row["content_sha256"] for row in rows(url, AudioStoredRow)}
    return {
        row["leg_id"]: (row["state"], row["cause"], row["day"], digests.get(row["leg_id"]), kinds.get(row["leg_id"]))
        for row in rows(url, LegRow)
    }


@pytest.fixture
def parts(s3_server: S3Server, postgres_server: PostgresServer, sign_in: Callable[[Keys], None]) -> Iterator[RealParts]:
    sign_in(OWNER)
    name = f"night-{next(_numbers)}"
    s3_server.owner.create_bucket(Bucket=name)
    s3_server.owner.put_bucket_versioning(Bucket=name, VersioningConfiguration={"Status": "Enabled"})
    database = name.replace("-", "_")
    with postgres_server.connect("postgres") as connection:
        connection.execute(f"CREATE DATABASE {database}")  # type: ignore[arg-type]
    return RealParts(s3_server, postgres_server, name, database)


@pytest.fixture
def site(make_site: Callable[..., Site], parts: RealParts) -> Site:
    """A small sound site that is archived into the real parts."""
    site = make_site()
    site.environ = parts.environ()
    return site


def sums(url: str, slug: str) -> list[dict[str, Any]]:
    with closing(Catalogue.open(url)) as catalogue:
        return queries.day_sums(catalogue, slug)
