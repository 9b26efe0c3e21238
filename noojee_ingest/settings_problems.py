"""What is wrong with the settings, in words: one line a problem, with its origin, its key and the nearest valid one."""

from __future__ import annotations

import difflib
import json
import re
import tomllib
import zoneinfo
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import NoneType
from typing import TYPE_CHECKING, Any, get_args

from pydantic import BaseModel

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails


class SettingsError(Exception):
    """The settings cannot be used. ``problems`` has one line for each thing to put right."""

    def __init__(self, problems: tuple[str, ...]) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems


@dataclass(frozen=True, slots=True)
class Origin:
    """Where values came from: the file and what it holds, and the variable behind each overridden path."""

    file: Path
    tree: Mapping[str, Any]
    variables: Mapping[tuple[str, ...], str]
    prefix: str

    def variable(self, path: tuple[str, ...]) -> str | None:
        """The variable that set ``path`` or the whole it belongs to, else those of its parts; ``None``: the file."""
        for known, name in self.variables.items():
            if path[: len(known)] == known:
                return name
        for depth in range(len(path), 0, -1):
            if self._in_file(path[:depth]):
                return None
            if names := [name for known, name in self.variables.items() if known[:depth] == path[:depth]]:
                return ", ".join(names)
        return None

    def other_sites(self, path: tuple[str, ...]) -> list[str]:
        """The file's sites, when ``path`` is about one that only variables name."""
        sites = self.tree.get("sites")
        if path[:1] != ("sites",) or len(path) < 2 or not isinstance(sites, Mapping) or path[1] in sites:
            return []
        return list(sites)

    def _in_file(self, path: tuple[str, ...]) -> bool:
        node: Any = self.tree
        for part in path:
            if not isinstance(node, Mapping) or part not in node:
                return False
            node = node[part]
        return True


def toml_problem(path: Path, problem: OSError | UnicodeDecodeError | tomllib.TOMLDecodeError) -> str:
    """One line for a settings file that cannot be read at all."""
    if isinstance(problem, OSError):
        return f"{path}: {problem.strerror}; name a readable settings file, or none for the embedded default"
    if isinstance(problem, UnicodeDecodeError):
        return f"{path}: not UTF-8 text at byte {problem.start}; save the file as UTF-8"
    text = str(problem)
    place = re.search(r" \(at (.*)\)$", text)
    what = text[: place.start()] if place else text
    hints = {
        "Invalid value": "text belongs in double quotes, true and false are written small",
        "Cannot": "the same key or table is there twice; keep one",
        "Expected '='": "write one key = value a line",
        "Illegal character": "close the quotes on the same line",
        "Invalid statement": "write one key = value a line, or a [table] heading",
        "Unescaped '\\'": "write \\\\ for a backslash, or use single quotes",
    }
    hint = next((hint for start, hint in hints.items() if what.startswith(start)), "correct the TOML there")
    return f"{path}: {place[1] if place else 'unknown place'}: {what}; {hint}"


STORES = (("store", "folder"), ("store", "s3"))
"""Where pydantic puts the kind of the store into the path of what is wrong with it."""


_NO_TABLE = ("model_type", "mapping_type", "dict_type", "union_tag_not_found")
"""What stands where a table belongs is not repeated: it may be what belongs into one, such as a key."""


def describe(error: ErrorDetails, tree: type[BaseModel], origin: Origin) -> str:
    """One line for one validation error: origin, path, wrong value (never a secret), nearest valid key or choice."""
    place = tuple(str(part) for part in error["loc"] if part != "[key]")  # so pydantic marks a name that is wrong
    path = place[:1] + place[2:] if place[:2] in STORES else place
    if error["type"] == "union_tag_invalid":
        path = (*path, "kind")
    variable = origin.variable(path)
    where = variable or str(origin.file)
    key = re.sub(r"\.(\d+)", r"[\1]", ".".join(path))
    start = f"{where}: {key}: " if key else f"{where}: "
    kind = error["type"]
    if kind == "extra_forbidden":
        known = [name for name in _keys(tree, place[:-1]) if variable or name != "api_key"]
        nearest = _nearest(path[-1], known)
        if nearest and variable:
            nearest = origin.prefix + "__".join([*path[:-1], nearest]).upper().replace("-", "_")
        hint = f"the nearest is {nearest}" if nearest else f"those here are {', '.join(known)}"
        return f"{start}no such key; {hint}"
    if kind == "missing":
        sites = ", ".join(origin.other_sites(path))
        return f"{start}required, but absent{f'; the sites of {origin.file} are {sites}' if sites else ''}"
    if kind == "unrepeatable":
        return f"{start}{error['msg']}"
    if kind in _NO_TABLE or path[-1:] == ("api_key",):
        return f"{start}{_wording(error)}"
    return f"{start}{_shown(_value(error))}{_wording(error)}{_choice(error)}"


def _value(error: ErrorDetails) -> object:
    return error["ctx"]["tag"] if error["type"] == "union_tag_invalid" else error["input"]


def _shown(value: object) -> str:
    """The wrong value, short and on one line; tables and lists are left to the file."""
    if isinstance(value, (Mapping, list, tuple)):
        return ""
    text = json.dumps(value, default=str, ensure_ascii=False)
    return f"{text[:77]}... " if len(text) > 80 else f"{text} "


def _wording(error: ErrorDetails) -> str:
    special = {
        "union_tag_invalid": f"should be {error.get('ctx', {}).get('expected_tags', '')}",
        **dict.fromkeys(_NO_TABLE, "should be a table"),
        "tuple_type": "should be a list",
        "string_type": "should be text in quotes",
        "zoneinfo_str": "is no IANA time zone",
        "byte_size": "should be a number of bytes, or text such as 64 KiB",
        "timezone_aware": "should have its offset, such as 2026-03-11T03:30:00+11:00",
        "too_short": "is empty; it should hold at least one",
        "string_too_short": "should not be empty",
    }
    if found := special.get(error["type"]):
        return found
    return error["msg"].removeprefix("Value error, ").replace("Input should", "should").split(", unable")[0]


def _choice(error: ErrorDetails) -> str:
    value = str(_value(error))
    choices: Iterable[str] = ()
    if error["type"] == "zoneinfo_str":
        choices = zoneinfo.available_timezones()
    elif error["type"] in {"literal_error", "enum", "union_tag_invalid"}:
        told = error["ctx"]
        choices = re.findall(r"'([^']*)'", told.get("expected") or told["expected_tags"])
    nearest = _nearest(value, choices)
    return f"; the nearest is {nearest}" if nearest else ""


def _nearest(word: str, choices: Iterable[str]) -> str | None:
    by_small = {choice.lower(): choice for choice in choices}
    found = difflib.get_close_matches(word.lower(), by_small, n=1)
    return by_small[found[0]] if found else None


def _keys(tree: type[BaseModel], path: tuple[str, ...]) -> list[str]:
    """The keys that are valid in the table at ``path``."""
    here: Any = tree
    for part in path:
        if isinstance(here, type) and issubclass(here, BaseModel):
            here = here.model_fields[part].annotation
        elif kinds := [one for one in get_args(here) if part in get_args(_kind(one))]:
            here = get_args(kinds[0])[0]  # without its tag
        else:  # what a mapping or a list holds
            arguments = get_args(here)
            here = arguments[0] if arguments[-1] is Ellipsis else arguments[-1]
        here = (
            next((one for one in get_args(here) if one is not NoneType), here) if NoneType in get_args(here) else here
        )
    return list(here.model_fields)


def _kind(table: Any) -> Any:
    """The words of a table's ``kind``, where it has one."""
    fields = getattr(table, "model_fields", {})
    return fields["kind"].annotation if "kind" in fields else None
