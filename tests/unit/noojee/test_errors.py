"""The tree of errors: one clear sentence, a hint, and fit to travel."""

from __future__ import annotations

import inspect
import pickle
import re

import pytest

from noojee_ingest.noojee import errors
from noojee_ingest.noojee.errors import Busy, CutBody, NoojeeError, Refused, Terminal, Transient

ALL = [each for _, each in inspect.getmembers(errors, inspect.isclass) if issubclass(each, NoojeeError)]


def depth(error: type[NoojeeError]) -> int:
    return error.__mro__.index(NoojeeError)


@pytest.mark.parametrize("error", ALL)
def test_the_drawn_tree_shows_every_error_under_its_branch(error: type[NoojeeError]) -> None:
    drawing = errors.__doc__ or ""
    (line,) = [line for line in drawing.splitlines() if re.search(rf"(^ {{4}}|── ){error.__name__}\b", line)]

    assert line.index(error.__name__) == 4 + 4 * depth(error)


def test_the_drawing_shows_nothing_else() -> None:
    assert set(re.findall(r"── (\w+)", errors.__doc__ or "")) == {each.__name__ for each in ALL} - {"NoojeeError"}


@pytest.mark.parametrize("error", [each for each in ALL if depth(each) >= 2])
def test_every_leaf_says_what_was_done_to_what_and_what_next(error: type[NoojeeError]) -> None:
    told = str(error("it went wrong", doing="fetch audio", about="leg 2", hint="Look there."))

    assert told == "Could not fetch audio (leg 2): it went wrong. Look there."
    assert error("x", doing="y").about == ""


@pytest.mark.parametrize("error", [each for each in ALL if depth(each) == 2 and each.__name__ != "Misconfigured"])
def test_every_leaf_has_a_hint_of_its_own(error: type[NoojeeError]) -> None:
    assert error.hint.endswith(".")
    assert str(error("it went wrong")) == f"it went wrong. {error.hint}"


@pytest.mark.parametrize("error", ALL)
def test_an_error_survives_pickling(error: type[NoojeeError]) -> None:
    sent = error("it went wrong", doing="fetch audio", about="leg 2", hint="Look there.")
    come = pickle.loads(pickle.dumps(sent))

    assert type(come) is error
    assert str(come) == str(sent)


def test_facts_of_an_error_survive_pickling() -> None:
    busy = pickle.loads(pickle.dumps(Busy("x", retry_after=7.5)))
    cut = pickle.loads(pickle.dumps(CutBody("x", received=5, expected=10)))
    refused = pickle.loads(pickle.dumps(Refused("x", status=400, code=102)))

    assert busy.retry_after == 7.5
    assert (cut.received, cut.expected) == (5, 10)
    assert (refused.status, refused.code) == (400, 102)


def test_no_error_is_both_transient_and_terminal() -> None:
    assert not [each for each in ALL if issubclass(each, Transient) and issubclass(each, Terminal)]
