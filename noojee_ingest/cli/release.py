"""``noojee-ingest release``"""

from __future__ import annotations

from noojee_ingest.cli.deciding import By, DryRun, Manner, Reason, Yes, carry_out
from noojee_ingest.cli.filters import Filters, filtered
from noojee_ingest.cli.options import Config, Json
from noojee_ingest.journal.events import Verdict


@filtered
def release(
    filters: Filters,
    *,
    reason: Reason = None,
    by: By = None,
    dry_run: DryRun = False,
    yes: Yes = False,
    as_json: Json = False,
    config: Config = None,
) -> None:
    """Archive: end the quarantine of legs.

    Their audio is put back into the archive from the root evidence, under the keys that it had, and verified.

    Which legs: those that fit every filter and are in such a state; one filter at least must be given. More than one
    leg has to be confirmed, by an answer or --yes. Reason and name are in the journal for ever, and in `show`.
    """
    carry_out(Verdict.RELEASE, filters, reason=reason, by=by, manner=Manner(dry_run, yes, as_json, config))
