"""Column types that keep what the journal means: aware instants, and small lists as JSON text."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import DateTime, Dialect, String
from sqlalchemy.types import TypeDecorator, TypeEngine
from sqlmodel import Field

from noojee_ingest.journal.lines import CODECS, Codec, instant_text
from noojee_ingest.model import Finding


class Instant(TypeDecorator[datetime]):
    """An aware instant in UTC. SQLite has no such type: there it is text that sorts by time."""

    impl = String
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        if dialect.name == "sqlite":
            return dialect.type_descriptor(String())
        return dialect.type_descriptor(DateTime(timezone=True))

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> Any:
        if value is None:
            return None
        return instant_text(value) if dialect.name == "sqlite" else value.astimezone(UTC)

    def process_result_value(self, value: Any, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        return datetime.fromisoformat(value) if dialect.name == "sqlite" else value.astimezone(UTC)


_ENCODER = json.JSONEncoder(ensure_ascii=False, sort_keys=True, separators=(",", ":"))


class JsonText(TypeDecorator[Any]):
    """A value that the journal writes as a JSON list or object, as that JSON's text: equal values, equal text."""

    impl = String
    cache_ok = True
    codec: Codec

    def process_bind_param(self, value: Any, dialect: Dialect) -> str | None:
        if value is None:
            return None
        return "[]" if value == () else _ENCODER.encode(self.codec[0](value))

    def process_result_value(self, value: str | None, dialect: Dialect) -> Any:
        if value is None:
            return None
        return () if value == "[]" else self.codec[1](json.loads(value))


class Texts(JsonText):
    cache_ok = True
    codec = CODECS[tuple[str, ...]]


class Findings(JsonText):
    cache_ok = True
    codec = CODECS[tuple[Finding, ...]]


class TextMap(JsonText):
    cache_ok = True
    codec = CODECS[Mapping[str, str]]


class Counts(JsonText):
    cache_ok = True
    codec = CODECS[Mapping[str, int]]


def instant() -> Any:
    """A column of an instant that every row has."""
    return Field(sa_type=Instant)


def instant_or_none() -> Any:
    return Field(default=None, sa_type=Instant)
