"""How long to keep trying, and what Retry-After says."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from noojee_ingest.noojee.errors import Busy, ServerFault
from noojee_ingest.noojee.patience import Patience, retry_after

NOW = datetime(2026, 11, 23, 2, 0, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"Retry-After": "7"}, 7),
        ({"Retry-After": " 0 "}, 0),
        ({"Retry-After": "Mon, 23 Nov 2026 02:00:30 GMT"}, 30),
        ({"Retry-After": "Mon, 23 Nov 2026 01:00:00 GMT"}, 0),
        ({"Retry-After": "Mon, 23 Nov 2026 05:00:30 GMT", "Date": "Mon, 23 Nov 2026 05:00:00 GMT"}, 30),
        ({"Retry-After": "Mon, 23 Nov 2026 13:00:30 +1100"}, 30),
        ({"Retry-After": "Mon, 23 Nov 2026 02:00:30 -0000"}, 30),
        ({"Retry-After": "999999999"}, 86_400),
        ({"Retry-After": "Mon, 23 Nov 2099 02:00:30 GMT"}, 86_400),
        ({"Retry-After": "9" * 50}, None),
        ({"Retry-After": "-5"}, None),
        ({"Retry-After": "1.5"}, None),
        ({"Retry-After": "soon"}, None),
        ({"Retry-After": "Mon, 99 Nov 2026 02:00:30 GMT"}, None),
        ({"Retry-After": "٧"}, None),
        ({"Retry-After": "Mon, 23 Nov 2026 02:00:30 GMT", "Date": "nonsense"}, 30),
        ({}, None),
    ],
)
def test_retry_after_is_read_in_both_forms(headers: dict[str, str], seconds: float | None) -> None:
    assert retry_after(headers, NOW) == seconds


@given(st.text())
def test_no_retry_after_makes_reading_fail(told: str) -> None:
    retry_after({"Retry-After": told, "Date": told}, NOW)


@given(tried=st.integers(1, 9))
def test_the_wait_is_jittered_up_to_a_doubling_bound(tried: int) -> None:
    patience = Patience(tries=10, first=1.0, longest=20.0, total=1000.0)

    pauses = [patience.pause(ServerFault("x"), tried, 0.0) for _ in range(50)]

    bound = min(20.0, 2.0 ** (tried - 1))
    assert all(pause is not None and 0 <= pause <= bound for pause in pauses)
    assert len(set(pauses)) > 1


def test_the_tries_are_bounded() -> None:
    patience = Patience(tries=3)

    assert patience.pause(ServerFault("x"), 2, 0.0) is not None
    assert patience.pause(ServerFault("x"), 3, 0.0) is None


def test_what_the_phone_system_asks_is_waited_and_a_little_more() -> None:
    pause = Patience(first=0.5).pause(Busy("x", retry_after=20.0), 1, 0.0)

    assert pause is not None
    assert 20.0 <= pause <= 20.5


@pytest.mark.parametrize(("asked", "waited"), [(181.0, 0.0), (100.0, 90.0), (86_400.0, 0.0)])
def test_a_wait_beyond_the_total_is_not_begun(asked: float, waited: float) -> None:
    assert Patience(total=180.0).pause(Busy("x", retry_after=asked), 1, waited) is None


@given(st.lists(st.booleans(), min_size=20, max_size=20))
def test_all_waits_together_never_exceed_the_total(told: list[bool]) -> None:
    patience = Patience(tries=20, total=60.0)
    waited = 0.0
    for tried, tells in enumerate(told, start=1):
        pause = patience.pause(Busy("x", retry_after=25.0 if tells else None), tried, waited)
        if pause is None:
            break
        waited += pause
    assert waited <= 60.0
