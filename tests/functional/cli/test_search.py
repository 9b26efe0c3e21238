"""The verb search: its filters as people write them, pages, and what it prints and writes."""

from __future__ import annotations

import csv
import io
import json
import subprocess
import sys
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import pyarrow.parquet as pq
import pytest

from noojee_ingest.lake.schema import LEGS

if TYPE_CHECKING:
    from noojee_ingest.simulator import Truth

    from .conftest import Said

ZONE = ZoneInfo("Australia/Melbourne")
DAY = datetime(2026, 3, 10, tzinfo=ZONE)
Program = Callable[..., "Said"]

pytestmark = pytest.mark.usefixtures("folder")


def legs_of(said: Said) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = said.document["legs"]
    return found


def keys_of(legs: list[dict[str, Any]]) -> list[str]:
    return [f"{leg['call_record_id']}/{leg['leg']}" for leg in legs]


def test_all_legs_come_in_order_of_their_start(program: Program, truth: Truth) -> None:
    legs = legs_of(program("search", "--json", "--limit", "1000"))
    of_day, ended = ({leg.key for leg in truth.ended(day)} for day in (DAY.date(), None))
    assert of_day <= set(keys_of(legs)) <= ended
    assert len(set(keys_of(legs))) == len(legs)
    order = [(leg["started"], leg["leg_id"]) for leg in legs]
    assert order == sorted(order)


def test_pages_join_up_to_the_whole(program: Program) -> None:
    whole = legs_of(program("search", "--json", "--limit", "1000"))
    pages, after = [], ()
    while True:
        document = program("search", "--json", "--limit", "7", *after).document
        pages.append(document["legs"])
        if document["next"] is None:
            break
        after = ("--after", document["next"])
    assert [leg for page in pages for leg in page] == whole
    assert {len(page) for page in pages[:-1]} == {7}


@pytest.mark.parametrize(
    ("since", "until"),
    [
        ("2026-03-10T09:00", "2026-03-10T15:30"),
        ("2026-03-09T22:00:00+00:00", "2026-03-10T04:30:00Z"),
        ("2026-03-10", "2026-03-11"),
    ],
    ids=["site time", "with offset", "days"],
)
def test_a_time_range_takes_its_begin_and_leaves_its_end(
    program: Program, truth: Truth, since: str, until: str
) -> None:
    begin, end = (
        moment if moment.tzinfo else moment.replace(tzinfo=ZONE)
        for moment in (datetime.fromisoformat(since), datetime.fromisoformat(until))
    )
    legs = legs_of(program("search", "--json", "--limit", "1000", "--since", since, "--until", until))
    of_day = [leg for leg in truth.ended(DAY.date()) if begin <= leg.start < end]
    assert legs
    assert set(keys_of(legs)) >= {leg.key for leg in of_day}
    assert all(begin <= datetime.fromisoformat(leg["started"]) < end for leg in legs)


def test_a_range_begins_exactly_at_the_start_of_a_leg(program: Program, truth: Truth) -> None:
    leg = truth.ended(DAY.date())[5]
    start, next_second = leg.start.isoformat(), (leg.start + timedelta(seconds=1)).isoformat()
    assert leg.key in keys_of(legs_of(program("search", "--json", "--since", start, "--until", next_second)))
    assert leg.key not in keys_of(legs_of(program("search", "--json", "--since", next_second)))
    assert leg.key not in keys_of(legs_of(program("search", "--json", "--until", start, "--limit", "1000")))


def test_ids_of_any_kind_find_their_legs(program: Program, truth: Truth) -> None:
    one, other = truth.ended(DAY.date())[0], truth.ended(DAY.date())[-1]
    legs = legs_of(program("search", "--json", "--id", one.call_record_id, "--id", other.unique_id))
    wanted = [leg for leg in truth.ended(DAY.date()) if leg.unique_id in (one.unique_id, other.unique_id)]
    assert set(keys_of(legs)) >= {leg.key for leg in wanted}
    assert {leg["unique_id"] for leg in legs} == {one.unique_id, other.unique_id}
    (again,) = legs_of(program("search", "--json", "--id", legs[0]["leg_id"]))
    assert again == legs[0]


@pytest.mark.parametrize("state", ["archived", "pending", "missing", "rejected"])
def test_a_state_finds_its_legs(program: Program, state: str) -> None:
    everything = legs_of(program("search", "--json", "--limit", "1000"))
    found = legs_of(program("search", "--json", "--limit", "1000", "--state", state))
    assert found == [leg for leg in everything if leg["state"] == state]
    assert found


def test_the_table_has_times_of_the_site(program: Program, truth: Truth) -> None:
    leg = truth.ended(DAY.date())[3]
    said = program("search", "--id", leg.call_record_id)
    assert f"{leg.start.astimezone(ZONE):%Y-%m-%d %H:%M:%S} AEDT" in said.out
    assert leg.unique_id in said.out
    assert said.out.rstrip().endswith(" legs")


def test_nothing_found_is_an_empty_answer(program: Program) -> None:
    said = program("search", "--json", "--id", "nobody")
    assert (said.code, said.document) == (0, {"legs": [], "next": None})


def test_what_came_over_the_wire_is_shown_without_doing_anything(program: Program, hostile: tuple[str, str]) -> None:
    name, text = hostile
    for said in (program("show", name), program("search", "--id", name)):
        assert "\x1b" not in said.out
        assert "\x07" not in said.out
    assert "[red]" in program("show", name).out
    assert legs_of(program("search", "--json", "--id", name))[0]["tag"] == text


# -- every filter, as people write it


def test_every_filter_narrows_to_the_legs_that_fit(program: Program) -> None:
    everything = legs_of(program("search", "--json", "--limit", "1000"))
    one = next(leg for leg in everything if leg["tag"].startswith("ORD") and leg["direction"] == "Outbound")
    number = one["destination"]
    fits: dict[tuple[str, ...], Callable[[dict[str, Any]], bool]] = {
        ("--tag", one["tag"]): lambda leg: leg["tag"] == one["tag"],
        ("--user", one["username"].upper()): lambda leg: leg["username"] == one["username"],
        ("--number", f"+61 {number[1:3]} {number[3:]}"): lambda leg: number in (leg["source"], leg["destination"]),
        ("--direction", "outbound"): lambda leg: leg["direction"] == "Outbound",
        ("--direction", "outbound", "--direction", "internal"): lambda leg: (
            leg["direction"] in ("Outbound", "Internal")
        ),
        ("--day", "2026-03-10"): lambda leg: leg["day"] == "2026-03-10",
        ("--min-duration", "20", "--max-duration", "60"): lambda leg: 20 <= leg["duration"] <= 60,
        ("--finding", "unsound"): lambda leg: "unsound" in leg["findings"],
        ("--site", "here"): lambda leg: True,
        ("--text", "ord "): lambda leg: leg["tag"].startswith("ORD"),
        ("--user", one["username"], "--tag", one["tag"], "--text", "ORD", "--state", "archived"): lambda leg: (
            leg["username"] == one["username"] and leg["tag"] == one["tag"] and leg["state"] == "archived"
        ),
    }
    for words, fit in fits.items():
        found = legs_of(program("search", "--json", "--limit", "1000", *words))
        assert found == [leg for leg in everything if fit(leg)], words
        assert found, words


@pytest.mark.parametrize("name", ["disposition", "campaign", "allocation", "template"])
def test_what_a_call_record_says_finds_its_legs(program: Program, truth: Truth, name: str) -> None:
    of_day = {leg.unique_id: leg for leg in truth.ended(DAY.date())}
    leg = of_day[[call.unique_id for call in truth.calls if call.unique_id in of_day][-1]]  # the list has recent ones
    (call,) = program("show", leg.unique_id, "--json").document["calls"]
    value = call["template_id" if name == "template" else name]
    found = legs_of(program("search", "--json", "--limit", "1000", f"--{name}", value))
    assert leg.key in keys_of(found)
    assert legs_of(program("search", "--json", f"--{name}", "no such thing")) == []


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (["--text", "ab"], "the text 'ab' is too short: give at least 3 letters or digits in a row"),
        (["--number", "nobody"], "the number 'nobody' has no digits"),
        (["--min-duration", "9", "--max-duration", "1"], "give the shorter one first"),
        (["--day", "yesterday"], "'yesterday' is not a day"),
        (["--after", "there"], "'there' is not what a page before gave as its `next`"),
        (["--json", "--csv"], "choose one of --json, --csv and --parquet"),
        (["--csv", "--parquet", "legs.parquet"], "choose one of --json, --csv and --parquet"),
        (["--state", "lost"], "'lost' is not one of"),
        (["--site", "elsewhere"], "there is no site 'elsewhere'"),
    ],
)
def test_what_cannot_be_searched_for_is_refused(program: Program, words: list[str], why: str) -> None:
    said = program("search", *words)
    assert (said.code, said.out) == (2, "")
    assert why in " ".join(said.err.replace("│", " ").split())


# -- files


def test_csv_has_every_column_of_every_leg_in_order(program: Program) -> None:
    said = program("search", "--csv")
    assert said.out.endswith("\r\n")
    lines = list(csv.DictReader(io.StringIO(said.out, newline="")))
    legs = legs_of(program("search", "--json", "--limit", "1000"))
    assert [line["leg_id"] for line in lines] == [leg["leg_id"] for leg in legs]
    assert len(lines) > 50
    for line, leg in zip(lines, legs, strict=True):
        assert list(line) == list(leg)
        assert json.loads(line["findings"]) == leg["findings"]
        for name in ("state", "started", "unique_id", "day"):
            assert line[name] == leg[name]
        assert line["content_size"] == ("" if leg["content_size"] is None else str(leg["content_size"]))


def test_csv_stops_where_it_is_told_to(program: Program) -> None:
    whole = program("search", "--csv").out.splitlines()
    assert program("search", "--csv", "--limit", "3").out.splitlines() == whole[:4]
    second = program("search", "--json", "--limit", "3").document["next"]
    assert program("search", "--csv", "--limit", "2", "--after", second).out.splitlines() == [whole[0], *whole[4:6]]


def test_control_characters_do_nothing_in_csv(program: Program, hostile: tuple[str, str]) -> None:
    (line, *_) = csv.DictReader(io.StringIO(program("search", "--csv", "--id", hostile[0]).out, newline=""))
    assert line["tag"] == hostile[1].replace("\x1b", "\\x1b").replace("\x07", "\\x07")


def test_parquet_is_the_lakes_table_with_what_was_told(program: Program, folder: Path) -> None:
    said = program("search", "--parquet", "legs.parquet", "--state", "archived")
    legs = legs_of(program("search", "--json", "--limit", "1000", "--state", "archived"))
    assert (said.code, said.out) == (0, f"legs.parquet: {len(legs)} legs\n")
    table = pq.read_table(folder / "legs.parquet")
    assert table.schema.equals(LEGS.schema)
    assert table.column("leg_id").to_pylist() == [leg["leg_id"] for leg in legs]
    assert table.column("unique_id").to_pylist() == [leg["unique_id"] for leg in legs]
    raw = [dict(entries) for entries in table.column("raw").to_pylist()]
    assert all(json.loads(entries["by-hour"])["UniqueId"] for entries in raw if "by-hour" in entries)
    assert sum("by-hour" in entries for entries in raw) > 10
    assert pq.ParquetFile(folder / "legs.parquet").metadata.row_group(0).column(0).compression == "ZSTD"


def test_parquet_of_nothing_is_an_empty_table(program: Program, folder: Path) -> None:
    assert program("search", "--parquet", "none.parquet", "--tag", "no such tag").out == "none.parquet: 0 legs\n"
    assert pq.read_table(folder / "none.parquet").num_rows == 0


def test_a_file_that_cannot_be_written_is_named_and_nothing_is_left(program: Program, folder: Path) -> None:
    (folder / "taken").mkdir()
    before = sorted(path.name for path in folder.iterdir())
    for where in ("no-such-folder/legs.parquet", "taken"):
        said = program("search", "--parquet", where)
        assert (said.code, said.out) == (1, "")
        assert f"writing {where}: " in said.err
        assert "Name another file with --parquet." in said.err
    assert sorted(path.name for path in folder.iterdir()) == before


@pytest.mark.parametrize(
    "arguments",
    [
        ("--tag", "abc\udcff"),
        ("--id", "abc\udcff"),
        ("--user", "abc\udcff"),
        ("--text", "abc\udcff"),
        ("--number", "123\udcff"),
        ("--after", "none/x\udcff"),
        ("--limit", "99999999999999999999"),
    ],
    ids=lambda arguments: arguments[0],
)
def test_what_is_no_text_and_what_is_beyond_all_numbers_is_a_mistake_in_the_call(
    program: Program, arguments: tuple[str, str]
) -> None:
    said = program("search", *arguments)
    assert (said.code, said.out) == (2, "")


def test_a_wrong_question_writes_no_csv(program: Program) -> None:
    said = program("search", "--csv", "--text", "ab")
    assert (said.code, said.out) == (2, "")


def test_csv_onto_a_disk_that_is_full_is_told_in_a_line() -> None:
    run = "from noojee_ingest.cli.program import main; main()"
    with Path("/dev/full").open("w") as full:
        command = [sys.executable, "-c", run, "search", "--csv"]
        said = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, text=True, check=False)
    assert said.returncode == 1
    assert said.stderr == "noojee-ingest: writing standard output: No space left on device. Make room there.\n"
