"""Why a call may rightly have no recording: the site's rules, or a person's word."""

from __future__ import annotations

from noojee_ingest.catalogue.queries import Row
from noojee_ingest.journal.fold import Judged
from noojee_ingest.pipeline.archivist import Archivist

EXCUSED = "excused by a person"
"""Why a call is explained of which a person said that it needs no recording."""


def is_excused(call: Row) -> bool:
    """Whether a person excused a call. No run judges it again."""
    return bool(call["judged"] == Judged.EXPLAINED.value and call["cause"] == EXCUSED)


def explanation(work: Archivist, call: Row) -> str:
    """The explanation of the first rule (``sites.<slug>.without_recording``) that fits a call record, else ``""``.

    Dispositions are compared whatever their case. A rule with a limit on the duration does not fit a call whose
    duration is unknown.
    """
    disposition = (call["disposition"] or "").casefold()
    for rule in work.of_site.without_recording:
        if disposition not in {name.casefold() for name in rule.dispositions}:
            continue
        limit = rule.max_duration_seconds
        if limit is None or (call["duration"] is not None and call["duration"] <= limit):
            return rule.explanation
    return ""
