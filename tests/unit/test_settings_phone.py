"""The settings of how a phone system is talked to: authentication, handsets, and the simulated one's dialect."""

from __future__ import annotations

from pathlib import Path

import pytest

from noojee_ingest.settings import load
from tests.unit.settings_told import REAL, problems, variables


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "here.toml"
    path.write_text(REAL)
    return path


def test_without_a_word_it_is_the_key_and_our_own_strings(file: Path) -> None:
    site = load(file, {}).sites["acme"]
    assert (site.authentication, site.handsets) == ("key", {})


def test_a_string_keeps_its_backslashes(file: Path) -> None:
    file.write_text(REAL + "authentication = 'hash'\nhandsets = { yealink = 'Call-Info:\\\\; answer-after=0' }\n")
    site = load(file, {}).sites["acme"]
    assert (site.authentication, site.handsets) == ("hash", {"yealink": r"Call-Info:\\; answer-after=0"})


def test_a_variable_has_handsets_as_json(file: Path) -> None:
    told = variables(SITES__ACME__HANDSETS='{"gigaset": "Alert-Info: x"}', SITES__ACME__AUTHENTICATION="hash")
    site = load(file, told).sites["acme"]
    assert (site.authentication, site.handsets) == ("hash", {"gigaset": "Alert-Info: x"})


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ('authentication = "hsh"', "hash"),
        ("handsets = 7", "handsets"),
        ('handsets = { "Yea Link" = "x" }', "no maker's name"),
        ('handsets = { yealink = "a\\r\\nX-Other: b" }', "should be one line of a SIP header"),
        ('handsets = { yealink = "" }', "should be one line of a SIP header"),
        ('handsets = { yealink = "ü" }', "should be one line of a SIP header"),
    ],
)
def test_nonsense_is_told_in_one_line(file: Path, line: str, problem: str) -> None:
    file.write_text(f"{REAL}{line}\n")
    (told,) = problems(file)
    assert problem in told


def test_an_unknown_dialect_is_told_with_the_nearest() -> None:
    (told,) = problems(None, variables(SITES__DEMO__SIMULATOR__DIALECT="hashonly"))
    assert "hash-only" in told
