"""The checker of the fault tests finds each kind of lie: else what it finds true means nothing."""

from __future__ import annotations

import gzip
import json
import shutil
import sqlite3
from contextlib import closing
from dataclasses import replace
from datetime import date
from typing import TYPE_CHECKING, Any

import pytest

from .truth import untruths

if TYPE_CHECKING:
    from collections.abc import Callable

    from noojee_ingest.pipeline.report import NightReport

    from .conftest import Site

DAY = date(2026, 3, 10)


def flip(site: Site) -> None:
    path = site.audio_files()[0]
    path.chmod(0o600)
    path.write_bytes(path.read_bytes()[:-1] + b"?")


def remove(site: Site) -> None:
    site.audio_files()[0].unlink()


def add(site: Site) -> None:
    path = site.audio_files()[0]
    for name in (path.name, f"{path.name}.json"):
        shutil.copy(path.with_name(name), path.with_name("0" * 32 + name[32:]))


def exchange(site: Site) -> None:
    """Two legs' audio, journal and names and all: only the phone system knows better."""
    one, other = (event for event in site.events("ingestion")[:2])
    names = ["content_sha256", "content_size", "stored_sha256", "stored_size", "key", "extension", "seconds", "codec"]
    told = {one["id"]: {name: other[name] for name in names}, other["id"]: {name: one[name] for name in names}}
    rewrite(site, lambda event: {**event, **told.get(event["id"], {})})


def forget(site: Site) -> None:
    """A segment of a list."""
    path = next(
        path
        for path in site.archive.glob("journal/**/*.jsonl.gz")
        if b'"accession"' in gzip.decompress(path.read_bytes())
    )
    path.unlink()


def forget_leg(site: Site) -> None:
    leg_id = next(iter(site.legs().values()))["leg_id"]
    rewrite(site, lambda event: None if event["object"]["id"] == leg_id else event)


def double(site: Site) -> None:
    rewrite(
        site,
        lambda event: (
            {**event, "id": event["id"][::-1], "object": {**event["object"], "id": "f" * 32}}
            if event["kind"] == "accession" and event["object"]["type"] == "leg"
            else event
        ),
        once=True,
    )


def edit(site: Site) -> None:
    with closing(sqlite3.connect(site.folder / "catalogue.db")) as database, database:
        database.execute("update leg set state = 'pending' where leg_id = (select min(leg_id) from leg)")


def rewrite(site: Site, change: Callable[[Any], Any], *, once: bool = False) -> None:
    """Other segments with other sidecars; ``once``: the first changed line is added, and nothing is taken away."""
    for path in sorted(site.archive.glob("journal/**/*.jsonl.gz")):
        lines = [json.loads(line) for line in gzip.decompress(path.read_bytes()).decode().splitlines()]
        changed = [now for now in map(change, lines) if now is not None]
        if changed == lines:
            continue
        if once:
            changed = [*lines, next(now for now, was in zip(changed, lines, strict=True) if now != was)]
        data = gzip.compress("".join(f"{json.dumps(line)}\n" for line in changed).encode())
        path.chmod(0o600)
        path.write_bytes(data)
        if once:
            return


@pytest.mark.parametrize(
    ("lie", "said"),
    [
        (flip, "holds other bytes than the journal says"),
        (remove, "is archived, archive/audio/"),
        (add, "the journal does not know it"),
        (exchange, "what is archived for it is not what the phone system has"),
        (forget, "the catalogue is not what a rebuild makes of the journal"),
        (forget, "no view told of it"),
        (forget_leg, "was lost: "),
        (double, "is 2 legs in the journal"),
        (edit, "the catalogue's states are not those of the journal"),
    ],
)
def test_a_lie_is_found(site: Site, lie: Callable[[Site], None], said: str) -> None:
    report = site.night()
    assert untruths(site, report) == []
    lie(site)
    assert said in "\n".join(untruths(site, report))


def a_state_too_many(report: NightReport) -> NightReport:
    report.days[0].total.states["archived"] += 1
    return report


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (a_state_too_many, "the report of 2026-03-10 counts"),
        (lambda report: replace(report, days=[replace(report.days[0], gaps=[])]), "does not name its gaps"),
        (lambda report: replace(report, days=[replace(report.days[0], unlisted_hours=3)]), "hours were not listed"),
    ],
)
def test_a_report_that_lies_is_found(
    make_site: Callable[..., Site], spoil: Callable[[NightReport], NightReport], said: str
) -> None:
    site = make_site(not_audio_legs=2)
    report = site.night()
    assert untruths(site, report) == []
    assert said in "\n".join(untruths(site, spoil(report)))
