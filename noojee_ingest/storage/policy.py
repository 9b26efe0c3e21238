"""Which root allows what."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum

from noojee_ingest.storage.errors import ForbiddenByPolicy
from noojee_ingest.storage.keys import told
from noojee_ingest.storage.root import RootName


class Act(StrEnum):
    """What changes a root. Reading is always allowed. The value is the word used in errors."""

    CREATE = "storing"
    REPLACE = "replacing"
    DELETE = "deleting"
    WITHDRAW = "withdrawing"


ALLOWED: Mapping[RootName, frozenset[Act]] = {
    RootName.ARCHIVE: frozenset({Act.CREATE, Act.WITHDRAW}),
    RootName.EVIDENCE: frozenset({Act.CREATE, Act.DELETE}),
    RootName.LAKE: frozenset({Act.CREATE, Act.REPLACE}),
    RootName.SCRATCH: frozenset({Act.CREATE, Act.DELETE}),
}


def require(act: Act, root: RootName, key: str) -> None:
    """Raises ForbiddenByPolicy when ``root`` does not allow ``act``."""
    if act not in ALLOWED[root]:
        allowing = " and ".join(name for name in RootName if act in ALLOWED[name])
        raise ForbiddenByPolicy(act, told(root, key), f"{act} is for {allowing} only")
