"""Verify and repair, the archive in a bucket with versions and the catalogue in PostgreSQL."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from noojee_ingest.catalogue.rebuild import rebuild
from noojee_ingest.journal import segment
from noojee_ingest.journal.events import Strength, Verdict
from noojee_ingest.model import State
from noojee_ingest.pipeline.quarantine import evidence_key
from tests.functional.pipeline.decisions import Archive
from tests.functional.pipeline.test_repair import KIM, mended, repaired
from tests.functional.pipeline.test_verify import CATALOGUE, DAY, EVERY, Found, found, notes, put, verified
from tests.integration.pipeline.conftest import RealParts

if TYPE_CHECKING:
    from tests.functional.pipeline.conftest import Site


@pytest.fixture
def archive(site: Site) -> Archive:
    site.night()
    site.requests()
    return Archive(site)


@pytest.fixture
def locked(site: Site, parts: RealParts) -> Archive:
    """As ``archive``, in a bucket that can lock objects."""
    name = f"{parts.bucket}-locked"
    parts.s3.owner.create_bucket(Bucket=name, ObjectLockEnabledForBucket=True)
    parts.bucket = name
    site.environ = parts.environ()
    site.night()
    return Archive(site)


def key_of_audio(archive: Archive) -> str:
    return str(archive.audio(archive.first(State.ARCHIVED)["leg_id"])["key"])


def over(parts: RealParts, key: str, change: Callable[[bytes], bytes]) -> None:
    """Another object on top of one, as a careless tool would put it."""
    full = f"archive/{key}"
    data = parts.s3.owner.get_object(Bucket=parts.bucket, Key=full)["Body"].read()
    parts.s3.owner.put_object(Bucket=parts.bucket, Key=full, Body=change(data))


def deleted(archive: Archive, parts: RealParts) -> Found:
    """A delete marker hides it."""
    key = key_of_audio(archive)
    parts.s3.owner.delete_object(Bucket=parts.bucket, Key=f"archive/{key}")
    return {("gone object", key)}


def gone_for_good(archive: Archive, parts: RealParts) -> Found:
    row = archive.audio(archive.first(State.ARCHIVED)["leg_id"])
    parts.s3.owner.delete_object(Bucket=parts.bucket, Key=f"archive/{row['key']}", VersionId=row["version_id"])
    return {("gone object", row["key"])}


def flipped_byte(archive: Archive, parts: RealParts) -> Found:
    key = key_of_audio(archive)
    over(parts, key, lambda data: data[:-1] + bytes([data[-1] ^ 1]))
    return {("damaged object", key)}


def cut_object(archive: Archive, parts: RealParts) -> Found:
    key = key_of_audio(archive)
    over(parts, key, lambda data: data[:-1])
    return {("damaged object", key)}


def added(archive: Archive, _: RealParts) -> Found:
    key = f"audio/site=here/day={DAY}/{'0' * 32}-{'0' * 16}.wav"
    put(archive, key, b"who put me here?")
    return {("orphan object", key)}


def cut_segment(archive: Archive, parts: RealParts) -> Found:
    key = next(segment.keys(archive.store.archive))
    over(parts, key, lambda data: data[:-20])
    return {("damaged segment", key)}


def gone_segment(archive: Archive, parts: RealParts) -> Found:
    key = next(segment.keys(archive.store.archive))
    parts.s3.owner.delete_object(Bucket=parts.bucket, Key=f"archive/{key}")
    return {("gone segment", key)}


def edited_leg(_: Archive, parts: RealParts) -> Found:
    return edited(parts, "UPDATE noojee_ingest.leg SET source = '1' WHERE leg_id = (SELECT min(leg_id) FROM leg)")


def lost_audio_row(_: Archive, parts: RealParts) -> Found:
    return edited(parts, "DELETE FROM noojee_ingest.audio WHERE leg_id = (SELECT min(leg_id) FROM audio)")


def edited(parts: RealParts, statement: str) -> Found:
    with parts.postgres.connect(parts.database) as connection:
        connection.execute("SET search_path TO noojee_ingest")
        assert connection.execute(statement).rowcount == 1  # type: ignore[arg-type]
    return {("catalogue disagreement", CATALOGUE)}


@pytest.mark.parametrize(
    ("damage", "weakest"),
    [
        (deleted, Strength.EXISTS),
        (gone_for_good, Strength.EXISTS),
        (cut_object, Strength.EXISTS),
        (added, Strength.EXISTS),
        (gone_segment, Strength.EXISTS),
        (
            flipped_byte,
            Strength.CHECKSUM,
        ),  # a bucket records a checksum of what is put, so a listing is all that misses
        (cut_segment, Strength.CHECKSUM),
        (edited_leg, Strength.CHECKSUM),
        (lost_audio_row, Strength.CHECKSUM),
    ],
    ids=lambda one: getattr(one, "__name__", str(one)),
)
def test_damage_is_found_by_a_look_that_is_close_enough_and_by_none_that_is_not(
    archive: Archive, parts: RealParts, damage: Callable[[Archive, RealParts], Found], weakest: Strength
) -> None:
    for strength in EVERY:
        assert verified(archive, strength).failures == []
    expected = damage(archive, parts)
    for strength in EVERY:
        done = verified(archive, strength)
        if EVERY.index(strength) < EVERY.index(weakest):
            assert (found(done), done.exit_code) == (set(), 0), strength
        else:
            assert (found(done), done.exit_code) == (expected, 4), strength
    assert notes(archive) == expected


def test_an_edited_catalogue_is_right_once_it_is_rebuilt(archive: Archive, parts: RealParts) -> None:
    edited_leg(archive, parts)
    assert verified(archive, Strength.CHECKSUM).exit_code == 4
    rebuild(archive.store.archive, parts.url)
    done = verified(archive, Strength.CHECKSUM)
    assert (done.failures, done.cleared) == ([], 1)


@pytest.mark.parametrize("damage", [deleted, gone_for_good, flipped_byte, cut_object])
def test_audio_is_put_back_as_it_was(
    archive: Archive, parts: RealParts, damage: Callable[[Archive, RealParts], Found]
) -> None:
    leg_id = archive.first(State.ARCHIVED)["leg_id"]
    right = archive.got(leg_id)
    ((kind, key),) = damage(archive, parts)
    verified(archive)
    archive.site.requests()
    assert mended(repaired(archive, KIM)) == {key: True}
    asked = archive.site.requests()
    assert bool(asked) is (damage is gone_for_good)  # else the version that was archived is still there
    assert archive.got(leg_id) == right
    assert verified(archive).failures == []
    in_sight = parts.s3.owner.get_object(Bucket=parts.bucket, Key=f"archive/{key}")["Body"].read()
    assert in_sight == right
    damaged = parts.objects("evidence/damaged/")
    assert bool(damaged) is (kind == "damaged object")


def test_a_lock_on_what_is_damaged_is_told_and_nothing_is_lost(locked: Archive, parts: RealParts) -> None:
    ((_, key),) = flipped_byte(locked, parts)
    until = datetime.now(UTC).replace(microsecond=0) + timedelta(days=1)
    parts.s3.owner.put_object_retention(
        Bucket=parts.bucket, Key=f"archive/{key}", Retention={"Mode": "GOVERNANCE", "RetainUntilDate": until}
    )
    verified(locked)
    (one,) = repaired(locked, KIM)
    assert (one.name, one.mended) == (key, False)
    assert f"{until:%Y-%m-%dT%H:%M}" in one.words
    assert found(verified(locked)) == {("damaged object", key)}


def test_the_copy_of_withdrawn_audio_is_checked(archive: Archive, parts: RealParts) -> None:
    row = archive.audio(archive.first(State.ARCHIVED)["leg_id"])
    archive.decide(Verdict.QUARANTINE, row["leg_id"])
    assert verified(archive).failures == []
    name = f"evidence/{evidence_key(row['key'])}"
    parts.s3.owner.put_object(Bucket=parts.bucket, Key=name, Body=b"x" * row["content_size"])
    assert found(verified(archive)) == {("damaged object", name)}
