"""One site-day of a table as an object of the lake."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, date, datetime
from typing import Any

import pyarrow.parquet as pq
import pytest

from noojee_ingest.lake import publish
from noojee_ingest.lake.errors import RowDoesNotFit
from noojee_ingest.lake.publish import publish_day
from noojee_ingest.lake.schema import CALL_RECORDS, LEGS, Table
from noojee_ingest.storage.errors import StoreReadOnly
from noojee_ingest.storage.folder import open_folder_store
from tests.functional.lake.conftest import DAY, NEXT_DAY, Lake, row

BOTH = pytest.mark.parametrize("table", [LEGS, CALL_RECORDS], ids=lambda table: table.name)


@BOTH
def test_a_day_becomes_one_object_at_its_key_that_says_what_it_is(lake: Lake, table: Table) -> None:
    done = lake.publish(row(table, 1), row(table, 2), table=table)

    (listed,) = lake.root.list("")
    metadata = lake.root.head(listed.key).metadata
    inside = pq.read_metadata(lake.file(table)).metadata
    assert (done.key, done.rows, done.written, done.size) == (listed.key, 2, True, listed.size)
    assert listed.key == f"{table.name}/site=here/day=2026-03-10/{table.name}.parquet"
    assert (metadata["schema-version"], metadata["rows"]) == ("1", "2")
    assert inside[b"noojee_ingest.content_digest"].decode() == metadata["content-digest"]
    assert inside[b"noojee_ingest.day"] == b"2026-03-10"


def test_rows_stay_in_their_order_and_are_compressed_with_zstd(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(publish, "GROUP_ROWS", 7)
    lake.publish(*(row(number=number) for number in range(20)))
    file = pq.ParquetFile(lake.file())
    assert file.read()["leg_id"].to_pylist() == [f"{number:032x}" for number in range(20)]
    assert [file.metadata.row_group(number).num_rows for number in range(file.num_row_groups)] == [7, 7, 6]
    chunks = [file.metadata.row_group(0).column(number) for number in range(file.metadata.num_columns)]
    assert {chunk.compression for chunk in chunks} == {"ZSTD"}


@BOTH
def test_the_same_rows_are_not_written_again_and_a_changed_one_is(lake: Lake, table: Table) -> None:
    rows = [row(table, number) for number in range(3)]
    assert [lake.publish(*rows, table=table).written for _ in range(3)] == [True, False, False]
    assert len(lake.root.put) == 1
    rows[1]["cause"] = "another"
    assert lake.publish(*rows, table=table).written
    assert pq.read_table(lake.file(table))["cause"].to_pylist() == [None, "another", None]
    assert lake.publish(*rows[:2], table=table).written
    assert len(lake.root.put) == 3


def test_days_sites_and_tables_do_not_stand_in_each_others_way(lake: Lake) -> None:
    lake.publish(row(number=1))
    lake.publish(row(number=2), day=NEXT_DAY)
    lake.publish(row(number=3), site="there")
    lake.publish(row(CALL_RECORDS, 4), table=CALL_RECORDS)
    assert len(lake.root.put) == len(set(lake.root.put)) == 4
    assert not lake.publish(row(number=1)).written


def test_a_day_without_rows_gets_no_object_but_one_that_has_an_object_is_emptied(lake: Lake) -> None:
    assert lake.publish().written is False
    assert list(lake.root.list("")) == []
    lake.publish(row())
    assert [lake.publish().written for _ in range(2)] == [True, False]
    assert pq.read_table(lake.file()).num_rows == 0
    assert pq.read_schema(lake.file()).names == LEGS.in_file.names


def test_an_object_of_another_schema_version_is_written_again(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    lake.publish(row())
    monkeypatch.setattr(publish, "SCHEMA_VERSION", 2)
    assert lake.publish(row()).written
    assert lake.root.head(LEGS.key("here", DAY)).metadata["schema-version"] == "2"


@pytest.mark.parametrize("damage", ["sidecar gone", "sidecar unreadable", "file cut", "file gone"])
def test_an_object_that_cannot_be_relied_on_is_written_again(lake: Lake, damage: str) -> None:
    lake.publish(row())
    path = lake.file()
    sidecar = path.with_name(path.name + ".json")
    if damage == "sidecar gone":
        sidecar.unlink()
    elif damage == "sidecar unreadable":
        sidecar.unlink()
        sidecar.write_text("{")
    elif damage == "file cut":
        data = path.read_bytes()
        path.unlink()
        path.write_bytes(data[:100])
    else:
        path.unlink()
    assert lake.publish(row()).written
    assert pq.read_table(path).num_rows == 1
    assert json.loads(sidecar.read_text())["metadata"]["rows"] == "1"


@pytest.mark.parametrize(
    "wrong",
    [
        {"hour": 2**63},
        {"hour": "three"},
        {"duration": float("nan")},
        {"started": "2026-03-10"},
        {"tag": "\ud800"},
        {"findings": [1]},
        {"raw": {"by-hour": 1}},
        {"raw": object()},
    ],
    ids=str,
)
def test_a_value_that_no_column_holds_is_told_with_its_day_and_the_old_object_stays(
    lake: Lake, wrong: dict[str, Any]
) -> None:
    lake.publish(row())
    with pytest.raises(RowDoesNotFit, match=r"publishing lake/legs/site=here/day=2026-03-10/legs\.parquet: .*report"):
        lake.publish(row(), row(number=1, **wrong))
    assert pq.read_table(lake.file()).num_rows == 1


def test_a_row_that_lacks_a_column_is_told(lake: Lake) -> None:
    short = row()
    del short["tag"]
    with pytest.raises(RowDoesNotFit, match="tag"):
        lake.publish(short)


def test_what_the_rows_raise_passes_and_nothing_is_left_behind(lake: Lake) -> None:
    def broken() -> Iterator[dict[str, Any]]:
        yield row()
        raise ConnectionError("the catalogue is gone")

    with pytest.raises(ConnectionError):
        publish_day(lake.root, LEGS, "here", DAY, broken(), workspace=lake.workspace)
    assert list(lake.root.list("")) == []
    assert list(lake.workspace.iterdir()) == []


def test_a_store_that_is_only_read_is_not_written(lake: Lake) -> None:
    root = open_folder_store(lake.path.parent, reading=True).lake
    with pytest.raises(StoreReadOnly):
        publish_day(root, LEGS, "here", DAY, [row()], workspace=lake.workspace)


def test_the_first_and_last_instants_and_days_that_python_knows_are_kept(lake: Lake) -> None:
    first, last = datetime(1, 1, 1, tzinfo=UTC), datetime(9999, 12, 31, 23, 59, 59, 999999, tzinfo=UTC)
    lake.publish(row(started=first, ended=last), day=date(1, 1, 1))
    read = pq.read_table(lake.file(day=date(1, 1, 1))).to_pylist()[0]
    assert (read["started"], read["ended"]) == (first, last)
