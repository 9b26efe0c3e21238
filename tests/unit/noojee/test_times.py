"""Every date form of the reference, in every zone that it may come in."""

from __future__ import annotations

import calendar
import locale
from datetime import UTC, date, datetime, timedelta, timezone
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from noojee_ingest.model import TimeMark, WireTime
from noojee_ingest.noojee.times import OFFSETS, read_time, write_date

MELBOURNE = ZoneInfo("Australia/Melbourne")
ADELAIDE = ZoneInfo("Australia/Adelaide")
BRISBANE = ZoneInfo("Australia/Brisbane")
LORD_HOWE = ZoneInfo("Australia/Lord_Howe")

DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")

instants = st.integers(min_value=366 * 86_400, max_value=32_000_000_000).map(  # years 1971 to 2984
    lambda seconds: datetime.fromtimestamp(seconds, UTC)
)


def java(local: datetime, name: str) -> str:
    return f"{DAYS[local.weekday()]} {MONTHS[local.month - 1]} {local:%d %H:%M:%S} {name} {local.year}"


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize("name", sorted(OFFSETS))
@given(instant=instants)
def test_an_abbreviation_gives_the_instant_wherever_the_site_is(name: str, instant: datetime) -> None:
    local = instant.astimezone(timezone(timedelta(minutes=OFFSETS[name])))
    text = java(local, name)

    for site in (MELBOURNE, BRISBANE, ZoneInfo("UTC")):
        assert read_time(text, site) == WireTime(text, instant, TimeMark.CLEAR)


@pytest.mark.parametrize(
    ("name", "offset"),
    [("AEST", 10), ("AEDT", 11), ("ACST", 9.5), ("ACDT", 10.5), ("AWST", 8), ("ACWST", 8.75), ("LHST", 10.5),
     ("LHDT", 11), ("NFT", 11), ("NFDT", 12), ("CXT", 7), ("CCT", 6.5), ("UTC", 0), ("GMT", 0)],
)  # fmt: skip
def test_the_table_of_abbreviations_is_right(name: str, offset: float) -> None:
    assert OFFSETS[name] == offset * 60


@pytest.mark.parametrize(
    ("zone", "text", "instant"),
    [
        (MELBOURNE, "Mon Mar 04 09:15:00 AEDT 2019", "2019-03-03T22:15:00"),
        (MELBOURNE, "Thu Jul 04 09:15:00 AEST 2019", "2019-07-03T23:15:00"),
        (MELBOURNE, "Mon Mar 4 9:15:00 AEDT 2019", "2019-03-03T22:15:00"),
        (MELBOURNE, "Mon Mar 04 09:15:00 GMT+10:30 2019", "2019-03-03T22:45:00"),
        (MELBOURNE, "Mon Mar 04 09:15:00 GMT-03:30 2019", "2019-03-04T12:45:00"),
        (ZoneInfo("Pacific/Auckland"), "Mon Mar 04 09:15:00 NZDT 2019", "2019-03-03T20:15:00"),
        (ZoneInfo("Europe/London"), "Sun Oct 27 01:30:00 BST 2019", "2019-10-27T00:30:00"),
        (ZoneInfo("Europe/London"), "Sun Oct 27 01:30:00 GMT 2019", "2019-10-27T01:30:00"),
        (MELBOURNE, "2019-03-04 09:15:00.0", "2019-03-03T22:15:00"),
        (MELBOURNE, "2019-03-04 09:15:00", "2019-03-03T22:15:00"),
        (MELBOURNE, "2019-07-04 09:15:00.25", "2019-07-03T23:15:00.250000"),
        (MELBOURNE, "2019-07-04 09:15:00.123456789", "2019-07-03T23:15:00.123456"),
        (MELBOURNE, "2019/03/04 09:15:00", "2019-03-03T22:15:00"),
        (MELBOURNE, "2019/03/04 09:15", "2019-03-03T22:15:00"),
        (BRISBANE, "2019/03/04 09:15:00", "2019-03-03T23:15:00"),
        (MELBOURNE, "1551651300123", "2019-03-03T22:15:00.123000"),
        (MELBOURNE, "  2019/03/04 09:15:00 ", "2019-03-03T22:15:00"),
    ],
)
def test_each_form_is_read(zone: ZoneInfo, text: str, instant: str) -> None:
    assert read_time(text, zone) == WireTime(text, utc(instant), TimeMark.CLEAR)


@pytest.mark.parametrize("zone", [MELBOURNE, ADELAIDE, BRISBANE, LORD_HOWE], ids=str)
@given(instant=instants)
def test_a_zone_less_time_is_its_instant_or_is_marked(zone: ZoneInfo, instant: datetime) -> None:
    local = instant.astimezone(zone)

    for form in ("%Y-%m-%d %H:%M:%S.0", "%Y/%m/%d %H:%M:%S"):
        read = read_time(local.strftime(form), zone)
        if read.mark is TimeMark.TWICE:
            assert read.utc in (instant, instant - _gap(zone))
        else:
            assert (read.utc, read.mark) == (instant, TimeMark.CLEAR)


def _gap(zone: ZoneInfo) -> timedelta:
    return timedelta(minutes=30 if zone is LORD_HOWE else 60)


@pytest.mark.parametrize(
    ("zone", "text", "earlier"),
    [
        (MELBOURNE, "2026-04-05 02:30:00.0", "2026-04-04T15:30:00"),
        (MELBOURNE, "2026/04/05 02:00:00", "2026-04-04T15:00:00"),
        (MELBOURNE, "2026/04/05 02:59:59", "2026-04-04T15:59:59"),
        (ADELAIDE, "2026/04/05 02:30:00", "2026-04-04T16:00:00"),
        (LORD_HOWE, "2026/04/05 01:45:00", "2026-04-04T14:45:00"),
    ],
)
def test_in_the_hour_that_happens_twice_the_earlier_instant_is_taken_and_marked(
    zone: ZoneInfo, text: str, earlier: str
) -> None:
    assert read_time(text, zone) == WireTime(text, utc(earlier), TimeMark.TWICE)


@pytest.mark.parametrize(
    ("zone", "text", "instant"),
    [
        (MELBOURNE, "2026-10-04 02:30:00.0", "2026-10-03T16:30:00"),
        (MELBOURNE, "2026/10/04 02:00:00", "2026-10-03T16:00:00"),
        (ADELAIDE, "2026/10/04 02:30:00", "2026-10-03T17:00:00"),
        (LORD_HOWE, "2026/10/04 02:15:00", "2026-10-03T15:45:00"),
    ],
)
def test_in_the_hour_that_never_happens_the_offset_before_the_change_is_taken_and_marked(
    zone: ZoneInfo, text: str, instant: str
) -> None:
    assert read_time(text, zone) == WireTime(text, utc(instant), TimeMark.NEVER)


@pytest.mark.parametrize("text", ["2026/04/05 01:59:59", "2026/04/05 03:00:00", "2026/10/04 03:00:00"])
def test_beside_those_hours_times_are_clear(text: str) -> None:
    assert read_time(text, MELBOURNE).mark is TimeMark.CLEAR


@pytest.mark.parametrize("text", ["2026/04/05 02:30:00", "2026/10/04 02:30:00"])
def test_a_zone_without_daylight_saving_has_no_such_hours(text: str) -> None:
    assert read_time(text, BRISBANE).mark is TimeMark.CLEAR


@pytest.mark.parametrize(
    ("text", "instant"),
    [
        ("Sun Apr 05 02:30:00 AEDT 2026", "2026-04-04T15:30:00"),
        ("Sun Apr 05 02:30:00 AEST 2026", "2026-04-04T16:30:00"),
    ],
)
def test_an_abbreviation_tells_the_two_hours_apart(text: str, instant: str) -> None:
    assert read_time(text, MELBOURNE) == WireTime(text, utc(instant), TimeMark.CLEAR)


@pytest.mark.parametrize(
    "text",
    [
        "yesterday", "0", "31", "-1551651300123", "1551651300", "2019-02-30 09:15:00.0", "2019-13-04 09:15:00.0",
        "2019-03-04 24:00:00.0", "2019-03-04 09:60:00.0", "2019-03-04T09:15:00", "2019-03/04 09:15:00", "2019/03/04",
        "0001-01-01 00:00:00.0", "9999-12-31 23:59:59.0", "1969/12/31 23:59:59", "3000/01/01 00:00:00",
        "Mon Mar 04 09:15:00 2019", "Mon Mar 04 09:15:00 XYZT 2019", "Mon Mar 04 09:15:00 NZDT 2019",
        "Mon Mär 04 09:15:00 AEDT 2019", "Mon Mar 32 09:15:00 AEDT 2019", "Mon Mar 04 09:15:00 AEDT+01:00 2019",
        "Mon Mar 04 09:15:00 GMT+99:00 2019", "٢٠١٩/٠٣/٠٤ ٠٩:١٥:٠٠", "2019/03/04 09:15:00\n2019", "99999999999999",
        "Mon Mar 04 09:15:00 AEDT 0000", "null", "NaN",
    ],
)  # fmt: skip
def test_what_names_no_instant_is_unreadable_and_keeps_its_text(text: str) -> None:
    assert read_time(text, MELBOURNE) == WireTime(text, None, TimeMark.UNREADABLE)


@given(st.text())
def test_no_text_makes_reading_fail(text: str) -> None:
    read = read_time(text, MELBOURNE)

    assert read.text.encode().decode() == read.text
    assert (read.utc is None) == (read.mark in (TimeMark.ABSENT, TimeMark.UNREADABLE))


@pytest.mark.parametrize("text", ["", " "])
def test_nothing_is_absent(text: str) -> None:
    assert read_time(text, MELBOURNE) == WireTime(text, None, TimeMark.ABSENT)


def test_month_names_are_english_whatever_the_locale_calls_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(calendar, "month_abbr", ["", *(f"m{number}" for number in range(1, 13))])
    monkeypatch.setattr(locale, "nl_langinfo", lambda _: "mois", raising=False)

    for number, name in enumerate(MONTHS, start=1):
        assert read_time(f"Mon {name} 04 12:00:00 UTC 2019", MELBOURNE).utc == datetime(2019, number, 4, 12, tzinfo=UTC)


@given(st.dates())
def test_a_date_is_written_with_slashes_and_leading_zeros(day: date) -> None:
    year, month, number = write_date(day).split("/")

    assert (len(year), len(month), len(number)) == (4, 2, 2)
    assert date(int(year), int(month), int(number)) == day
