"""Who gets audio, and what is held back, the archive in buckets and the catalogue in PostgreSQL."""

from __future__ import annotations

from contextlib import closing
from io import BytesIO
from typing import TYPE_CHECKING

import pytest

from noojee_ingest.catalogue.database import Catalogue
from noojee_ingest.catalogue.errors import CatalogueError
from noojee_ingest.catalogue.tables import AccessedRow, AudioStoredRow
from noojee_ingest.pipeline.get import find_audio, get
from tests.functional.pipeline.test_evidence_first import (
    tagged,
    test_a_release_is_the_way_into_the_archive,
    test_the_audio_of_a_tag_is_in_evidence_alone,
)
from tests.integration.pipeline.conftest import RealParts, contents

if TYPE_CHECKING:
    from tests.functional.pipeline.conftest import Site

__all__ = [
    "tagged",
    "test_a_release_is_the_way_into_the_archive",
    "test_the_audio_of_a_tag_is_in_evidence_alone",
]


def got_by(parts: RealParts, site: Site, user: str) -> bytes:
    """What an account of the database gets out of the archive."""
    leg = parts.rows(AudioStoredRow)[0]["leg_id"]
    target = BytesIO()
    with closing(Catalogue.open(parts.postgres.url(parts.database, user))) as catalogue:
        found, _ = find_audio(catalogue, leg)
        get(site.settings(), catalogue, found, reason="a dispute", name=user).copy(found[0], target)
    return target.getvalue()


def test_who_listens_needs_no_more_rights_than_the_page_says(site: Site, parts: RealParts) -> None:
    site.night()
    with parts.postgres.connect(parts.database) as connection:
        connection.execute("GRANT USAGE ON SCHEMA noojee_ingest TO reader")
        connection.execute("GRANT SELECT ON ALL TABLES IN SCHEMA noojee_ingest TO reader")
    before = {name: rows for name, rows in contents(parts.url).items() if name not in {"access", "segment"}}
    with pytest.raises(CatalogueError):  # and nothing was given out
        got_by(parts, site, "reader")
    assert parts.rows(AccessedRow) == []
    with parts.postgres.connect(parts.database) as connection:
        tables = ", ".join(f"noojee_ingest.{name}" for name in ("open_segment", "segment", "access"))
        connection.execute(f"GRANT INSERT, UPDATE, DELETE ON {tables} TO reader")  # type: ignore[arg-type]
    data = got_by(parts, site, "reader")
    (access,) = parts.rows(AccessedRow)
    audio = next(row for row in parts.rows(AudioStoredRow) if row["leg_id"] == access["leg_id"])
    assert (access["name"], access["reason"], access["sha256"]) == ("reader", "a dispute", audio["content_sha256"])
    assert len(data) == audio["content_size"]
    after = {name: rows for name, rows in contents(parts.url).items() if name not in {"access", "segment"}}
    assert after == before
    site.night()  # nothing is left that a night would stumble over
