"""Single values of the settings that need more than a type: addresses and API keys. No message repeats a secret."""

from __future__ import annotations

import os
import re
import stat
from datetime import time
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

from pydantic_core import PydanticCustomError


def unrepeatable(message: str) -> PydanticCustomError:
    """A wrong value that must not be repeated in the message."""
    return PydanticCustomError("unrepeatable", "{problem}", {"problem": message})


def http_address(text: str) -> str:
    """Scheme, host and port, as typed but without a closing slash; raises ValueError naming what is wrong."""
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError as problem:
        raise unrepeatable(f"is no address: {problem}") from None
    if parts.username is not None or parts.password is not None:
        raise unrepeatable("holds a user name or password; an address is only scheme, host and port")
    if parts.scheme not in {"http", "https"}:
        raise ValueError("should begin with https:// or http://")
    if not parts.hostname or re.search(r"[\s\\]", parts.netloc):
        raise ValueError("names no host, such as https://acme.example.com.au")
    if port == 0:
        raise ValueError("names port 0; leave the port out or give the real one")
    return text


def database_address(text: str) -> str:
    """The address of a catalogue; raises ValueError naming what is wrong."""
    scheme, _, rest = text.partition("://")
    if scheme == "sqlite" and rest:
        if not rest.startswith("/") or rest in {"/", "/:memory:"} or "?" in rest:
            raise ValueError("should name a file: sqlite:///relative/path.db or sqlite:////absolute/path.db")
        return text
    if scheme != "postgresql" or not rest:
        names = "sqlite:///data/catalogue.db or postgresql://archive@db.example.com/noojee"
        raise unrepeatable(f"has the scheme {scheme[:20]!r}; it should be {names}" if rest else f"should be {names}")
    try:
        parts = urlsplit(text)
        _ = parts.port
    except ValueError as problem:
        raise unrepeatable(f"is no address: {problem}") from None
    if parts.password is not None or "password" in parse_qs(parts.query, keep_blank_values=True):
        raise unrepeatable("holds a password; put it into PGPASSWORD, or into a password file (PGPASSFILE, ~/.pgpass)")
    if not parts.path.strip("/"):
        raise ValueError("names no database, such as postgresql://archive@db.example.com/noojee")
    return text


def time_of_day(told: object) -> time | None:
    """``06:00`` as text or as TOML's own local time; empty is none. Raises ValueError for anything else."""
    if told is None or told == "":
        return None
    text = told.isoformat("seconds").removesuffix(":00") if isinstance(told, time) else told
    if not isinstance(text, str) or re.fullmatch(r"([01]\d|2[0-3]):[0-5]\d", text, re.ASCII) is None:
        raise ValueError('should be a time of day in hours and minutes, such as "06:00"')
    return time.fromisoformat(text)


def checked_key(key: str, where: str) -> str:
    if not key:
        raise unrepeatable(f"{where} empty; put the phone system's API key there")
    if not key.isascii() or not key.isprintable() or " " in key or len(key) > 1000:
        raise unrepeatable(f"{where} no API key: it has blanks, line breaks or characters that no key has")
    return key


def key_from(path: Path) -> str:
    """The key in a file, without its closing line break. The file must be closed to other users."""
    if re.fullmatch(r"[0-9a-fA-F-]{32,36}", str(path)):
        raise unrepeatable("from api_key_file: that looks like a key; api_key_file names the file that holds it")
    try:
        with path.open("rb") as file:
            if os.name == "posix" and os.fstat(file.fileno()).st_mode & stat.S_IROTH:
                raise unrepeatable(f"from {path}: every user may read that file; close it with: chmod o= {path}")
            text = file.read(4096).decode("ascii", errors="replace")
    except OSError as problem:
        raise unrepeatable(f"from {path}: {problem.strerror}; api_key_file should name a readable file") from None
    return checked_key(text.removesuffix("\n").removesuffix("\r"), f"from {path} is")
