"""The views ``legs`` and ``call_records``: what they say, to Python and as SQL, and that nobody writes to them."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from datetime import date, datetime
from typing import Any

import pytest

from noojee_ingest.catalogue.apply import apply
from noojee_ingest.catalogue.database import Catalogue
from noojee_ingest.catalogue.dirty import clear_dirty, dirty_days
from noojee_ingest.catalogue.errors import CatalogueError
from noojee_ingest.catalogue.fact_tables import AudioStoredRow
from noojee_ingest.catalogue.tables import CallRow, FindingRow, LegRow
from noojee_ingest.catalogue.views import VIEWS, call_records_of_day, legs_of_day, raw_of_legs
from noojee_ingest.journal.segment import Segment
from noojee_ingest.model import View
from tests.functional.catalogue.plans import read_whole, statements
from tests.functional.catalogue.recount import rows
from tests.unit.journal.story import (
    DAY,
    NEXT_DAY,
    OTHER_SITE,
    SITE,
    at,
    call,
    call_changed,
    call_seen,
    destroyed,
    everything,
    leg,
    leg_changed,
    leg_seen,
    not_stored,
    stored,
)

LEGS = [
    "site", "day", "hour", "leg_id", "state", "cause", "due", "tries", "call_record_id", "unique_id", "leg",
    "started", "start_text", "ended", "end_text", "duration", "source", "destination", "did", "direction",
    "tag", "username", "content_sha256", "content_size", "seconds", "extension", "codec", "channels",
    "sample_rate", "bucket", "key", "version_id", "findings",
]  # fmt: skip
CALL_RECORDS = [
    "site", "day", "call_id", "judged", "cause", "legs", "archived_legs", "audio_seconds", "template_id",
    "call_record_id", "unique_id", "lead_id", "external_lead_id", "called", "called_text", "duration",
    "disposition", "dial_attempts", "dialled_number", "campaign", "allocation", "fields", "findings",
]  # fmt: skip

Told = list[dict[str, Any]]


@pytest.fixture(scope="module")
def story(emptied: Callable[[], AbstractContextManager[Catalogue]]) -> Iterator[Catalogue]:
    """The whole story. Leave it as it is."""
    with emptied() as catalogue:
        apply(catalogue, Segment("journal/story", tuple(everything())))
        yield catalogue


def told(catalogue: Catalogue, *events: Any) -> Catalogue:
    apply(catalogue, Segment("journal/told", events))
    return catalogue


def asked(catalogue: Catalogue, statement: str) -> Told:
    with catalogue.read("asking in SQL") as connection:
        return [dict(row) for row in connection.exec_driver_sql(statement).mappings()]


def of_all_days(catalogue: Catalogue, of_day: Callable[[Catalogue, str, date], Told], row_id: str) -> Told:
    found = [row for site in (SITE, OTHER_SITE) for day in (DAY, NEXT_DAY) for row in of_day(catalogue, site, day)]
    return sorted(found, key=lambda row: row[row_id])


# -- what they say


@pytest.mark.parametrize(("name", "columns"), [("legs", LEGS), ("call_records", CALL_RECORDS)])
def test_the_columns_are_these_in_this_order(story: Catalogue, name: str, columns: list[str]) -> None:
    assert VIEWS[name].selected_columns.keys() == columns
    assert list(asked(story, f"SELECT * FROM {name} LIMIT 1")[0]) == columns


def test_every_leg_is_a_row_with_its_audio_in_force_and_its_findings(story: Catalogue) -> None:
    audio = {(row["leg_id"], row["content_sha256"]): row for row in rows(story, AudioStoredRow)}
    kinds = [(row["object_id"], row["kind"]) for row in rows(story, FindingRow) if row["object_type"] == "leg"]
    expected = []
    for row in rows(story, LegRow):
        own = audio.get((row["leg_id"], row["content_sha256"]), {})
        named = row | {"started": row["start"], "ended": row["end"]}
        named |= {name: own.get(name) for name in ("channels", "sample_rate", "bucket", "key", "version_id")}
        named["findings"] = tuple(kind for leg_id, kind in kinds if leg_id == row["leg_id"])
        expected.append({name: named[name] for name in LEGS})
    found = of_all_days(story, legs_of_day, "leg_id")
    assert [{name: row[name] for name in LEGS} for row in found] == expected
    assert any(len(row["findings"]) > 1 for row in found)
    assert {type(row["started"]) for row in found} == {datetime, type(None)}


def test_every_call_record_is_a_row(story: Catalogue) -> None:
    found = of_all_days(story, call_records_of_day, "call_id")
    assert [row["call_id"] for row in found] == [row["call_id"] for row in rows(story, CallRow)]
    for row, kept in zip(found, rows(story, CallRow), strict=True):
        for name in set(CALL_RECORDS) - {"archived_legs", "audio_seconds", "findings"}:
            assert row[name] == kept[name], name
    by_id = {row["call_id"]: row for row in found}
    assert by_id[call(12)]["findings"] == ("call without recording",)
    assert (by_id[call(3)]["archived_legs"], by_id[call(3)]["audio_seconds"]) == (2, 60.125)
    assert (by_id[call(0)]["archived_legs"], by_id[call(0)]["audio_seconds"]) == (0, 0.0)


def test_of_a_calls_legs_each_is_counted_once_and_the_archived_alone_have_audio(catalogue: Catalogue) -> None:
    told(
        catalogue,
        call_seen(1),  # legs 2 and 3 share both of its links
        leg_seen(2), leg_seen(3), leg_seen(40, unique_id="1773100000.1"), leg_seen(41, call_record_id="9001"),
        leg_seen(42), leg_seen(43, call_record_id="", unique_id=""), call_seen(7, call_record_id="", unique_id=""),
        stored(2, "two", seconds=0.1), stored(3, "three", seconds=0.2), stored(40, "forty", seconds=0.7),
        not_stored(41), stored(42, "x"), stored(43, "y"),
    )  # fmt: skip
    (row,) = [row for row in call_records_of_day(catalogue, SITE, DAY) if row["call_id"] == call(1)]
    assert (row["legs"], row["archived_legs"], row["audio_seconds"]) == (4, 3, 1.0)
    (row,) = [row for row in call_records_of_day(catalogue, SITE, DAY) if row["call_id"] == call(7)]
    assert (row["legs"], row["archived_legs"], row["audio_seconds"]) == (0, 0, 0.0)


def test_the_sum_of_audio_does_not_depend_on_the_order_of_adding(catalogue: Catalogue) -> None:
    lengths = [1e5 + 1 / 3, 1 / 44_100, 30.0625, 1 / 48_000, 12345.678901, 0.1, 0.2, 0.7]
    told(
        catalogue,
        call_seen(1),
        *(leg_seen(number, unique_id="1773100000.1") for number in range(60, 68)),
        *(stored(number, str(number), seconds=seconds) for number, seconds in zip(range(60, 68), lengths, strict=True)),
    )
    (row,) = call_records_of_day(catalogue, SITE, DAY)
    assert row["audio_seconds"] == sum(round(seconds * 1e9) for seconds in lengths) / 1e9


def test_the_day_of_a_call_changes_when_audio_of_its_leg_of_another_day_is_archived(catalogue: Catalogue) -> None:
    told(catalogue, call_seen(1, day=DAY), leg_seen(2, day=NEXT_DAY))
    for day, mark in dirty_days(catalogue, SITE).items():
        clear_dirty(catalogue, SITE, day, mark)
    apply(catalogue, Segment("journal/found", (stored(2, day=NEXT_DAY),)))
    (row,) = call_records_of_day(catalogue, SITE, DAY)
    assert row["archived_legs"] == 1
    assert set(dirty_days(catalogue, SITE)) == {DAY, NEXT_DAY}


# -- the entries told last


def test_a_leg_comes_with_what_each_view_told_last(catalogue: Catalogue) -> None:
    told(
        catalogue,
        leg_seen(2, "A"), leg_changed(2, "B", time=at(5)), leg_changed(2, "C", time=at(3), view=View.BY_UNIQUE_ID),
        leg_seen(3, "A"), destroyed(leg_changed(3, "B", time=at(5))), leg_seen(4, day=NEXT_DAY),
    )  # fmt: skip
    apply(catalogue, Segment("journal/later", (leg_changed(2, "A", time=at(9)),)))
    raw = {row["leg_id"]: row["raw"] for row in legs_of_day(catalogue, SITE, DAY)}
    by_hour, by_unique_id = '{"Leg":2,"Tag":"A"}', '{"Leg":2,"Tag":"C"}'
    assert raw == {leg(2): {"by-hour": by_hour, "by-unique-id": by_unique_id}, leg(3): None}
    assert raw_of_legs(catalogue, [leg(2), leg(4), "unheard of"]) == {
        leg(2): raw[leg(2)],
        leg(4): {"by-hour": '{"Leg":4,"Tag":"A"}'},
    }


def test_a_call_record_comes_with_what_was_told_last(catalogue: Catalogue) -> None:
    told(
        catalogue,
        call_seen(1, "A"),
        call_changed(1, "B", time=at(5)),
        call_seen(2),
        destroyed(call_changed(2, "B", time=at(5))),
    )
    raw = {row["call_id"]: row["raw"] for row in call_records_of_day(catalogue, SITE, DAY)}
    assert raw == {call(1): '{"njCallRecordId":9001,"njDisposition":"B"}', call(2): None}


@pytest.mark.parametrize(("of_day", "row_id"), [(legs_of_day, "leg_id"), (call_records_of_day, "call_id")])
def test_a_day_is_sorted_by_id_and_of_one_site(story: Catalogue, of_day: Any, row_id: str) -> None:
    found = list(of_day(story, SITE, DAY))
    assert [row[row_id] for row in found] == sorted(row[row_id] for row in found)
    assert {(row["site"], row["day"]) for row in found} == {(SITE, DAY)}
    assert list(of_day(story, SITE, date(2030, 1, 1))) == []


# -- as SQL


@pytest.mark.parametrize(
    ("name", "of_day", "row_id"), [("legs", legs_of_day, "leg_id"), ("call_records", call_records_of_day, "call_id")]
)
def test_sql_says_what_python_says(story: Catalogue, name: str, of_day: Any, row_id: str) -> None:
    on_sqlite = story.engine.dialect.name == "sqlite"
    found = asked(story, f"SELECT * FROM {name} ORDER BY {row_id}")
    typed = of_all_days(story, of_day, row_id)
    assert len(found) == len(typed) > 5
    for row, python in zip(found, typed, strict=True):
        assert json.loads(row.pop("findings")) == list(python["findings"])
        fields = row.pop("fields", None)
        assert (json.loads(fields) if fields else None) == python.get("fields")
        for column, value in row.items():
            wanted = python[column]
            if on_sqlite and isinstance(wanted, datetime):
                wanted = wanted.strftime("%Y-%m-%dT%H:%M:%S.%fZ")
            elif on_sqlite and isinstance(wanted, date):
                wanted = wanted.isoformat()
            assert value == wanted, column


@pytest.mark.parametrize("view", VIEWS)
@pytest.mark.parametrize(
    "statement", ["INSERT INTO {} (site) VALUES ('acme')", "UPDATE {} SET state = ''", "DELETE FROM {}"]
)
def test_nobody_writes_to_a_view(catalogue: Catalogue, view: str, statement: str) -> None:
    told(catalogue, *everything())
    statement = statement.replace("state", "cause").format(view)
    refused = pytest.raises(CatalogueError, match=r"cannot modify|cannot (insert into|update|delete from) view")
    with refused, catalogue.write("writing to a view") as connection:
        connection.exec_driver_sql(statement)
    assert len(asked(catalogue, f"SELECT * FROM {view}")) > 5


def test_a_day_is_read_by_an_index(story: Catalogue) -> None:
    with statements(story) as sent:
        list(legs_of_day(story, SITE, DAY))
        list(call_records_of_day(story, SITE, DAY))
        raw_of_legs(story, [leg(1)])
    assert len(sent) >= 5
    assert read_whole(story, sent) == []
