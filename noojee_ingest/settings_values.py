"""Single values of the settings that need more than a type: addresses and API keys. No message repeats a secret."""

from __future__ import annotations

import os
import re
import stat
from datetime import time
from pathlib import Path
from urllib.parse import SplitResult, parse_qsl, urlsplit

from pydantic_core import PydanticCustomError


def unrepeatable(message: str) -> PydanticCustomError:
    """A wrong value that must not be repeated in the message."""
    return PydanticCustomError("unrepeatable", "{problem}", {"problem": message})


def http_address(text: str) -> str:
    """Scheme, host and port, as typed; raises PydanticCustomError, which says what is wrong and repeats nothing."""
    if "@" in text:
        raise unrepeatable("holds a user name or password; an address is only scheme, host and port")
    parts = _split(text)
    if parts.scheme not in {"http", "https"}:
        raise unrepeatable("should begin with https:// or http://")
    if not parts.hostname or re.search(r"[\s\\]", parts.netloc):
        raise unrepeatable("names no host, such as https://acme.example.com.au")
    if parts.port == 0:
        raise unrepeatable("names port 0; leave the port out or give the real one")
    return text


_SECRETS = ("password", "secret", "_key")  # so the names of those parameters end that libpq takes secrets by


def database_address(text: str) -> str:
    """The address of a catalogue; raises PydanticCustomError, which says what is wrong and repeats nothing."""
    scheme, _, rest = text.partition("://")
    if scheme == "sqlite" and rest:
        if not rest.startswith("/") or rest in {"/", "/:memory:"} or "?" in rest:
            raise unrepeatable("should name a file: sqlite:///relative/path.db or sqlite:////absolute/path.db")
        return text
    if scheme != "postgresql" or not rest:
        raise unrepeatable("should be sqlite:///data/catalogue.db or postgresql://archive@db.example.com/noojee")
    parameters = parse_qsl(rest.partition("?")[2], keep_blank_values=True)
    in_front = re.match(r"[^:/]*:[^@]*@", rest)  # as SQLAlchemy reads it: "/", "?" and "#" may be part of a password
    if in_front or any(name.strip().lower().endswith(_SECRETS) for name, _ in parameters):
        raise unrepeatable("holds a password; put it into PGPASSWORD, or into a password file (PGPASSFILE, ~/.pgpass)")
    parts = _split(text)
    if not parts.path.strip("/"):
        raise unrepeatable("names no database, such as postgresql://archive@db.example.com/noojee")
    return text


def _split(text: str) -> SplitResult:
    """Its parts, with a port that is one. What Python says of a wrong address repeats it."""
    try:
        parts = urlsplit(text)
        _ = parts.port
    except ValueError:
        raise unrepeatable("is no address: check its host and port") from None
    return parts


def time_of_day(told: object) -> time | None:
    """``06:00`` as text or as TOML's own local time; empty is none. Raises ValueError for anything else."""
    if told is None or told == "":
        return None
    text = told.isoformat("seconds").removesuffix(":00") if isinstance(told, time) else told
    if not isinstance(text, str) or re.fullmatch(r"([01]\d|2[0-3]):[0-5]\d", text, re.ASCII) is None:
        raise ValueError('should be a time of day in hours and minutes, such as "06:00"')
    return time.fromisoformat(text)


def maker_of_handsets(name: str) -> str:
    if not re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", name):
        raise unrepeatable("no maker's name; it is made of a-z and 0-9, with single hyphens between, such as snom-new")
    return name


def auto_answer_string(text: str) -> str:
    """It becomes a line of a SIP message: a line break in it would be another header."""
    if not text.isascii() or not text.isprintable() or not text.strip():
        raise ValueError("should be one line of a SIP header, such as 'Call-Info: answer-after=0'")
    return text


def checked_key(key: str, where: str) -> str:
    if not key:
        raise unrepeatable(f"{where} empty; put the phone system's API key there")
    if not key.isascii() or not key.isprintable() or " " in key or len(key) > 1000:
        raise unrepeatable(f"{where} no API key: it has blanks, line breaks or characters that no key has")
    return key


def key_from(path: Path) -> str:
    """The key in a file, without its closing line break. The file must be closed to other users.

    Raises PydanticCustomError, which repeats nothing of the file.
    """
    try:
        with path.open("rb") as file:
            if os.name == "posix" and os.fstat(file.fileno()).st_mode & stat.S_IROTH:
                raise unrepeatable(f"from {path}: every user may read that file; close it with: chmod o= {path}")
            text = file.read(4096).decode("ascii", errors="replace")
    except OSError as problem:
        raise unrepeatable(f"from {path}: {problem.strerror}; api_key_file should name a readable file") from None
    return checked_key(text.removesuffix("\n").removesuffix("\r"), f"from {path} is")
