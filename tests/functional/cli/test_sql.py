"""The verbs of the lake: sql, and lake publish."""

from __future__ import annotations

import csv
import json
import os
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from noojee_ingest.cli import sql as cli_sql
from noojee_ingest.lake import publish as lake_publish
from noojee_ingest.lake.publish import publish_day
from noojee_ingest.lake.schema import LEGS
from noojee_ingest.storage.folder import open_folder_store
from tests.functional.cli.conftest import KEY_VARIABLE
from tests.functional.lake.conftest import row as lake_row

if TYPE_CHECKING:
    from noojee_ingest.simulator import Truth

    from .conftest import Said

Program = Callable[..., "Said"]
DAY = date(2026, 3, 10)

pytestmark = pytest.mark.usefixtures("folder")


def test_a_table_has_names_numbers_and_the_sites_time(program: Program, truth: Truth) -> None:
    said = program("sql", "SELECT day, count(*) AS legs, min(started) AS first FROM legs GROUP BY ALL ORDER BY day")
    assert (said.code, said.err) == (0, "")
    names, _, first, *_ = [line for line in said.out.splitlines() if line.strip()]
    assert names.split() == ["day", "legs", "first"]
    assert first.split()[:2] == ["2026-03-10", str(len(truth.ended(DAY)))]
    assert "AEDT" in first
    assert said.out.splitlines()[-1] == "2 rows"


def test_json_has_columns_with_types_and_rows_by_name(program: Program) -> None:
    said = program(
        "sql", "--json", "SELECT started, day, findings, raw, due, seconds FROM legs WHERE state = 'archived' LIMIT 3"
    )
    document = said.document
    assert document["columns"][0] == {"name": "started", "type": "TIMESTAMP WITH TIME ZONE"}
    assert len(document["rows"]) == 3
    for row in document["rows"]:
        assert row["started"].endswith("000Z")
        assert row["day"] in {"2026-03-10", "2026-03-11"}
        assert (row["findings"], row["due"], type(row["seconds"])) == ([], None, float)
        assert "UniqueId" in json.loads(row["raw"]["by-hour"])


def test_json_of_nothing_is_whole(program: Program) -> None:
    assert program("sql", "--json", "SELECT tag FROM legs WHERE false").document == {
        "columns": [{"name": "tag", "type": "VARCHAR"}],
        "rows": [],
    }


def test_values_that_json_lacks_become_text(program: Program) -> None:
    asked = """SELECT 'inf'::DOUBLE AS a, sum(x) AS b, 1.50 AS c, 2::DECIMAL AS d, TIMESTAMP '2026-03-10 01:02:03' AS e,
               INTERVAL 1 DAY AS f, {'x': [1, NULL]} AS g, TIME '10:00' AS h, true AS i FROM range(3) t(x)"""
    (row,) = program("sql", "--json", asked).document["rows"]
    assert row == {
        "a": "inf", "b": 3, "c": 1.5, "d": 2, "e": "2026-03-10T01:02:03", "f": "1 day, 0:00:00", "g": {"x": [1, None]},
        "h": "10:00:00", "i": True,
    }  # fmt: skip


def test_two_columns_of_one_name_are_refused_in_json_and_no_other_way(program: Program) -> None:
    asked = "SELECT 1 AS a, 2 AS a"
    assert program("sql", "--json", asked).code == 2
    assert program("sql", "--csv", asked).out == "a,a\n1,2\n"


def test_csv_is_read_back_by_any_reader(program: Program, hostile: tuple[str, str]) -> None:
    name, tag = hostile
    asked = f"SELECT tag, started, raw, due FROM legs WHERE call_record_id = '{name}' ORDER BY leg"
    (header, first, *_) = csv.reader(program("sql", "--csv", asked).out.splitlines())
    assert header == ["tag", "started", "raw", "due"]
    assert (first[0], first[3]) == ("[red]\\x1b]0;owned\\x07[/] \\x1b[31m", "")
    assert first[1].endswith("000000Z")
    assert json.loads(json.loads(first[2])["by-hour"])["Tag"] == tag


def test_csv_does_nothing_in_a_spreadsheet_or_a_terminal(program: Program) -> None:
    asked = """SELECT '=HYPERLINK("x")' AS a, '+61 3 9555 0123' AS b, -5 AS c, -1.50 AS d, {'x': '=1' || chr(155)} AS e,
               chr(7) || '@x' AS "=f" """
    header, values = program("sql", "--csv", asked).out.splitlines()
    assert header == "a,b,c,d,e,'=f"
    assert next(csv.reader([values])) == [
        "'=HYPERLINK(\"x\")", "+61 3 9555 0123", "-5", "-1.50", '{"x": "=1\\u009b"}', "\\x07@x",
    ]  # fmt: skip


def test_no_digit_of_a_decimal_number_is_lost(program: Program) -> None:
    asked = "SELECT 12345678901234567890.123456789::DECIMAL(38,9) AS a, 0.1::DECIMAL(38,9) AS b, 1.50 AS c"
    assert program("sql", "--csv", asked).out == "a,b,c\n12345678901234567890.123456789,0.100000000,1.50\n"
    (values,) = program("sql", "--json", asked).document["rows"]
    assert values == {"a": "12345678901234567890.123456789", "b": 0.1, "c": 1.5}


@pytest.mark.parametrize("kind", ["TIMESTAMP", "TIMESTAMPTZ", "DATE"])
@pytest.mark.parametrize("end", ["infinity", "-infinity"])
def test_the_ends_of_time_are_no_dates(program: Program, kind: str, end: str) -> None:
    asked = f"SELECT '{end}'::{kind} AS a, ['{end}'::{kind}] AS b"
    (_, values) = csv.reader(program("sql", "--csv", asked).out.splitlines())
    assert (values[0].removeprefix("'"), values[1]) == (end, f'["{end}"]')  # a spreadsheet would reckon with a minus
    assert program("sql", "--json", asked).document["rows"] == [{"a": end, "b": [end]}]
    assert program("sql", asked).out.splitlines()[3].split() == [end, f'["{end}"]']


@pytest.mark.parametrize("form", [[], ["--csv"], ["--json"]])
@pytest.mark.parametrize("value", ["TIMESTAMPTZ '9999-12-31 23:59:59+00'", "INTERVAL 9999999 YEAR"])
def test_what_is_beyond_the_calendar_is_refused_with_a_way_out(program: Program, value: str, form: list[str]) -> None:
    said = program("sql", f"SELECT {value} AS a", *form)
    assert (said.code, said.out, said.err.count("\n")) == (2, "", 1)
    assert "beyond the years 1 to 9999. Cast it to VARCHAR." in said.err
    assert program("sql", f"SELECT ({value})::VARCHAR AS a", *form).code == 0


def test_an_early_year_has_four_digits(program: Program) -> None:
    out = program("sql", "SELECT TIMESTAMP '0044-03-15 10:00:00.5' AS a, DATE '0001-01-02' AS b").out
    assert out.splitlines()[3].split() == ["0044-03-15", "10:00:00", "0001-01-02"]


def test_what_came_over_the_wire_is_shown_without_doing_anything(program: Program, hostile: tuple[str, str]) -> None:
    name, _ = hostile
    said = program("sql", f"SELECT tag, raw, {{'x': tag}} FROM legs WHERE call_record_id = '{name}'")
    assert said.code == 0
    assert not {"\x1b", "\x07"} & set(said.out)
    assert "[red]" in said.out


def test_a_table_that_is_cut_says_so(program: Program, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cli_sql, "MOST_SHOWN", 2)
    assert program("sql", "FROM range(2)").out.splitlines()[-1] == "2 rows"
    last = program("sql", "FROM range(3)").out.splitlines()[-1]
    assert last == "2 rows are shown, there are more: --csv or --json prints all"
    assert len(program("sql", "--csv", "FROM range(3)").out.splitlines()) == 4


@pytest.mark.parametrize(
    ("statement", "said"),
    [
        ("SELECT * FROM read_csv('/etc/passwd')", "Only the tables legs and call_records can be read."),
        ("COPY legs TO 'x.csv'", "this is not one SELECT."),
        ("ATTACH 'x.db'", "this is not one SELECT."),
        ("INSTALL httpfs", "this is not one SELECT."),
        ("SELECT nobody FROM legs", "docs/lake.md has the tables and examples."),
    ],
)
def test_what_is_wrong_or_not_allowed_ends_with_2_and_one_line(program: Program, statement: str, said: str) -> None:
    ended = program("sql", statement)
    assert (ended.code, ended.out) == (2, "")
    assert ended.err.startswith("noojee-ingest: asking the lake: ")
    assert said in ended.err
    assert ended.err.count("\n") == 1


def test_a_file_that_cannot_be_read_ends_with_4_and_says_how_to_mend_it(program: Program, folder: Path) -> None:
    path = folder / "data/store/lake/legs/site=here/day=2026-03-10/legs.parquet"
    path.unlink()
    path.write_bytes(b"no Parquet")
    ended = program("sql", "SELECT count(*) FROM legs")
    assert ended.code == 4
    assert "lake/legs/site=here/day=2026-03-10/legs.parquet: it cannot be read" in ended.err
    path.unlink()
    path.with_name("legs.parquet.json").unlink()
    assert program("lake", "publish", "--all").code == 0
    assert program("sql", "SELECT count(*) > 10 AS mended FROM legs", "--csv").out == "mended\ntrue\n"


def test_a_site_that_there_is_not_is_usage(program: Program) -> None:
    assert program("sql", "--site", "nowhere", "SELECT 1").code == 2
    assert program("sql", "--json", "--csv", "SELECT 1").code == 2
    assert program("lake", "publish", "--all", "--day", "2026-03-10").code == 2


def test_publishing_by_hand_says_what_it_did(program: Program, folder: Path) -> None:
    assert program("lake", "publish").out == "here: 0 days published, 0 objects written, 0 B\n"
    (folder / "data/store/lake/legs/site=here/day=2026-03-10/legs.parquet").unlink()
    said = program("lake", "publish", "--day", "2026-03-10")
    assert (said.code, said.out.partition(" written")[0]) == (0, "here: 1 days published, 1 objects")
    (site,) = program("lake", "publish", "--all", "--json").document["sites"]
    assert (site["days"], site["objects"], site["problems"]) == (2, 0, [])
    assert "lake publish of 2026" in program("status").out


def test_publishing_that_fails_ends_with_3_and_says_why(program: Program, folder: Path) -> None:
    path = folder / "data/store/lake/legs/site=here/day=2026-03-10/legs.parquet"
    path.unlink()
    path.mkdir()
    (path / "x").touch()
    said = program("lake", "publish", "--all")
    assert said.code == 3
    assert said.err.startswith("Not done: 2026-03-10 is not in the lake as it is now: replacing lake/legs/site=here/")


def test_another_store_than_the_catalogues_is_refused_and_what_is_due_stays_due(program: Program, folder: Path) -> None:
    with closing(sqlite3.connect(folder / "data/catalogue.db")) as connection, connection:
        connection.execute("INSERT INTO dirty_day (site, day, mark) VALUES ('here', '2026-03-10', 'x')")
    shutil.move(folder / "data/store", folder / "data/elsewhere")
    open_folder_store(folder / "data/store")
    said = program("lake", "publish")
    assert (said.code, said.out) == (4, "")
    assert list((folder / "data/store/lake").rglob("*.parquet")) == []
    shutil.rmtree(folder / "data/store")
    shutil.move(folder / "data/elsewhere", folder / "data/store")
    assert program("lake", "publish").out.startswith("here: 1 days published")


def test_all_takes_in_the_sites_that_are_configured_no_more(
    program: Program, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lake = open_folder_store(folder / "data/store").lake
    with pytest.MonkeyPatch.context() as older:
        older.setattr(lake_publish, "SCHEMA_VERSION", 0)
        publish_day(lake, LEGS, "forgotten", DAY, [lake_row()], workspace=folder)
    monkeypatch.delenv(KEY_VARIABLE)
    config = folder / "config.toml"
    config.write_text(config.read_text().replace("[sites.here]", "[sites.there]"))
    assert program("sql", "FROM legs").code == 1
    said = program("lake", "publish", "--all")
    assert (said.code, [line.partition(" days")[0] for line in said.out.splitlines()]) == (
        0,
        ["forgotten: 1", "here: 2", "there: 0"],
    )
    assert program("sql", "--csv", "SELECT DISTINCT site FROM legs").out == "site\nhere\n"


def test_the_program_says_nothing_else_when_it_ends_well_or_badly(folder: Path) -> None:
    """DuckDB's Python part tells of objects that are left over at the end of a process."""
    damaged = folder / "data/store/lake/call_records/site=here/day=2026-03-10/call_records.parquet"
    damaged.unlink()
    damaged.write_bytes(b"no Parquet")
    for statement, code, lines in (("FROM legs", 0, 0), ("FROM call_records", 4, 1)):
        command = [sys.executable, "-c", "from noojee_ingest.cli import main; main()", "sql", statement]
        done = subprocess.run(command, cwd=folder, env=os.environ, capture_output=True, text=True, check=False)
        assert (done.returncode, len(done.stderr.splitlines())) == (code, lines), done.stderr


INTERRUPTED = """
import os, signal, sys, threading
from noojee_ingest.cli import main
from noojee_ingest.lake import files

check = files._check_version
interrupt = [threading.Timer(0.3, os.kill, (os.getpid(), signal.SIGINT))]
def then_interrupt(key, fragment):
    check(key, fragment)
    if interrupt:
        interrupt.pop().start()

files._check_version = then_interrupt
main()
"""


def test_ctrl_c_ends_a_long_question_with_130_and_no_traceback(folder: Path) -> None:
    """Of which DuckDB by itself would not hear."""
    joined = "FROM legs a, legs b, legs c, legs d, legs e WHERE concat(a.tag, b.tag, c.tag, d.tag, e.tag) = 'x'"
    command = [sys.executable, "-c", INTERRUPTED, "sql", f"SELECT count(*) {joined}"]
    done = subprocess.run(command, cwd=folder, env=os.environ, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 130, done.stderr
    assert len(done.stderr.splitlines()) <= 1


@pytest.mark.parametrize("form", [[], ["--csv"], ["--json"]])
def test_a_lake_that_was_lost_is_told_of_and_published_anew(program: Program, folder: Path, form: list[str]) -> None:
    shutil.rmtree(folder / "data/store/lake")
    asked = "SELECT count(*) AS legs FROM legs"
    lost = program("sql", asked, *form)
    assert lost.code == 0
    assert lost.err.startswith("The lake has no day: nothing is published yet, or it was lost")
    assert "noojee-ingest lake publish" in lost.err
    assert "of site here" in program("sql", "--site", "here", "FROM call_records").err
    assert program("sql", "SELECT 1").err == ""  # it is not what the lake has
    assert program("lake", "publish").out.startswith("here: 2 days published, 3 objects written")
    found = program("sql", asked, *form)
    assert (found.code, found.err) == (0, "")
    assert program("sql", "SELECT * FROM legs WHERE day = '2020-01-01'").err == ""  # it has others
