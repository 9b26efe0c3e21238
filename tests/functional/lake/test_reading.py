"""What DuckDB, pandas and pyarrow read is what was published, to the last value."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from contextlib import closing
from datetime import UTC
from math import isnan
from pathlib import Path
from typing import Any

import duckdb
import pandas as pd
import pyarrow as pa
import pyarrow.dataset as ds
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from noojee_ingest.lake.schema import CALL_RECORDS, LEGS, TABLES, TEXT_MAP, TEXTS, Table
from noojee_ingest.lake.sql import query
from tests.functional.lake.conftest import DAY, NEXT_DAY, Lake, in_one_spelling, row

HOSTILE = st.sampled_from(
    [
        "",
        "\\u0000",
        "\\udce9",
        "'; DROP TABLE legs; --",
        "\x1b[31m\r\n\t",
        "Zoë 🙂",
        "\u202eltr",
        "null",
        "NaN",
        '{"a":1}',
    ]
)
TEXT = HOSTILE | st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=30)
VALUES: dict[pa.DataType, st.SearchStrategy[Any]] = {
    pa.string(): TEXT,
    pa.int64(): st.integers(-(2**63), 2**63 - 1),
    pa.float64(): st.floats(allow_nan=False, allow_infinity=False),
    pa.timestamp("us", tz="UTC"): st.datetimes(timezones=st.just(UTC)),
    TEXTS: st.lists(TEXT, max_size=3).map(tuple),
    TEXT_MAP: st.dictionaries(TEXT, TEXT, max_size=3),
}


def rows_of(table: Table) -> st.SearchStrategy[list[dict[str, Any]]]:
    """Some rows with any values, absent ones among them, under different ids, sorted by them."""
    told = {column.name: st.none() | VALUES[column.type] for column in table.in_file if column.name != table.row_id} | {
        "site": st.just("here"),
        "day": st.just(DAY),
        table.row_id: st.uuids().map(lambda made: made.hex),
    }
    rows = st.lists(st.fixed_dictionaries(told), max_size=5, unique_by=lambda found: found[table.row_id])
    return rows.map(lambda found: sorted(found, key=lambda one: str(one[table.row_id])))


def by_duckdb(lake: Lake, table: Table) -> list[dict[str, Any]]:
    types = "hive_types = {'site': VARCHAR, 'day': DATE}"
    with duckdb.connect(":memory:") as connection:
        connection.execute("SET TimeZone = 'UTC'")
        found = connection.execute(
            f"FROM read_parquet('{lake.path}/{table.name}/*/*/*.parquet', hive_partitioning = true, {types})"
        )
        names = [told[0] for told in found.description]
        return [dict(zip(names, values, strict=True)) for values in found.fetchall()]


PARTITIONS = ds.partitioning(pa.schema([("site", pa.string()), ("day", pa.date32())]), flavor="hive")


def by_pandas(lake: Lake, table: Table) -> list[dict[str, Any]]:
    files = sorted(str(path) for path in lake.path.glob(f"{table.name}/*/*/*.parquet"))
    frame = pd.read_parquet(files, partitioning=PARTITIONS, dtype_backend="pyarrow")
    return [{name: _known(value) for name, value in found.items()} for found in frame.to_dict("records")]


def _known(value: Any) -> Any:
    """pandas has several words for null."""
    return None if value is pd.NA or value is pd.NaT or (isinstance(value, float) and isnan(value)) else value


def by_ourselves(lake: Lake, table: Table) -> list[dict[str, Any]]:
    with closing(query(lake.files, f"FROM {table.name}")) as answer:
        names = [column.name for column in answer.columns]
        assert names == table.schema.names
        return [dict(zip(names, values, strict=True)) for values in answer]


READERS = pytest.mark.parametrize("read", [by_duckdb, by_pandas, by_ourselves])


@pytest.mark.parametrize("table", TABLES.values(), ids=lambda table: table.name)
@settings(max_examples=20, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(data=st.data())
def test_any_value_is_read_as_it_was_published(
    make_lake: Callable[[Path], Lake], table: Table, data: st.DataObject
) -> None:
    rows = data.draw(rows_of(table))
    with tempfile.TemporaryDirectory() as folder:
        lake = make_lake(Path(folder))
        lake.publish(row(table, number=0), *rows, table=table)
        for read in (by_duckdb, by_pandas, by_ourselves):
            expected = in_one_spelling(table, [row(table, number=0), *rows])
            assert in_one_spelling(table, read(lake, table)) == expected, read


@READERS
def test_site_and_day_come_from_the_key_with_their_types(lake: Lake, read: Callable[..., Any]) -> None:
    for site in ("here", "2026"):  # a slug may look like a number
        for day in (DAY, NEXT_DAY):
            lake.publish(row(number=1), site=site, day=day)
    found = sorted((one["site"], one["day"]) for one in read(lake, LEGS))
    assert found == [("2026", DAY), ("2026", NEXT_DAY), ("here", DAY), ("here", NEXT_DAY)]


def test_a_user_field_is_reached_by_its_name_and_an_unknown_field_of_the_wire_in_raw(lake: Lake) -> None:
    call = row(CALL_RECORDS, fields={"Full Name": "Zoë", "x": ""}, raw='{"Unheard": {"of": ["1.10"]}}')
    lake.publish(call, table=CALL_RECORDS)
    lake.publish(row(raw={"by-hour": '{"Unheard": "a"}', "by-unique-id": '{"Unheard": "b"}'}))
    asked = """SELECT fields['Full Name'], fields['x'], fields['y'], raw->'$.Unheard.of'->>0,
               (SELECT raw['by-unique-id']->>'$.Unheard' FROM legs) FROM call_records"""
    with closing(query(lake.files, asked)) as answer:
        assert list(answer) == [("Zoë", "", None, "1.10", "b")]
