"""Any event of any kind, made from the dataclasses' own types."""

from __future__ import annotations

import types
import typing
from collections.abc import Mapping
from dataclasses import fields
from datetime import UTC, date, datetime
from enum import StrEnum
from typing import Any

from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from noojee_ingest.journal.events import KINDS, Event
from noojee_ingest.model import Finding, FindingKind

texts = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=40)
PLAIN: dict[Any, SearchStrategy[Any]] = {
    str: texts,
    int: st.integers(-(2**63), 2**63 - 1),
    float: st.floats(allow_nan=False, allow_infinity=False),
    bool: st.booleans(),
    datetime: st.datetimes(timezones=st.just(UTC)),
    date: st.dates(),
    tuple[str, ...]: st.lists(texts, max_size=4).map(tuple),
    tuple[Finding, ...]: st.lists(st.builds(Finding, st.sampled_from(FindingKind), texts), max_size=3).map(tuple),
    Mapping[str, str]: st.dictionaries(texts, texts, max_size=4),
    Mapping[str, int]: st.dictionaries(texts, st.integers(-(2**63), 2**63 - 1), max_size=4),
}


def values(hint: Any) -> SearchStrategy[Any]:
    if isinstance(hint, types.UnionType):
        return st.one_of([values(option) for option in typing.get_args(hint)])
    if hint is types.NoneType:
        return st.none()
    if isinstance(hint, type) and issubclass(hint, StrEnum):
        return st.sampled_from(hint)
    return PLAIN[hint]


def events_of(kind: type[Event]) -> SearchStrategy[Event]:
    hints = typing.get_type_hints(kind)
    return st.builds(kind, **{field.name: values(hints[field.name]) for field in fields(kind)})


events = st.one_of([events_of(kind) for kind in KINDS])
