"""In what a phone system may differ from the proposed contract (reference, section 7)."""

from __future__ import annotations

from enum import StrEnum


class Dialect(StrEnum):
    """How the simulated phone system speaks where nothing is documented.

    proposed: as the reference proposes
    other-audio: audio by GET only, under ``/servicemanager/rest/RecordingAPI/``, with ``CallRecordId``, ``UniqueId``,
        ``Tag`` and ``Leg`` for parameters, by unique id and tag with other names too
    no-by-hour: an older system without the by-hour list
    hash-only: a system from before the API key: only ``timeStamp`` with ``hash`` opens it, meta data and audio are
        under ``/servicemanager/rest/CallManagementAPI/``, and there is no by-hour list
    """

    PROPOSED = "proposed"
    OTHER_AUDIO = "other-audio"
    NO_BY_HOUR = "no-by-hour"
    HASH_ONLY = "hash-only"
