"""One request as it came, and how it is refused."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass

from . import wire
from .body import Body
from .reply import Reply


class Refusal(Exception):
    """The phone system says no; carries what it says."""

    def __init__(self, reply: Reply) -> None:
        super().__init__(reply.status)
        self.reply = reply


@dataclass(frozen=True, slots=True)
class User:
    """The account that a user key belongs to. It sees the campaign templates of its teams, and nothing else [doc]."""

    teams: frozenset[str]


@dataclass(frozen=True, slots=True)
class Asked:
    """What a request asks for, and who asks."""

    parameters: Mapping[str, str]
    body: bytes = b""  # only what is not a form
    capitalised: bool = False  # a refusal is E1 (call control), else E2
    who: User | None = None  # None: the global key

    def __contains__(self, name: str) -> bool:
        return name in self.parameters

    def get(self, name: str, default: str = "") -> str:
        return self.parameters.get(name, default)

    def text(self, name: str) -> str:
        if not self.get(name):
            raise self.senseless(f"{name} is missing")
        return self.parameters[name]

    def number(self, name: str) -> int:
        if not re.fullmatch("[0-9]{1,18}", self.text(name)):
            raise self.senseless(f"{name} is not a number")
        return int(self.parameters[name])

    def json(self) -> dict[str, str]:
        """The JSON object of the body; what is not text comes as its JSON text. A senseless body is refused."""
        try:
            told = json.loads(self.body)
        except ValueError:
            raise self.senseless("the body is not JSON") from None
        if not isinstance(told, dict):
            raise self.senseless("the body is not a JSON object")
        return {
            _sound(name): _sound(value if isinstance(value, str) else json.dumps(value)) for name, value in told.items()
        }

    def facts(self) -> dict[str, str]:
        """What a rule may match: the parameters and the members of a JSON body."""
        with suppress(Refusal):
            return {**self.json(), **self.parameters}
        return dict(self.parameters)

    def senseless(self, message: str) -> Refusal:
        """A bad request: how a real one is refused is [unknown]."""
        write = wire.capitalised if self.capitalised else wire.failure
        return Refusal(Reply(Body.of(write(-1, message)), status=400))


def said(code: int, message: str, **more: str) -> Reply:
    """An E1 answer; ``more`` holds further members as JSON texts."""
    return Reply(Body.of(wire.capitalised(code, message, **more)))


def refused(message: str, status: int = 200) -> Refusal:
    """Call control says no: a negative code, and status 200 [doc for an expired time stamp]."""
    return Refusal(Reply(Body.of(wire.capitalised(-1, message)), status=status))


def _sound(text: str) -> str:
    """Without lone surrogates, which JSON can spell and nobody can write."""
    return text.encode("utf-8", "replace").decode()
