"""How the simulator writes dates and entries."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from noojee_ingest.simulator import wire

MELBOURNE = ZoneInfo("Australia/Melbourne")


@pytest.mark.parametrize(
    ("instant", "zone", "written"),
    [
        ("2023-11-13T22:15:23+00:00", "Australia/Melbourne", "Tue Nov 14 09:15:23 AEDT 2023"),
        ("2026-06-30T14:00:00+00:00", "Australia/Melbourne", "Wed Jul 01 00:00:00 AEST 2026"),
        ("2026-04-04T15:59:59+00:00", "Australia/Melbourne", "Sun Apr 05 02:59:59 AEDT 2026"),
        ("2026-04-04T16:00:00+00:00", "Australia/Melbourne", "Sun Apr 05 02:00:00 AEST 2026"),
        ("2026-10-03T16:00:00+00:00", "Australia/Melbourne", "Sun Oct 04 03:00:00 AEDT 2026"),
        ("2026-01-01T00:00:00+00:00", "Australia/Adelaide", "Thu Jan 01 10:30:00 ACDT 2026"),
        ("2026-01-01T00:00:00+00:00", "Australia/Perth", "Thu Jan 01 08:00:00 AWST 2026"),
    ],
)
def test_by_hour_dates_are_written_as_java_does(instant: str, zone: str, written: str) -> None:
    assert wire.java_date(datetime.fromisoformat(instant).timestamp(), ZoneInfo(zone)) == written


def test_the_two_forms_without_zone() -> None:
    instant = datetime(2019, 3, 3, 22, 15, tzinfo=UTC).timestamp()
    assert wire.sql_date(instant, MELBOURNE) == "2019-03-04 09:15:00.0"
    assert wire.call_date(instant, MELBOURNE) == "2019/03/04 09:15:00"


def test_turning_an_entry_changes_the_order_of_its_keys_and_nothing_else() -> None:
    entry = {"a": '"1"', "b": "1.10", "c": "null"}
    texts = [wire.turned(entry, turn) for turn in range(4)]
    assert texts == [
        '{"a":"1","b":1.10,"c":null}',
        '{"b":1.10,"c":null,"a":"1"}',
        '{"c":null,"a":"1","b":1.10}',
        '{"a":"1","b":1.10,"c":null}',
    ]
    assert wire.turned({}, 3) == "{}"


def test_the_envelopes() -> None:
    assert wire.bare_array(["1", "2"]) == b"[1,2]"
    assert json.loads(wire.entities(['{"id":1}'], 1)) == {"code": 0, "message": "OK", "entities": [{"id": 1}]}
    assert json.loads(wire.failure(-1, "no")) == {"code": -1, "message": "no"}
    typed = json.loads(wire.entities([], 0, "ActiveRoster"))
    assert typed == {"code": 0, "message": "OK", "entities": [], "type": "ActiveRoster"}
    assert json.loads(wire.capitalised(-1, "nö", SessionID="17")) == {"Code": -1, "Message": "nö", "SessionID": 17}
    firsts = {next(iter(json.loads(wire.capitalised(0, said)))) for said in ("a", "ab")}
    assert firsts == {"Code", "Message"}, "the order of keys varies"
