"""When objects were last checked: it follows from what each run of verify selected."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from noojee_ingest.catalogue import queries
from noojee_ingest.catalogue.database import Catalogue
from noojee_ingest.catalogue.decisions import withdrawn_keys
from noojee_ingest.catalogue.fixity import checks_of
from noojee_ingest.journal.events import Strength
from noojee_ingest.pipeline.examine import evidence_name
from noojee_ingest.pipeline.selection import read_selection

LastChecked = dict[Strength, datetime | None]
"""When (UTC) the last run that looked at least so closely began; ``None``: there was none."""


def last_checked(catalogue: Catalogue, audio: Sequence[queries.Row]) -> dict[str, LastChecked]:
    """Of each of these rows of ``audio``, by key. What was found then is among the findings.

    A run checked what was journalled before it began, and of a withdrawn object the copy.
    """
    runs = {site: checks_of(catalogue, site) for site in {row["site"] for row in audio}}
    withdrawn = withdrawn_keys(catalogue, [row["key"] for row in audio])
    strengths = list(Strength)
    found: dict[str, LastChecked] = {}
    for row in audio:
        key = row["key"]
        name = evidence_name(key) if key in withdrawn else key
        last: LastChecked = dict.fromkeys(strengths)
        for run in runs[row["site"]]:  # the latest first
            if run.began > row["time"] and read_selection(run.selector).has(name):
                for strength in strengths[: strengths.index(run.strength) + 1]:
                    last[strength] = last[strength] or run.began
        found[key] = last
    return found
