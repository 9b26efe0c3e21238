"""CSV that is opened in a spreadsheet: what is calculated there, and what is not."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from datetime import UTC, date, datetime
from typing import Any

import pytest

from noojee_ingest.catalogue.terms import BadSearch
from noojee_ingest.pipeline.export import COLUMNS, write_csv


def written(**told: Any) -> dict[str, str]:
    """A row as a reader of CSV finds it; columns that are not told are null."""
    file = io.StringIO(newline="")
    write_csv([[dict.fromkeys(COLUMNS) | told]], file)
    (line,) = csv.DictReader(io.StringIO(file.getvalue(), newline=""))
    return line


@pytest.mark.parametrize(
    "tag", ['=HYPERLINK("http://x")', "+cmd|' /C calc'!A0", "-A1", "@SUM(A1)", "\t=1", "\r=1", "=1+2", "+1a"]
)
def test_a_text_that_a_spreadsheet_would_calculate_gets_an_apostrophe(tag: str) -> None:
    assert written(tag=tag)["tag"] == f"'{tag}"


@pytest.mark.parametrize("tag", ["+61 3 9555 0123", "+61395550123", "-12.5", "(03) 9555-0123", "a=b", "ORD 1", ""])
def test_other_texts_and_numbers_in_any_spelling_stay_as_they_are(tag: str) -> None:
    assert written(tag=tag)["tag"] == tag


@pytest.mark.parametrize("tag", ['say "hi"', "one, two", "one\ntwo", "one\r\ntwo", "Zoë 李"])
def test_quotes_commas_and_line_breaks_come_back_as_they_were(tag: str) -> None:
    assert written(tag=tag)["tag"] == tag


def test_other_control_characters_are_written_out() -> None:
    assert written(tag="a\x1b[31m\x00\x9b\x7f")["tag"] == r"a\x1b[31m\x00\x9b\x7f"


def test_values_are_written_plainly_and_null_as_nothing() -> None:
    line = written(
        started=datetime(2026, 3, 10, 16, 30, tzinfo=UTC),
        day=date(2026, 3, 10),
        seconds=30.0625,
        hour=0,
        findings=("double", "unsound"),
    )
    told = {"started": "2026-03-10T16:30:00.000000Z", "day": "2026-03-10", "seconds": "30.0625", "hour": "0"}
    assert line == dict.fromkeys(COLUMNS, "") | told | {"findings": '["double", "unsound"]'}


def test_a_question_that_is_wrong_leaves_nothing_written() -> None:
    def asked() -> Iterator[list[dict[str, Any]]]:
        raise BadSearch("the text 'ab' is too short")
        yield []

    file = io.StringIO(newline="")
    with pytest.raises(BadSearch):
        write_csv(asked(), file)
    assert file.getvalue() == ""


def test_lines_end_as_the_standard_says() -> None:
    file = io.StringIO(newline="")
    write_csv([], file)
    assert file.getvalue() == ",".join(COLUMNS) + "\r\n"
