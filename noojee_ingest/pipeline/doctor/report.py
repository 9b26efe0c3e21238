"""What the doctor found, line by line, and what it comes to."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum

PUT_TOML = "Put the TOML below into the configuration."
"""The hint of a check that fails as configured, and would not otherwise."""


class Result(StrEnum):
    """``warning``: it works, but not all of it or not for sure. ``skipped``: it could not be asked at all."""

    OK = "ok"
    WARNING = "warning"
    FAILED = "failed"
    SKIPPED = "skipped"


@dataclass(frozen=True, slots=True)
class Check:
    """One line. ``told``: what was seen; ``hint``: what a person can do, ``""`` where there is nothing to do.

    ``needed``: whether the archive needs it; what is not needed is told all the same, and changes no exit code.
    """

    name: str
    result: Result
    told: str
    hint: str = ""
    needed: bool = True


@dataclass(frozen=True, slots=True)
class Variant:
    """One way to ask for audio (or for meta data) that was tried: request line without secrets, and what came."""

    what: str
    request: str
    told: str
    is_right: bool


@dataclass
class Examination:
    """``toml``: what to put into the configuration, ``""`` where nothing is to be changed.

    ``will`` and ``will_not`` are sentences: what the archive can and cannot do with things as they are now;
    ``unproven``: what it could do, had what it needs been seen to work.
    """

    site: str
    checks: list[Check] = field(default_factory=list)
    variants: list[Variant] = field(default_factory=list)
    toml: str = ""
    will: list[str] = field(default_factory=list)
    will_not: list[str] = field(default_factory=list)
    unproven: list[str] = field(default_factory=list)
    requests: int = 0
    """Sent to the phone system, retries included."""

    def of(self, name: str) -> Result | None:
        """The result of a check; ``None`` where it was not made."""
        return next((check.result for check in self.checks if check.name == name), None)

    @property
    def exit_code(self) -> int:
        """1: something that the archive needs fails; 3: it works with gaps, or could not be proven; 0: all is well."""
        needed = {check.result for check in self.checks if check.needed}
        if Result.FAILED in needed:
            return 1
        return 3 if needed & {Result.WARNING, Result.SKIPPED} else 0

    @property
    def summary(self) -> str:
        counted = {result: sum(check.result is result for check in self.checks) for result in Result}
        said = ", ".join(f"{number} {result}" for result, number in counted.items() if number)
        verdict = {
            0: "All that the archive needs works",
            1: "Something that the archive needs does not work",
            3: "It works, with gaps or without proof",
        }[self.exit_code]
        return f"{verdict}: {said}."


Told = Callable[[Check | str], None]
"""Hears every check as it is made, and a sentence before something that takes long."""
