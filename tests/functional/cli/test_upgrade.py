"""``catalogue upgrade`` as a person calls it."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

from noojee_ingest.catalogue.tables import REVISION

Program = Callable[..., Any]


def make_older(folder: Path) -> None:
    with closing(sqlite3.connect(folder / "data" / "catalogue.db")) as catalogue:
        catalogue.execute("UPDATE revision SET revision = ?", [REVISION - 1])
        catalogue.commit()


def test_a_catalogue_of_another_version_is_refused_until_it_is_upgraded(program: Program, folder: Path) -> None:
    before = program("search", "--json").out
    make_older(folder)
    said = program("search", "--json")
    assert (said.code, said.out) == (1, "")
    assert f"revision {REVISION - 1}" in said.err
    assert "`noojee-ingest catalogue upgrade`" in said.err
    said = program("catalogue", "upgrade", "--json")
    segments = len(list((folder / "data/store/archive/journal").rglob("*.jsonl.gz")))
    assert (said.code, said.document) == (0, {"segments": segments, "catalogue": "sqlite:///data/catalogue.db"})
    assert program("search", "--json").out == before


def test_of_this_version_nothing_is_done(program: Program, folder: Path) -> None:
    catalogue = folder / "data" / "catalogue.db"
    before = catalogue.stat().st_ino
    said = program("catalogue", "upgrade")
    assert said.code == 0
    assert said.out == "Nothing to do, the catalogue is of this version: sqlite:///data/catalogue.db\n"
    assert program("catalogue", "upgrade", "--json").document["segments"] is None
    assert catalogue.stat().st_ino == before


def test_how_many_segments_it_read_is_told(program: Program, folder: Path) -> None:
    make_older(folder)
    said = program("catalogue", "upgrade")
    assert said.code == 0
    assert said.out.startswith("The catalogue is upgraded, from ")
