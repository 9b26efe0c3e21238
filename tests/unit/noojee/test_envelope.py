"""The three envelopes, and what is none of them."""

from __future__ import annotations

import pytest

from noojee_ingest.noojee.envelope import Envelope, denies_key, open_envelope
from noojee_ingest.noojee.errors import BadAnswer
from noojee_ingest.noojee.keys import Words
from noojee_ingest.noojee.wire import NotJSON


@pytest.mark.parametrize(
    ("body", "code", "message"),
    [
        (b'{"Code": -1, "Message": "Expired TimeStamp"}', -1, "Expired TimeStamp"),
        (b'{"Message": "Channel Hungup", "Code": 0}', 0, "Channel Hungup"),
        (b'{"code": 102, "message": "NO_PHONE_FIELDS"}', 102, "NO_PHONE_FIELDS"),
        (b'{"Code": "0"}', 0, ""),
        (b'{"Code": 0, "Message": null}', 0, ""),
        (b'{"Code": 0, "Message": ["x"]}', 0, ""),
        (b'{"State": {"205": {"Code": -1}}}', None, ""),
        (b"{}", None, ""),
    ],
)
def test_an_object_tells_its_code_and_message_in_either_case(body: bytes, code: int | None, message: str) -> None:
    assert open_envelope(body) == Envelope(code, message, None)


def test_a_bare_list_and_a_list_of_entities_give_the_same_elements() -> None:
    bare = open_envelope(b' [ {"id": 1}, 2 ] ')
    wrapped = open_envelope(b'{"entities": [{"id": 1}, 2], "code": 0, "type": "Template"}')

    assert bare.elements == wrapped.elements
    assert bare.elements is not None
    assert [element.text for element in bare.elements] == ['{"id": 1}', "2"]


@pytest.mark.parametrize("body", [b'{"code": 0}', b'{"code": 0, "entities": null}', b'{"code": 0, "message": "OK"}'])
def test_a_campaign_answer_without_entities_is_empty_if_its_code_is_zero(body: bytes) -> None:
    assert open_envelope(body).entities() == []


@pytest.mark.parametrize("body", [b'{"code": 1}', b"{}", b'{"code": 7, "message": "odd", "entities": null}'])
def test_a_campaign_answer_without_entities_and_without_code_zero_is_no_answer(body: bytes) -> None:
    with pytest.raises(BadAnswer):
        open_envelope(body).entities()


def test_an_object_where_a_list_must_be_is_never_an_empty_list() -> None:
    with pytest.raises(BadAnswer, match="code 0, 'nothing found'"):
        open_envelope(b'{"Code": 0, "Message": "nothing found"}').listed()
    assert open_envelope(b"[]").listed() == []


@pytest.mark.parametrize(
    ("body", "what"),
    [
        (b"", "empty"),
        (b" \r\n", "empty"),
        (b"<!DOCTYPE html><html>login</html>", "HTML"),
        (b'\n<?xml version="1.0"?>', "HTML or XML"),
        (b"OK", "neither"),
        (b'"OK"', "neither"),
        (b"1500000000123", "neither"),
        (b'{"code": true}', "code is not a number"),
        (b'{"code": "zero"}', "code is not a number"),
        (b'{"code": 1.5}', "code is not a number"),
        (b'{"code": 0, "entities": {"id": 1}}', "entities are not a list"),
        (b'{"code": 0, "entities": "none"}', "entities are not a list"),
        (b'{"code": 0, "entities": [{"id": 1}', "expected"),
        (b'[{"id": 1}, {"id"', "character"),
        (b"\x00\x01\x02", "neither"),
    ],
)
def test_what_is_no_envelope_is_told(body: bytes, what: str) -> None:
    with pytest.raises(NotJSON, match=what):
        open_envelope(body)


@pytest.mark.parametrize(
    ("envelope", "denied"),
    [
        (Envelope(-1, "Invalid apiKey", None), True),
        (Envelope(-1, "Bad HASH", None), True),
        (Envelope(-9, "Not authenticated", None), True),
        (Envelope(-1, "You have no permission", None), True),
        (Envelope(-1, "Unknown channel", None), False),
        (Envelope(0, "key accepted", None), False),
        (Envelope(101, "no such key", None), False),
        (Envelope(None, "Invalid apiKey", None), False),
    ],
)
def test_only_a_negative_code_with_words_about_the_key_denies_it(envelope: Envelope, denied: bool) -> None:
    assert denies_key(envelope, Words()) is denied


def test_a_long_message_is_shortened() -> None:
    assert len(open_envelope(b'{"Code": -1, "Message": "' + b"x" * 100_000 + b'"}').message) == 300
