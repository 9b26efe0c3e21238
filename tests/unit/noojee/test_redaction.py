"""The key is blotted out of texts, bytes and log records."""

from __future__ import annotations

import logging
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from noojee_ingest.noojee.redaction import Redaction

KEY = "5b0f2c1e-7a11-11ec-9d3c-00163e1a2b3c"


@given(
    before=st.text(max_size=20),
    after=st.text(max_size=20),
    key=st.text(alphabet="ab+/=%&é ", min_size=4, max_size=12),
    spell=st.sampled_from([str, quote, lambda key: quote(key, safe="")]),
)
def test_no_spelling_of_the_key_stays_in_a_text(before: str, after: str, key: str, spell: object) -> None:
    assert callable(spell)

    assert spell(key) not in Redaction(key).clean(f"{before}apiKey={spell(key)}&{after}")


def test_the_rest_of_a_text_stays() -> None:
    assert Redaction(KEY).clean(f"/path?apiKey={KEY}&leg=1") == "/path?apiKey=***&leg=1"


def test_bytes_keep_their_length() -> None:
    body = f"<p>no recording for apiKey={KEY}</p>".encode()

    blotted = Redaction(KEY).blot(body)

    assert KEY.encode() not in blotted
    assert len(blotted) == len(body)
    assert blotted.startswith(b"<p>no recording for apiKey=***")


def test_bytes_are_left_alone_for_a_key_so_short_that_it_may_stand_there_by_chance() -> None:
    assert Redaction("e").blot(b'{"Leg":"1"}') == b'{"Leg":"1"}'


@pytest.mark.parametrize(
    ("message", "arguments"),
    [
        ('%s "%s %s"', ("host", "GET", f"/path?apiKey={KEY}")),
        (f"GET /path?apiKey={KEY}", ()),
        ("%(url)s", ({"url": f"/path?apiKey={KEY}"},)),
        ("%r", (ValueError(f"/path?apiKey={KEY}"),)),
    ],
)
def test_a_log_record_passes_without_the_key(message: str, arguments: tuple[object, ...]) -> None:
    record = logging.LogRecord("urllib3", logging.DEBUG, "x.py", 1, message, arguments, None)

    assert Redaction(KEY).filter(record)
    assert KEY not in record.getMessage()
    assert "apiKey=***" in record.getMessage()


def test_an_exception_on_a_log_record_stays_as_cleaned_text() -> None:
    failure = ValueError(f"no answer from /path?apiKey={KEY}")
    record = logging.LogRecord("urllib3", logging.DEBUG, "x.py", 1, "failed", (), (ValueError, failure, None))

    Redaction(KEY).filter(record)

    written = logging.Formatter().format(record)
    assert KEY not in written
    assert "apiKey=***" in written
    assert record.exc_info is None


def test_the_redaction_itself_does_not_tell_the_key() -> None:
    assert KEY not in repr(Redaction(KEY))


def test_installing_and_removing_leaves_the_loggers_as_they_were() -> None:
    logger = logging.getLogger("urllib3.connectionpool")
    before = list(logger.filters)
    redaction = Redaction(KEY)

    redaction.install()
    assert redaction in logger.filters
    redaction.remove()
    assert logger.filters == before
