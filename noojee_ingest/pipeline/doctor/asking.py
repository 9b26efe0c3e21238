"""One conversation with the phone system: who asks, how, and what was learnt so far."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

from noojee_ingest.model import CallEntry, LegEntry
from noojee_ingest.noojee import AuthenticationMethod, Contract, Limiter, Noojee, NoojeeError, Patience
from noojee_ingest.pipeline.doctor.corrections import Corrections
from noojee_ingest.pipeline.phone import PhoneSystem

ONCE = Patience(tries=2, first=0.5, total=5.0)
"""For ways that may lead nowhere: a guess is not repeated as a question of the night would be."""


@dataclass
class Asking:
    """``method`` and ``contract`` begin as the settings have them and change as better ones are found.

    ``limiter``: one request at a time, within the site's budget. ``may_ask_hours``: whether the by-hour list's turns
    are kept by it for all processes.
    """

    phone: PhoneSystem
    limiter: Limiter
    stop: threading.Event
    contract: Contract
    method: AuthenticationMethod
    may_ask_hours: bool = False
    corrections: Corrections = field(default_factory=Corrections)
    calls: list[CallEntry] = field(default_factory=list)
    legs: list[LegEntry] = field(default_factory=list)
    requests: int = 0
    is_let_in: bool = False

    @contextmanager
    def client(
        self,
        *,
        contract: Contract | None = None,
        method: AuthenticationMethod | None = None,
        patience: Patience | None = None,
    ) -> Iterator[Noojee]:
        """A client as things are known now, or with something else to try."""
        with self.phone.client(
            self.limiter,
            self.stop,
            contract=contract or self.contract,
            method=method or self.method,
            patience=patience,
        ) as client:
            try:
                yield client
            finally:
                self.requests += sum(client.requests_made.values())

    def adopt(self, section: str, contract: Contract) -> None:
        """From now on ask as ``contract`` says, and have ``section`` of it put into the configuration."""
        self.contract = contract
        self.corrections.sections.add(section)


def with_lines(contract: Contract, section: str, **lines: str) -> Contract:
    """The contract with some lines of one section replaced."""
    changed: dict[str, Any] = {section: replace(getattr(contract, section), **lines)}
    return replace(contract, **changed)


def short(error: NoojeeError) -> str:
    """The problem alone: what was asked stands beside it."""
    return error.problem
