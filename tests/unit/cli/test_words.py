"""How the verbs read what people type, and how they speak."""

from __future__ import annotations

import string
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import typer
from hypothesis import given
from hypothesis import strategies as st

from noojee_ingest.catalogue.errors import CatalogueLocked
from noojee_ingest.cli.exits import exit_of
from noojee_ingest.cli.get import file_name
from noojee_ingest.cli.options import bytes_text, read_day, read_time, safe, site_time, told_time
from noojee_ingest.cli.progress import told
from noojee_ingest.journal.errors import DamagedSegment, UnknownVersion
from noojee_ingest.noojee import AuthenticationFailed, ContractError, Misconfigured
from noojee_ingest.pipeline.errors import AudioDamaged, NoSuchSite, OutputProblem, PhoneSystemDown
from noojee_ingest.pipeline.get import ArchivedAudio
from noojee_ingest.pipeline.progress import Tally
from noojee_ingest.settings_problems import SettingsError
from noojee_ingest.storage.errors import StoreFull

ZONE = ZoneInfo("Australia/Melbourne")


@pytest.mark.parametrize(
    ("text", "instant"),
    [
        ("2026-03-10", "2026-03-09T13:00:00+00:00"),
        ("2026-03-10T14:30", "2026-03-10T03:30:00+00:00"),
        ("2026-03-10 14:30:15", "2026-03-10T03:30:15+00:00"),
        ("2026-03-10T14:30+00:00", "2026-03-10T14:30:00+00:00"),
        ("2026-03-10T14:30Z", "2026-03-10T14:30:00+00:00"),
        ("2026-04-05T02:30+11:00", "2026-04-04T15:30:00+00:00"),
        ("2026-04-05T02:30+10:00", "2026-04-04T16:30:00+00:00"),
        ("2026-04-05T03:00", "2026-04-04T17:00:00+00:00"),
        ("2026-10-04T03:00", "2026-10-03T16:00:00+00:00"),
    ],
)
def test_a_time_without_an_offset_is_site_time(text: str, instant: str) -> None:
    assert read_time(text, ZONE) == datetime.fromisoformat(instant)


@pytest.mark.parametrize("text", ["", "yesterday", "10/3/2026", "2026-13-01", "2026-02-30", "25:00"])
def test_what_is_no_time_or_day_is_refused_with_the_right_form(text: str) -> None:
    with pytest.raises(typer.BadParameter, match="write it as 2026-03-10 or"):
        read_time(text, ZONE)
    with pytest.raises(typer.BadParameter, match="write it as 2026-03-10"):
        read_day(text)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("2026-04-05T02:00", "happened twice .*: 2026-04-05T02:00:00[+]11:00 or 2026-04-05T02:00:00[+]10:00"),
        ("2026-04-05 02:59:59", "happened twice .*: 2026-04-05T02:59:59[+]11:00 or 2026-04-05T02:59:59[+]10:00"),
        ("2026-10-04T02:30", "never happened .*: 2026-10-04T01:30:00[+]10:00 or 2026-10-04T03:30:00[+]11:00"),
    ],
)
def test_a_time_that_the_clocks_showed_twice_or_never_is_not_guessed(text: str, told: str) -> None:
    with pytest.raises(typer.BadParameter, match=told):
        read_time(text, ZONE)


@pytest.mark.parametrize(
    ("day", "zone", "instant"),
    [
        ("2026-04-24", "Africa/Cairo", "2026-04-23T22:00:00+00:00"),  # it begins with 01:00
        ("2026-10-25", "Atlantic/Azores", "2026-10-25T00:00:00+00:00"),  # midnight comes again an hour later
    ],
)
def test_a_day_begins_with_its_first_instant_whatever_the_clocks_show(day: str, zone: str, instant: str) -> None:
    assert read_time(day, ZoneInfo(zone)) == datetime.fromisoformat(instant)


@pytest.mark.parametrize(
    ("instant", "text", "shown"),
    [
        ("2026-04-05T02:30:00+11:00", "2026-04-05 02:30:00.0", "2026-04-05 02:30:00 AEDT or AEST"),
        ("2026-04-05T02:30:00+11:00", "Sun Apr 05 02:30:00 AEDT 2026", "2026-04-05 02:30:00 AEDT"),
        ("2026-04-05T02:30:00+10:00", "Sun Apr 05 02:30:00 AEST 2026", "2026-04-05 02:30:00 AEST"),
        ("2026-10-04T03:30:00+11:00", "2026/10/04 02:30:00", "2026-10-04 03:30:00 AEDT ?"),
        ("2026-04-05T03:30:00+10:00", "2026/04/05 03:30:00", "2026-04-05 03:30:00 AEST"),
        (None, "whenever", "whenever"),
        (None, None, ""),
    ],
)
def test_a_told_time_that_is_in_doubt_is_shown_so(instant: str | None, text: str | None, shown: str) -> None:
    assert told_time(datetime.fromisoformat(instant) if instant else None, text, ZONE) == shown


def test_a_day_is_read() -> None:
    assert read_day("2026-03-10") == date(2026, 3, 10)


def test_an_instant_is_shown_in_the_time_of_the_site() -> None:
    assert site_time(datetime(2026, 3, 9, 13, tzinfo=UTC), ZONE) == "2026-03-10 00:00:00 AEDT"
    assert site_time(datetime(2026, 6, 9, 14, tzinfo=UTC), ZONE) == "2026-06-10 00:00:00 AEST"
    assert site_time(None, ZONE) == ""


@pytest.mark.parametrize(
    ("size", "text"),
    [(0, "0 B"), (999, "999 B"), (1000, "1.0 kB"), (89_900_000, "89.9 MB"), (5e15, "5,000.0 TB"), (2.5e9, "2.5 GB")],
)
def test_a_size_is_shown_in_powers_of_a_thousand(size: float, text: str) -> None:
    assert bytes_text(size) == text


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (SettingsError(("one",)), 2),
        (NoSuchSite("x", ["y"]), 2),
        (Misconfigured("x"), 2),
        (ContractError("x"), 2),
        (AudioDamaged("a", "k", "w"), 4),
        (DamagedSegment("k", "w"), 4),
        (UnknownVersion("k", "w"), 1),
        (AuthenticationFailed("x"), 1),
        (PhoneSystemDown("s", "l", 3), 1),
        (StoreFull("d", "k", "h"), 1),
        (CatalogueLocked("d", "w", "h"), 1),
        (OutputProblem(Path("x"), OSError(13, "no")), 1),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else "",
)
def test_every_error_has_its_exit_code(error: Exception, code: int) -> None:
    assert exit_of(error) == code


HARMLESS = set(string.ascii_letters + string.digits + "-._")


@given(st.text(), st.text(), st.text())
def test_no_id_can_make_a_file_name_harmful(call: str, unique: str, leg: str) -> None:
    name = file_name(ArchivedAudio("a" * 32, "demo", call, unique, leg, "k", "", 1, "b" * 64, "wav", 1.0))
    assert set(name) <= HARMLESS
    assert not name.startswith((".", "-"))
    assert len(name) < 100
    assert name.endswith("-aaaaaaaa-bbbbbbbb.wav") or name == "aaaaaaaa-bbbbbbbb.wav"


@given(st.text())
def test_nothing_that_a_terminal_obeys_is_shown(text: str) -> None:
    assert all(letter.isprintable() for letter in safe(text))


def test_progress_says_only_what_there_is_to_say() -> None:
    assert told(Tally(stage="listing")) == "listing"
    whole: dict[str, Any] = {
        "hours_due": 24,
        "hours_listed": 3,
        "legs_found": 1200,
        "legs_done": 7,
        "fetched_bytes": 5000,
    }
    assert told(Tally(stage="listing", **whole)) == (
        "listing · hours listed 3 of 24 · legs 7 of 1,200 · 5.0 kB fetched"
    )
