"""What extensions do now (reference, 03.0)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from noojee_ingest.noojee.envelope import Envelope
from noojee_ingest.noojee.errors import BadAnswer
from noojee_ingest.noojee.keys import StateKeys
from noojee_ingest.noojee.wire import Members, Value, safe


@dataclass(frozen=True, slots=True)
class ExtensionState:
    """What one extension does.

    ``message`` is one of ``Ringing Agent``, ``Ringing Client``, ``On Call``, ``Hung Up``, ``On Hold`` [doc], or ``""``
    when there is nothing to tell; ``unique_call_id`` is the same as in events; ``code`` is ``None`` if none was told.
    """

    unique_call_id: str
    message: str
    code: int | None


class States(dict[str, ExtensionState]):
    """States by extension; ``warning`` is code and message of an answer whose code is above zero, else ``""``."""

    warning: str = ""


def read_states(envelope: Envelope, keys: StateKeys) -> States:
    """The states of an answer. Raises BadAnswer if it holds none."""
    told = value_of(envelope.members, keys.state)
    if not isinstance(told, Members):
        raise BadAnswer("the answer holds no state")
    states = States()
    states.warning = envelope.warning
    for extension, state in told.items():
        if not isinstance(state, Members):
            raise BadAnswer(f"the state of extension {safe(extension)} is not an object")
        states[safe(extension)] = ExtensionState(
            text_of(state, keys.unique_call_id), text_of(state, keys.message), whole_number(value_of(state, keys.code))
        )
    return states


def value_of(members: Mapping[str, Value], keys: tuple[str, ...]) -> Value:
    """What the first of the keys holds that is there."""
    return next((members[key] for key in keys if members.get(key) is not None), None)


def text_of(members: Mapping[str, Value], keys: tuple[str, ...]) -> str:
    """The same, if it is a text or a number, as text."""
    value = value_of(members, keys)
    return safe(value) if isinstance(value, str) else ""


def whole_number(value: Value) -> int | None:
    """A whole number of at most 18 digits, given as number or text; anything else is ``None``."""
    if isinstance(value, str) and value.isascii() and value.removeprefix("-").isdigit() and len(value) <= 18:
        return int(value)
    return None
