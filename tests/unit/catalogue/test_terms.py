"""What a leg can be found by: numbers in any spelling, text without regard to case, classes of durations."""

from __future__ import annotations

import math
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from noojee_ingest.catalogue.terms import (
    BadSearch,
    duration_class,
    duration_classes,
    folded,
    kept_number,
    searched_text,
    term_id,
    wanted_numbers,
)

ONE_NUMBER = ["+61 3 9555 0123", "0061395550123", "(03) 9555 0123", "95550123", "0011 61 3 9555 0123", "9555-0123"]


@pytest.mark.parametrize(("wanted", "kept"), list(product(ONE_NUMBER, ONE_NUMBER)))
def test_every_spelling_of_a_number_finds_every_other(wanted: str, kept: str) -> None:
    assert kept_number(kept) in wanted_numbers(wanted)


@pytest.mark.parametrize(
    ("wanted", "kept"),
    [
        ("0395550123", "0295550123"),  # another area
        ("0395550123", "0395550124"),
        ("208", "1208"),  # extensions: all of their digits
        ("208", "0208"),
        ("208", "0395550208"),
        ("5550123", "95550123"),
        ("0412345678", "0612345679"),
        ("95550123", "955501234"),
    ],
)
def test_another_number_is_not_found(wanted: str, kept: str) -> None:
    assert kept_number(kept) not in wanted_numbers(wanted)


def test_a_number_without_area_code_is_that_of_any_area() -> None:
    assert {kept_number("0395550123"), kept_number("+61 2 9555 0123")} <= set(wanted_numbers("9555 0123"))


@pytest.mark.parametrize(("text", "kept"), [("208", "208"), ("0", "0"), ("Ext. 0208", "0208"), ("anonymous", "")])
def test_a_short_number_is_kept_as_it_is(text: str, kept: str) -> None:
    assert kept_number(text) == kept


@pytest.mark.parametrize("text", ["", "anonymous", "+", "٣٤٥"])
def test_a_number_without_digits_is_refused(text: str) -> None:
    with pytest.raises(BadSearch, match="has no digits"):
        wanted_numbers(text)


@given(st.text(alphabet="0123456789", min_size=1, max_size=20))
def test_every_number_finds_itself(text: str) -> None:
    assert kept_number(text) in wanted_numbers(text)


@pytest.mark.parametrize(
    ("one", "other"),
    [("Zoë", "ZOË"), ("É", "é"), ("e\N{COMBINING ACUTE ACCENT}", "É"), ("Straße", "STRASSE"), ("a\tb", "A b")],
)
def test_text_is_compared_without_regard_to_case(one: str, other: str) -> None:
    assert folded(one) == folded(other)


def test_an_accent_counts() -> None:
    assert folded("é") != folded("e")


@given(st.text())
def test_folded_text_stays_as_it_is_when_folded_again_and_holds_no_control_character(text: str) -> None:
    assert folded(folded(text)) == folded(text)
    assert all(letter >= " " for letter in folded(text))


@pytest.mark.parametrize("text", ["", "ab", "a b c", "a-b", "%%%", '""', "é é", "12 34"])
def test_a_text_without_three_letters_or_digits_in_a_row_is_refused(text: str) -> None:
    with pytest.raises(BadSearch, match="too short: give at least 3 letters or digits in a row"):
        searched_text(text)


@pytest.mark.parametrize("text", ["abc", "a 123", "日本語", "éàü", "x-rays!"])
def test_a_text_with_three_in_a_row_is_taken(text: str) -> None:
    assert searched_text(text) == text


@given(st.floats(allow_nan=True, allow_infinity=True))
def test_every_duration_has_a_class_and_is_in_the_classes_of_every_range_around_it(seconds: float) -> None:
    found = duration_class(seconds)
    assert found in duration_classes(None, None)
    if not math.isnan(seconds):
        assert found in duration_classes(seconds, seconds)
        assert found in duration_classes(seconds - 1, None)
        assert found in duration_classes(None, seconds + 1)


def test_the_classes_of_durations_double() -> None:
    assert [duration_class(seconds) for seconds in (0, 0.9, 1, 1.9, 2, 3.9, 4, 3600)] == [0, 0, 1, 1, 2, 2, 3, 12]
    assert list(duration_classes(60, 300)) == [6, 7, 8, 9]


def test_a_range_that_ends_before_it_begins_is_refused() -> None:
    with pytest.raises(BadSearch, match="from 60 to 5 seconds"):
        duration_classes(60, 5)


def test_a_term_is_of_one_site_and_its_id_of_one_length() -> None:
    ids = {term_id(site, term) for site in ("acme", "zenith") for term in ("tag:A", "user:A", f"tag:{'x' * 10_000}")}
    assert len(ids) == 6
    assert {len(one) for one in ids} == {32}
