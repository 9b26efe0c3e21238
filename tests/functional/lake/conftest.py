"""A lake in a folder, rows for it, and what any reader of Parquet makes of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any, BinaryIO

import pyarrow as pa
import pytest
from hypothesis import settings

from noojee_ingest.lake.files import LakeFiles, folder_files
from noojee_ingest.lake.publish import LAKE_ID, DayFile, publish_day
from noojee_ingest.lake.schema import LEGS, Table
from noojee_ingest.storage.folder import open_folder_store
from noojee_ingest.storage.root import Root, Stored

settings.register_profile("unhurried", deadline=None)
settings.load_profile("unhurried")

DAY, NEXT_DAY = date(2026, 3, 10), date(2026, 3, 11)


def row(table: Table = LEGS, number: int = 0, **told: Any) -> dict[str, Any]:
    """A row that says little but what is told."""
    said = {"site": "here", "day": DAY, table.row_id: f"{number:032x}", "findings": ()}
    return dict.fromkeys(table.schema.names) | said | told


class Counting:
    """A root of a lake; ``put`` are the keys of days that were replaced, in order."""

    def __init__(self, root: Root) -> None:
        self._root = root
        self.put: list[str] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self._root, name)

    def replace(self, key: str, body: BinaryIO, *, size: int, sha256: str, metadata: Mapping[str, str]) -> Stored:
        if key != LAKE_ID:
            self.put.append(key)
        return self._root.replace(key, body, size=size, sha256=sha256, metadata=metadata)


@dataclass
class Lake:
    """``path`` is the folder of the root ``lake``, ``workspace`` where files are made."""

    path: Path
    workspace: Path
    root: Any

    def publish(self, *rows: dict[str, Any], table: Table = LEGS, site: str = "here", day: date = DAY) -> DayFile:
        return publish_day(self.root, table, site, day, rows, workspace=self.workspace)

    def file(self, table: Table = LEGS, site: str = "here", day: date = DAY) -> Path:
        return self.path / table.key(site, day)

    @property
    def files(self) -> LakeFiles:
        return folder_files(self.root, self.path)


@pytest.fixture
def make_lake() -> Callable[[Path], Lake]:
    def made(folder: Path) -> Lake:
        (folder / "work").mkdir()
        return Lake(folder / "store" / "lake", folder / "work", Counting(open_folder_store(folder / "store").lake))

    return made


@pytest.fixture
def lake(make_lake: Callable[[Path], Lake], tmp_path: Path) -> Lake:
    return make_lake(tmp_path)


def as_read(value: Any, kind: pa.DataType) -> Any:
    """A value, of the catalogue or from any reader, in one spelling."""
    if value is None:
        return None
    if pa.types.is_map(kind):
        return sorted(dict(value).items())
    if pa.types.is_list(kind):
        return list(value)
    if pa.types.is_timestamp(kind):
        instant: datetime = value if type(value) is datetime else value.to_pydatetime()
        return instant.astimezone(UTC)
    return value


def in_one_spelling(table: Table, rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Rows by column, sorted as the table is."""
    kinds = {column.name: column.type for column in table.schema}
    told = [{name: as_read(found[name], kind) for name, kind in kinds.items()} for found in rows]
    return sorted(told, key=lambda one: (one["site"], one["day"], one[table.row_id]))
