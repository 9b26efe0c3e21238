"""An archive about which people decide, looked at from outside."""

from __future__ import annotations

import io
from contextlib import closing
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from noojee_ingest.catalogue import queries
from noojee_ingest.catalogue.database import Catalogue
from noojee_ingest.catalogue.search import Search, pages
from noojee_ingest.journal import segment
from noojee_ingest.journal.events import Event, Verdict
from noojee_ingest.model import State
from noojee_ingest.pipeline.decide import Decided, decide
from noojee_ingest.pipeline.errors import NotArchived
from noojee_ingest.pipeline.get import find_audio, read_audio
from noojee_ingest.pipeline.places import open_store
from noojee_ingest.pipeline.quarantine import evidence_key
from noojee_ingest.pipeline.show import show
from noojee_ingest.storage.errors import NotFound
from noojee_ingest.storage.root import Root, Store

if TYPE_CHECKING:
    from .conftest import Site

WHY, WHO = "a card number is spoken", "Kim Doe"


@dataclass
class Archive:
    """A site's archive after a night, looked at from outside."""

    site: Site

    def catalogue(self) -> closing[Catalogue]:
        return closing(Catalogue.open(self.site.settings().catalogue.url))

    @property
    def store(self) -> Store:
        return open_store(self.site.settings())

    def decide(self, verdict: Verdict, *leg_ids: str, reason: str = WHY, name: str = WHO) -> list[Decided]:
        with self.catalogue() as catalogue:
            return list(decide(self.site.settings(), catalogue, verdict, leg_ids, reason=reason, name=name))

    def rows(self) -> list[queries.Row]:
        """All legs, by leg id."""
        with self.catalogue() as catalogue:
            sums = queries.day_sums(catalogue, "here")
            days = [row["day"] for row in sums]
            found = [row for page in pages(catalogue, Search(days=days), size=1000) for row in page]
        return sorted(found, key=lambda row: str(row["leg_id"]))

    def leg(self, leg_id: str) -> queries.Row:
        with self.catalogue() as catalogue:
            return queries.legs_by_id(catalogue, [leg_id])[leg_id]

    def first(self, state: State) -> queries.Row:
        return next(row for row in self.rows() if row["state"] == state.value)

    def audio(self, leg_id: str) -> queries.Row:
        with self.catalogue() as catalogue:
            (row,) = queries.audio_of(catalogue, [leg_id])
        return row

    def findings(self, leg_id: str) -> set[str]:
        """The kinds that are found of a leg and its objects."""
        with self.catalogue() as catalogue:
            keys = [row["key"] for row in queries.audio_of(catalogue, [leg_id])]
            return {row["kind"] for row in queries.findings_of(catalogue, [leg_id, *keys])}

    def gone(self) -> int:
        with self.catalogue() as catalogue:
            days = [row["day"] for row in queries.day_sums(catalogue, "here")]
            return sum(queries.gone_objects(catalogue, "here", days).values())

    def got(self, leg_id: str) -> bytes:
        target = io.BytesIO()
        with self.catalogue() as catalogue:
            (audio,), _ = find_audio(catalogue, leg_id)
            read_audio(catalogue, self.store.archive, audio, target)
        return target.getvalue()

    def events(self) -> list[Event]:
        archive = self.store.archive
        return [event for key in segment.keys(archive) for event in segment.read(archive, key).events]

    def history(self, leg_id: str) -> list[Event]:
        with self.catalogue() as catalogue:
            return show(catalogue, self.store.archive, leg_id).history


def read(root: Root, key: str) -> bytes | None:
    try:
        with root.open(key) as source:
            return source.read()
    except NotFound:
        return None


def assert_withdrawn(archive: Archive, leg_id: str, data: bytes) -> None:
    audio = archive.audio(leg_id)
    assert archive.leg(leg_id)["state"] == "quarantined"
    assert read(archive.store.archive, audio["key"]) is None
    assert read(archive.store.evidence, evidence_key(audio["key"])) == data
    assert archive.findings(leg_id) & {"withdrawn object", "held object", "gone object"} == {"withdrawn object"}
    with pytest.raises(NotArchived, match="its state is quarantined"):
        archive.got(leg_id)


def decided(archive: Archive, verdict: Verdict, leg: str) -> None:
    """As ``decide``, in the child: a result that is not done is a failure."""
    assert [one.result for one in archive.decide(verdict, leg)] == ["done"]
