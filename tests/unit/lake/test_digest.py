"""The content digest: the same for the same rows, another for any other, whatever writes the file."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any

import pytest

from noojee_ingest.lake.publish import ContentDigest
from noojee_ingest.lake.schema import CALL_RECORDS, LEGS, Table

DAY = date(2026, 3, 10)


def row(table: Table, **told: Any) -> dict[str, Any]:
    return dict.fromkeys(table.schema.names) | told


def digest(*rows: dict[str, Any], table: Table = CALL_RECORDS, site: str = "here", day: date = DAY) -> str:
    made = ContentDigest(table, site, day)
    made.add(rows)
    return made.hexdigest()


ONE = row(
    CALL_RECORDS,
    call_id="0" * 32,
    legs=2**62,
    audio_seconds=0.1,
    called=datetime(2026, 3, 10, 1, 2, 3, 4, tzinfo=UTC),
    campaign="Zoë 🙂 \\u0000",
    fields={"b": "2", "a": "1"},
    findings=("unsound",),
)


def test_it_is_the_same_for_ever() -> None:
    """Else every day of every archive would be written again: only with a new schema version."""
    assert digest(ONE) == "96fce79026e056e48206eecd0dcd78764ec14d9ad7854e0a5523105356059ae7"


@pytest.mark.parametrize(
    "other",
    [
        {"legs": 1},
        {"audio_seconds": 0.10000000000000002},
        {"called": datetime(2026, 3, 10, 1, 2, 3, 5, tzinfo=UTC)},
        {"campaign": None},
        {"campaign": ""},
        {"fields": {"a": "1"}},
        {"fields": {"b": "1", "a": "2"}},
        {"findings": ()},
        {"raw": "{}"},
    ],
)
def test_any_other_value_makes_another(other: dict[str, Any]) -> None:
    assert digest({**ONE, **other}) != digest(ONE)


def test_the_order_of_what_has_none_makes_no_difference() -> None:
    turned = dict(reversed(ONE.items())) | {"fields": {"a": "1", "b": "2"}}
    assert digest(turned) == digest(ONE)


def test_table_site_day_and_number_of_rows_make_a_difference() -> None:
    leg = row(LEGS, leg_id="0" * 32)
    assert len({digest(), digest(site="there"), digest(day=date(2026, 3, 11)), digest(table=LEGS)}) == 4
    assert len({digest(ONE), digest(ONE, ONE), digest(), digest(leg, table=LEGS)}) == 4


def test_it_is_over_all_rows_however_they_come() -> None:
    made = ContentDigest(CALL_RECORDS, "here", DAY)
    made.add([ONE])
    made.add([])
    made.add([ONE])
    assert (made.hexdigest(), made.rows) == (digest(ONE, ONE), 2)
