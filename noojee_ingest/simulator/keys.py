"""Who may ask what (reference, 01.0)."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping

from . import wire
from .asked import Refusal, User
from .body import Body
from .clock import Clock
from .dialect import Dialect
from .reply import Reply

STAMP_MILLISECONDS = 10_000
"""How long a time stamp is good [doc]. One may serve several requests meanwhile ([unknown])."""
EXPIRED = b'{"Message":"Expired TimeStamp","Code":-1}'


class Keys:
    """The global key opens everything, a user key the campaign calls; each by itself or as a hash."""

    def __init__(self, key: str, dialect: Dialect, clock: Clock) -> None:
        self.key: str | None = key
        self.users: dict[str, User] = {}
        self._hash_only = dialect is Dialect.HASH_ONLY
        self._clock = clock

    def stamp(self) -> int:
        """Milliseconds since the epoch, by the phone system's clock."""
        return int(self._clock.now() * 1000)

    def revoke(self) -> None:
        """From now on no key is good."""
        self.key = None
        self.users.clear()

    def admit(self, asked: Mapping[str, str], *, campaign: bool, capitalised: bool) -> User | None:
        """Who asks; ``None`` is the owner of the global key. Raises ``Refusal``.

        ``campaign``: a user key is enough. What a wrong key gets is [unknown], all but the expired time stamp.
        """
        known: dict[str, User | None] = {**self.users, **({} if self.key is None else {self.key: None})}
        if self._hash_only or ("apiKey" not in asked and "hash" in asked):
            key, wrong = self._hashed(asked, known), "Invalid hash"
        else:
            key, wrong = asked.get("apiKey", ""), "Invalid apiKey"
        if key not in known:
            raise _refusal(wrong, capitalised)
        who = known[key]
        if who is not None and not campaign:
            raise _refusal("apiKey has no permission", capitalised)
        return who

    def _hashed(self, asked: Mapping[str, str], known: Mapping[str, object]) -> str | None:
        """The key whose hash was sent with a time stamp that is still good."""
        stamp, sent = asked.get("timeStamp", ""), asked.get("hash", "")
        if not re.fullmatch("[0-9]{1,18}", stamp):
            return None
        if not 0 <= self.stamp() - int(stamp) <= STAMP_MILLISECONDS:
            raise Refusal(Reply(Body.of(EXPIRED)))
        made = {hashlib.sha256(f"{key}:{stamp}".encode()).hexdigest(): key for key in known}
        return made.get(sent.lower())


def _refusal(message: str, capitalised: bool) -> Refusal:
    if capitalised:
        return Refusal(Reply(Body.of(wire.capitalised(-1, message))))
    return Refusal(Reply(Body.of(wire.failure(-1, message)), status=401))
