"""Options that several verbs share, and how they speak of sites, days and times."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Annotated, Any
from zoneinfo import ZoneInfo

import typer
from rich.console import Console
from rich.markup import escape

from noojee_ingest.journal.lines import instant_text
from noojee_ingest.model import TimeMark
from noojee_ingest.noojee.times import read_time as read_wire_time
from noojee_ingest.pipeline.errors import NoSuchSite
from noojee_ingest.settings import Settings, load

Config = Annotated[
    Path | None,
    typer.Option("--config", help="The configuration (TOML); else $NOOJEE_INGEST_CONFIG, else the embedded demo."),
]
SiteName = Annotated[
    str | None, typer.Option("--site", help="The site's slug in the configuration; not needed where there is one.")
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON (docs/cli.md) instead of tables.")]


def one_site(settings: Settings, slug: str | None) -> str:
    """The site that is meant. Raises NoSuchSite where none is named and there is not just one."""
    known = sorted(settings.sites)
    if slug is None and len(known) == 1:
        return known[0]
    if slug is None or slug not in settings.sites:
        raise NoSuchSite(slug or "", known)
    return slug


def load_settings(config: Path | None) -> Settings:
    """As ``settings.load``; says so where nobody named any, for then it is the demo that is looked at."""
    if config is None and not os.environ.get("NOOJEE_INGEST_CONFIG"):
        print("This is the embedded demo: neither --config nor NOOJEE_INGEST_CONFIG is given.", file=sys.stderr)
    return load(config)


def read_day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise typer.BadParameter(f"{text!r} is not a day; write it as 2026-03-10") from None


def read_time(text: str, zone: ZoneInfo) -> datetime:
    """A day or a time; without an offset it is site time. A day begins with its first instant.

    A time that the site's clocks showed twice, or never, is refused: which instant is meant is not guessed.
    """
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise typer.BadParameter(f"{text!r} is not a time; write it as 2026-03-10 or 2026-03-10T14:30") from None
    try:
        if moment.tzinfo is not None:
            return moment.astimezone(UTC)
        first, second = (moment.replace(tzinfo=zone, fold=fold) for fold in (0, 1))
        if first.utcoffset() != second.utcoffset() and not _is_day(text):
            happened = "happened twice" if _is_shown(first, zone) else "never happened"
            meant = sorted(one.astimezone(UTC) for one in (first, second))
            told = " or ".join(one.astimezone(zone).isoformat() for one in meant)
            raise typer.BadParameter(f"{text} {happened} in {zone.key}; say which is meant: {told}")
        return first.astimezone(UTC)
    except OverflowError:
        raise typer.BadParameter(f"{text!r} is beyond the calendar") from None


def _is_day(text: str) -> bool:
    try:
        date.fromisoformat(text)
    except ValueError:
        return False
    return True


def _is_shown(moment: datetime, zone: ZoneInfo) -> bool:
    """Whether the site's clocks ever showed it."""
    return moment.astimezone(UTC).astimezone(zone).replace(tzinfo=None) == moment.replace(tzinfo=None)


def site_time(instant: datetime | None, zone: ZoneInfo) -> str:
    """An instant as people of the site read it."""
    return "" if instant is None else instant.astimezone(zone).strftime("%Y-%m-%d %H:%M:%S %Z")


def told_time(instant: datetime | None, text: str | None, zone: ZoneInfo) -> str:
    """An instant that the phone system told as ``text``, as people of the site read it.

    What it told of an hour that happened twice, without saying which, is shown with both zones; of one that never
    happened, with a question mark. Where no instant could be read, the text itself.
    """
    if instant is None:
        return text or ""
    mark = read_wire_time(text or "", zone).mark
    if mark is TimeMark.TWICE:
        return f"{site_time(instant, zone)} or {instant.astimezone(zone).replace(fold=1).tzname()}"
    return site_time(instant, zone) + (" ?" if mark is TimeMark.NEVER else "")


def zone_of(settings: Settings, slug: str) -> ZoneInfo:
    """A site's zone; UTC for one that the catalogue knows and the configuration no more."""
    return settings.sites[slug].zone if slug in settings.sites else ZoneInfo("UTC")


def safe(value: object) -> str:
    """Text for rich that may have come over the wire: no markup, no control character that a terminal would obey."""
    return escape(plain("" if value is None else str(value)))


def plain(text: str) -> str:
    """Text without control characters that a terminal would obey."""
    return "".join(letter if letter.isprintable() else ascii(letter)[1:-1] for letter in text)


def plain_lines(text: str) -> str:
    """As ``plain``, but for line breaks: some errors have a line for each problem."""
    return "\n".join(plain(line) for line in text.split("\n"))


def print_json(value: object) -> None:
    """One JSON document on standard output: instants in UTC, days as 2026-03-10."""
    json.dump(_plain(value), sys.stdout, ensure_ascii=False, indent=2)
    sys.stdout.write("\n")


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return instant_text(value)
    if isinstance(value, date | Path):
        return str(value)
    if is_dataclass(value) and not isinstance(value, type):
        return {item.name: _plain(getattr(value, item.name)) for item in fields(value)}
    if isinstance(value, Mapping):
        return {str(name): _plain(item) for name, item in value.items()}
    if isinstance(value, list | tuple | set):
        return [_plain(item) for item in value]
    return value


def console() -> Console:
    """For tables: as wide as the terminal, and wide enough for every column where there is none."""
    return Console(width=None if sys.stdout.isatty() else 160, highlight=False)


def bytes_text(size: float) -> str:
    """A size as people read it, in powers of 1,000."""
    for unit in ("B", "kB", "MB", "GB", "TB"):
        if abs(size) < 1000 or unit == "TB":
            return f"{size:,.0f} {unit}" if unit == "B" else f"{size:,.1f} {unit}"
        size /= 1000
    raise AssertionError
