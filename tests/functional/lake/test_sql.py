"""SQL over the lake: the two tables, and nothing else."""

from __future__ import annotations

import random
from contextlib import closing
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from noojee_ingest.lake import files, publish
from noojee_ingest.lake.errors import BadStatement, DamagedDay, DayReplaced, LakeError, OtherVersion
from noojee_ingest.lake.schema import CALL_RECORDS, LEGS
from noojee_ingest.lake.sql import query
from noojee_ingest.storage.errors import StoreUnavailable
from tests.functional.lake.conftest import DAY, NEXT_DAY, Lake, row

LATER = date(2026, 3, 12)


@pytest.fixture
def three_days(lake: Lake) -> Lake:
    for number, day in enumerate((DAY, NEXT_DAY, LATER)):
        lake.publish(row(number=number, tag="a"), row(number=number + 10, tag="b"), day=day)
        lake.publish(row(number=number), site="there", day=day)
        lake.publish(row(CALL_RECORDS, number), table=CALL_RECORDS, day=day)
    return lake


def ask(lake: Lake, statement: str, **more: Any) -> tuple[list[tuple[Any, ...]], list[str]]:
    """The rows of an answer, and the objects that were opened for it."""
    with closing(query(lake.files, statement, **more)) as answer:
        return list(answer), answer.keys_read


# -- only what is asked for is read


@pytest.mark.parametrize(
    ("condition", "days"),
    [
        ("day = DATE '2026-03-10'", [DAY]),
        ("day = '2026-03-10' AND tag = 'a'", [DAY]),
        ("day > '2026-03-10'", [NEXT_DAY, LATER]),
        ("day BETWEEN '2026-03-10' AND '2026-03-11'", [DAY, NEXT_DAY]),
        ("day IN ('2026-03-10', '2026-03-12')", [DAY, LATER]),
        ("day = '2026-03-13'", []),
    ],
)
def test_a_condition_on_the_day_opens_only_the_objects_of_that_day(
    three_days: Lake, condition: str, days: list[date]
) -> None:
    (found,), opened = ask(three_days, f"SELECT count(leg_id) FROM legs WHERE site = 'here' AND {condition}")
    assert found == (len(days) * (1 if "tag" in condition else 2),)
    assert opened == [LEGS.key("here", day) for day in days]


def test_a_damaged_day_does_not_matter_to_a_question_about_another(three_days: Lake) -> None:
    damage(three_days.file(day=LATER), b"no Parquet")
    assert ask(three_days, "SELECT count(*) FROM legs WHERE day < '2026-03-12'")[0] == [(6,)]
    with pytest.raises(DamagedDay, match=r"legs/site=here/day=2026-03-12/legs\.parquet: it cannot be read.*--all"):
        ask(three_days, "SELECT count(*) FROM legs")


def test_a_site_may_be_asked_alone_and_its_objects_are_the_only_ones_opened(three_days: Lake) -> None:
    rows, opened = ask(three_days, "SELECT DISTINCT site FROM legs", site="there")
    assert rows == [("there",)]
    assert opened == [LEGS.key("there", day) for day in (DAY, NEXT_DAY, LATER)]


def test_what_is_not_a_days_object_is_left_alone(three_days: Lake) -> None:
    for name in (
        "legs/stray.parquet",
        "legs/site=here/day=2026-03-10/other.parquet",
        "legs/site=here/day=x/legs.parquet",
        "legs/site=here/day=2026-02-31/legs.parquet",
    ):
        path = three_days.path / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(b"no Parquet")
    assert ask(three_days, "SELECT count(*) FROM legs")[0] == [(9,)]


def test_an_empty_lake_has_both_tables_with_all_columns(lake: Lake) -> None:
    for table in (LEGS, CALL_RECORDS):
        assert ask(lake, f"FROM {table.name}") == ([], [])
        described, _ = ask(lake, f"DESCRIBE {table.name}")
        assert [told[0] for told in described] == table.schema.names
    types = {told[0]: told[1] for told in ask(lake, "DESCRIBE call_records")[0]}
    assert (types["day"], types["called"], types["fields"], types["legs"], types["findings"]) == (
        "DATE", "TIMESTAMP WITH TIME ZONE", "MAP(VARCHAR, VARCHAR)", "BIGINT", "VARCHAR[]",
    )  # fmt: skip


# -- what cannot be read says why


def damage(path: Path, data: bytes) -> None:
    path.unlink()
    path.write_bytes(data)


def test_an_object_of_another_schema_version_is_refused_by_name_until_it_is_published_again(
    three_days: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as newer:
        newer.setattr(publish, "SCHEMA_VERSION", 7)
        three_days.publish(row(), day=NEXT_DAY)
    said = r"legs/site=here/day=2026-03-11/legs\.parquet: it has the columns of version 7, .* 1\. .*lake publish --all"
    with pytest.raises(OtherVersion, match=said):
        ask(three_days, "SELECT count(*) FROM legs")
    assert ask(three_days, "SELECT count(*) FROM legs WHERE day <> '2026-03-11'")[0] == [(6,)]
    three_days.publish(row(), day=NEXT_DAY)
    assert ask(three_days, "SELECT count(*) FROM legs")[0] == [(8,)]


def test_parquet_that_is_not_ours_is_refused(three_days: Lake) -> None:
    path = three_days.file()
    path.unlink()
    pq.write_table(pa.table({"leg_id": ["0"]}), path)
    with pytest.raises(OtherVersion, match="version unknown"):
        ask(three_days, "SELECT count(*) FROM legs")


def test_damage_inside_a_file_is_told_as_such_and_not_as_a_wrong_statement(lake: Lake) -> None:
    lake.publish(*(row(number=number, tag=f"tag {number} {number**9}") for number in range(500)))
    data = bytearray(lake.file().read_bytes())
    column = next(
        one
        for one in map(pq.read_metadata(lake.file()).row_group(0).column, range(10, 33))
        if one.path_in_schema == "tag"
    )
    start = column.data_page_offset
    data[start : start + 200] = bytes(200)
    damage(lake.file(), bytes(data))
    with pytest.raises(DamagedDay, match=r"legs/site=here/day=2026-03-10/legs\.parquet"):
        ask(lake, "SELECT max(tag) FROM legs")


def test_an_object_that_went_away_meanwhile_is_told(three_days: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    listed = list(three_days.root.list("legs/"))
    three_days.file().unlink()
    monkeypatch.setattr(
        three_days.root, "list", lambda prefix: [one for one in listed if one.key.startswith(prefix)], raising=False
    )
    with pytest.raises(StoreUnavailable, match=r"lake/legs/site=here/day=2026-03-10/legs\.parquet"):
        ask(three_days, "SELECT count(*) FROM legs")


def published_while_read(lake: Lake, monkeypatch: pytest.MonkeyPatch, times: int) -> list[int]:
    """Publish a day anew, up to ``times`` times, each between the reading of its footer and that of its pages.

    Gives the numbers of rows that it had one after another.
    """
    check, rows = files._check_version, [2_000]

    def publish_after(key: str, fragment: Any) -> None:
        check(key, fragment)
        if "day=2026-03-11" in key and len(rows) <= times:
            rows.append(rows[-1] + 600)
            lake.publish(*noise(rows[-1]), day=NEXT_DAY)

    for day in (DAY, NEXT_DAY):
        lake.publish(*noise(2_000), day=day)
    monkeypatch.setattr(files, "_check_version", publish_after)
    return rows


def noise(number: int) -> list[dict[str, Any]]:
    made = random.Random(number)
    return [row(number=one, tag=made.randbytes(20).hex()) for one in range(number)]


MOST = "SELECT count(DISTINCT tag) FROM legs"


def test_a_day_that_is_published_while_it_is_read_is_asked_once_more(
    lake: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = published_while_read(lake, monkeypatch, times=1)
    assert ask(lake, MOST)[0] == [(2_000 + 2_600,)]
    assert rows == [2_000, 2_600]


def test_a_day_that_is_published_again_and_again_is_told_as_such_and_not_as_damage(
    lake: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    published_while_read(lake, monkeypatch, times=9)
    with pytest.raises(DayReplaced, match=r"day=2026-03-11/legs\.parquet: it was published anew while.*Run again\."):
        ask(lake, MOST)


@pytest.mark.parametrize(
    "condition", ["regexp_matches(tag, '(')", "strptime(tag, '%Y') IS NULL", "tag = (SELECT tag FROM legs)"]
)
def test_a_wrong_statement_has_no_file_read_for_damage(
    three_days: Lake, monkeypatch: pytest.MonkeyPatch, condition: str
) -> None:
    def looked(_: files.Days) -> None:
        raise AssertionError("the files were read from end to end")

    monkeypatch.setattr(files.Days, "find_damage", looked)
    with pytest.raises(BadStatement, match="Invalid Input Error"):
        ask(three_days, f"SELECT leg_id FROM legs WHERE {condition}")


# -- what may not be asked


@pytest.mark.parametrize(
    "statement",
    [
        "SELECT * FROM read_csv('/etc/passwd')",
        "SELECT * FROM '/etc/passwd'",
        "SELECT * FROM read_text('/etc/passwd')",
        "SELECT * FROM read_blob('config.toml')",
        "SELECT * FROM glob('/*')",
        "SELECT * FROM read_parquet('https://example.com/x.parquet')",
        "SELECT * FROM read_parquet('s3://bucket/x.parquet')",
        "SELECT * FROM 'legs.parquet'",
    ],
)
def test_nothing_else_can_be_read(lake: Lake, statement: str) -> None:
    with pytest.raises(BadStatement, match=r"Only the tables legs and call_records can be read|does not exist"):
        ask(lake, statement)


@pytest.mark.parametrize(
    "statement",
    [
        "COPY legs TO '{folder}/x.csv'",
        "COPY (SELECT 1) TO '{folder}/x.parquet' (FORMAT parquet)",
        "ATTACH '{folder}/x.db'",
        "EXPORT DATABASE '{folder}/x'",
        "IMPORT DATABASE '{folder}'",
        "INSTALL httpfs",
        "LOAD httpfs",
        "CREATE TABLE x AS SELECT 1",
        "INSERT INTO legs SELECT * FROM legs",
        "DELETE FROM legs",
        "UPDATE legs SET tag = ''",
        "DROP TABLE legs",
        "SET enable_external_access = true",
        "SET lock_configuration = false",
        "PRAGMA version",
        "CALL pragma_version()",
        "PREPARE x AS SELECT 1",
        "SELECT 1; SELECT 2",
        "",
        " -- nothing",
    ],
)
def test_only_one_select_is_taken(lake: Lake, tmp_path: Path, statement: str) -> None:
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(BadStatement, match=r"asking the lake: this is not one SELECT\. It reads"):
        ask(lake, statement.format(folder=tmp_path))
    assert sorted(tmp_path.rglob("*")) == before


def test_names_in_sql_are_never_variables_of_the_program(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(query.__globals__, "stray", pa.table({"a": [1]}))
    with pytest.raises(BadStatement, match="stray does not exist"):
        ask(lake, "SELECT * FROM stray")


def test_the_environment_cannot_be_read(lake: Lake) -> None:
    with pytest.raises(BadStatement, match="getenv does not exist"):
        ask(lake, "SELECT getenv('AWS_SECRET_ACCESS_KEY')")
    with pytest.raises(BadStatement, match="Only the tables"):
        ask(lake, "FROM duckdb_secrets()")


def test_configuration_is_as_it_should_be(lake: Lake) -> None:
    names = (
        "enable_external_access",
        "lock_configuration",
        "autoload_known_extensions",
        "temp_directory",
        "memory_limit",
    )
    settings = ", ".join(f"current_setting('{name}')" for name in names)
    assert ask(lake, f"SELECT {settings}")[0] == [(False, True, False, "", "2.0 GiB")]


def test_what_does_not_fit_into_memory_is_refused(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(query.__globals__["CONFIGURATION"], "memory_limit", "20MiB")
    with pytest.raises(BadStatement, match="Out of Memory"):
        ask(lake, "SELECT list(x) FROM range(10000000) t(x)")


@pytest.mark.parametrize("statement", ["SELEC 1", "SELECT nobody FROM legs", "SELECT 1 FROM nobody", "SELECT 'x'::INT"])
def test_wrong_sql_is_told_in_one_line_with_duckdbs_words(lake: Lake, statement: str) -> None:
    with pytest.raises(BadStatement) as told:
        ask(lake, statement)
    said = str(told.value)
    assert said.startswith("asking the lake: ")
    assert "Error: " in said
    assert "\n" not in said
    assert said.endswith(". docs/lake.md has the tables and examples.")


def test_what_came_over_the_wire_does_nothing_in_an_error(lake: Lake) -> None:
    lake.publish(row(tag="\x1b]0;owned\x07\u202e\r\n7"))
    with pytest.raises(LakeError) as told:
        ask(lake, "SELECT tag::INT FROM legs")
    assert str(told.value).isprintable()
    assert r"\x1b]0;owned\x07\u202e" in str(told.value)


# -- zones


def test_instants_are_cut_into_days_in_the_zone_that_is_told(lake: Lake) -> None:
    lake.publish(row(started=datetime(2026, 3, 9, 13, 30, tzinfo=UTC)))
    asked = "SELECT started::DATE, date_part('hour', started) FROM legs"
    assert ask(lake, asked)[0] == [(date(2026, 3, 9), 13)]
    assert ask(lake, asked, zone="Australia/Melbourne")[0] == [(date(2026, 3, 10), 0)]


def test_long_answers_come_in_parts(lake: Lake) -> None:
    lake.publish(*(row(number=number) for number in range(2_500)))
    with closing(query(lake.files, "SELECT leg_id FROM legs ORDER BY 1")) as answer:
        assert [leg_id for (leg_id,) in answer] == [f"{number:032x}" for number in range(2_500)]
        assert list(answer) == []
