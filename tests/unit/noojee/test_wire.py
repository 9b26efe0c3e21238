"""JSON as text: raw text kept, numbers kept, digests that ignore spelling."""

from __future__ import annotations

import hashlib
import json
import random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from noojee_ingest.noojee.wire import (
    DEEPEST,
    Members,
    NotJSON,
    TooDeep,
    array,
    canonical,
    digest_of,
    members,
    safe,
    text_of,
)

scalars = st.none() | st.booleans() | st.integers() | st.floats() | st.text()
values = st.recursive(scalars, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=20)
blanks = st.text(alphabet=" \t\r\n", max_size=3)


def as_text(value: Any) -> Any:
    """What the documentation of the canonical form says, written a second time."""
    match value:
        case bool():
            return json.dumps(value)
        case int() | float():
            return json.dumps(value)
        case list():
            return [as_text(inner) for inner in value]
        case dict():
            return {key: as_text(inner) for key, inner in value.items()}
        case _:
            return value


def shuffled(value: Any, chance: random.Random) -> Any:
    match value:
        case dict():
            items = list(value.items())
            chance.shuffle(items)
            return {key: shuffled(inner, chance) for key, inner in items}
        case list():
            return [shuffled(inner, chance) for inner in value]
        case _:
            return value


def digest(raw: str) -> str:
    (element,) = array(f"[{raw}]")
    return element.digest


@given(st.lists(st.tuples(blanks, values, blanks)), st.booleans())
def test_each_element_keeps_its_raw_text_whatever_stands_between_them(
    parts: list[tuple[str, Any, str]], ascii_only: bool
) -> None:
    texts = [json.dumps(value, ensure_ascii=ascii_only) for _, value, _ in parts]
    body = "[" + ",".join(f"{before}{text}{after}" for (before, _, after), text in zip(parts, texts, strict=True)) + "]"

    assert [element.text for element in array(safe(body))] == [safe(text) for text in texts]


@given(values, st.randoms(use_true_random=False), st.booleans())
def test_the_digest_ignores_key_order_blanks_and_escapes(value: Any, chance: random.Random, ascii_only: bool) -> None:
    spelled = json.dumps(shuffled(value, chance), ensure_ascii=ascii_only, indent=chance.choice([None, 1]))

    assert digest(spelled) == digest(json.dumps(value))


@given(values)
def test_the_canonical_form_is_what_the_documentation_says(value: Any) -> None:
    form = json.dumps(as_text(value), sort_keys=True, separators=(",", ":"))

    assert digest(json.dumps(value)) == hashlib.sha256(form.encode()).hexdigest()


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ('{"Duration": "31"}', '{"Duration": 31}'),
        ('{"a": true}', '{"a": "true"}'),
        ('{"a": false}', '{"a": "false"}'),
        ('{"a": NaN}', '{"a": "NaN"}'),
        ('{"a": [1, {"b": 2.50}]}', '{"a": ["1", {"b": "2.50"}]}'),
        ('{"a": "\\u00e9\\ud83d\\ude00"}', '{"a": "é😀"}'),
        ('{"a": 1, "b": 2}', '{"b": 2, "a": 1}'),
        ('{"a": 1, "a": 2}', '{"a": 2}'),
    ],
)
def test_spellings_of_the_same_have_one_digest(one: str, other: str) -> None:
    assert digest(one) == digest(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ('{"UniqueId": 1700000123.10}', '{"UniqueId": 1700000123.1}'),
        ('{"a": 31}', '{"a": 31.0}'),
        ('{"a": 1e2}', '{"a": 100}'),
        ('{"a": null}', '{"a": "null"}'),
        ('{"a": null}', "{}"),
        ('{"a": ""}', '{"a": null}'),
        ('{"a": [1, 2]}', '{"a": [2, 1]}'),
        ('{"a": "x"}', '{"A": "x"}'),
        ('{"a": "\\u0000"}', '{"a": "\\\\u0000"}'),
        ('{"a": "\\ud800"}', '{"a": "\\ud801"}'),
    ],
)
def test_what_differs_has_two_digests(one: str, other: str) -> None:
    assert digest(one) != digest(other)


def test_a_digest_can_be_recomputed_from_the_stored_raw_text() -> None:
    (element,) = array(text_of(b'[{"Tag": "caf\xe9 \x00", "b": 2}]'))

    form = json.dumps(as_text(json.loads(element.text, strict=False)), sort_keys=True, separators=(",", ":"))

    assert element.digest == hashlib.sha256(form.encode()).hexdigest()


@pytest.mark.parametrize(
    "number",
    ["1700000123.10", "1700000123.1", "-0", "0.000", "1E400", "-1e-400", "9" * 5000, "NaN", "-Infinity", "Infinity"],
)
def test_a_number_keeps_its_text(number: str) -> None:
    (element,) = array(f'[{{"UniqueId": {number}}}]')

    assert element.value == {"UniqueId": number}
    assert element.text == f'{{"UniqueId": {number}}}'


def test_of_a_repeated_key_the_last_value_counts_and_the_key_is_named() -> None:
    (element,) = array('[{"Tag": "first", "Leg": "1", "Tag": "last"}]')

    assert isinstance(element.value, Members)
    assert element.value == {"Tag": "last", "Leg": "1"}
    assert element.value.repeated == ("Tag",)
    assert "first" in element.text


@pytest.mark.parametrize("levels", [DEEPEST + 1, 2_000, 200_000])
@pytest.mark.parametrize(("opening", "closing"), [("[", "]"), ('{"]":', "}")])
def test_an_entry_nested_too_deep_is_kept_as_text_and_its_neighbours_are_read(
    levels: int, opening: str, closing: str
) -> None:
    deep = opening * levels + '"\\"]}"' + closing * levels

    before, entry, after = array(f'[{{"a":1}}, {deep} ,{{"b":2}}]')

    assert isinstance(entry.value, TooDeep)
    assert entry.text == deep
    assert entry.digest == hashlib.sha256(deep.encode()).hexdigest()
    assert (before.value, after.value) == ({"a": "1"}, {"b": "2"})


def test_an_entry_of_exactly_the_deepest_level_is_read() -> None:
    deep = "[" * DEEPEST + "]" * DEEPEST

    (element,) = array(f"[{deep}]")

    assert element.value != []
    assert element.digest == hashlib.sha256(canonical(json.loads(deep)).encode()).hexdigest()


def test_a_member_nested_too_deep_does_not_hide_the_others() -> None:
    deep = "[" * 100_000 + "]" * 100_000

    others, arrays = members(f'{{"code": 0, "x": {{"y": {deep}}}, "entities": [{{"id": 1}}]}}')

    assert others == {"code": "0", "x": None}
    assert [element.value for element in arrays["entities"]] == [{"id": "1"}]


@given(st.binary())
def test_any_bytes_become_text_that_utf8_can_hold_and_a_database_too(body: bytes) -> None:
    text = text_of(body)

    assert text.encode().decode() == text
    assert "\0" not in text


@given(st.text())
def test_sound_text_is_left_as_it_is(text: str) -> None:
    if "\0" not in text:
        assert safe(text) == text


@pytest.mark.parametrize(
    ("body", "text"),
    [
        (b'["a\x00b"]', '["a\\u0000b"]'),
        (b'["caf\xe9"]', '["caf\\udce9"]'),
        ("\ufeff[]".encode(), "[]"),
        ('["😀é"]'.encode(), '["😀é"]'),
    ],
)
def test_what_cannot_be_held_is_written_as_its_json_escape(body: bytes, text: str) -> None:
    assert text_of(body) == text


@pytest.mark.parametrize(
    ("text", "held"),
    [("x\0y", "x\\u0000y"), ("\ud800", "\\ud800"), ("\udfff!", "\\udfff!"), ("a\\b", "a\\b"), ("😀", "😀")],
)
def test_decoded_text_is_made_safe_in_the_same_way(text: str, held: str) -> None:
    assert safe(text) == held


@pytest.mark.parametrize(
    "text",
    ["", "[", "[1", "[1,", "[1,]", "[,1]", "[1 2]", "[1]]", "[1] x", "{}", "[tru]", '["a]', '[{"a"}]', "[01]", "[.5]",
     "[" * 5000, '[{"a": 1}', "[{'a': 1}]"],
)  # fmt: skip
def test_what_is_no_list_is_told(text: str) -> None:
    with pytest.raises(NotJSON):
        array(text)


@pytest.mark.parametrize(
    "text", ["", "{", "[]", "{1: 2}", '{"a" 1}', '{"a":}', '{"a": 1,}', '{"a": 1} {}', '{"a": [1}', '{"a": [1]']
)
def test_what_is_no_object_is_told(text: str) -> None:
    with pytest.raises(NotJSON):
        members(text)


def test_a_member_that_stands_twice_counts_as_it_stands_last() -> None:
    assert members('{"entities": [1], "entities": null}') == ({"entities": None}, {})
    others, arrays = members('{"entities": null, "entities": [1]}')
    assert others == {}
    assert [element.text for element in arrays["entities"]] == ["1"]


@given(st.lists(st.text(alphabet="0123456789abcdef", min_size=64, max_size=64)), st.randoms(use_true_random=False))
def test_the_digest_of_an_answer_is_that_of_a_set(digests: list[str], chance: random.Random) -> None:
    again = digests + digests[:2]
    chance.shuffle(again)

    assert digest_of(again) == digest_of(digests)
    assert digest_of([]) == hashlib.sha256(b"").hexdigest()
    assert digest_of(["b", "a"]) == hashlib.sha256(b"a\nb").hexdigest()
