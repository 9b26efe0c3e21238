"""``noojee-ingest quarantine``"""

from __future__ import annotations

from noojee_ingest.cli.deciding import By, DryRun, Manner, Reason, Yes, carry_out
from noojee_ingest.cli.filters import Filters, filtered
from noojee_ingest.cli.options import Config, Json
from noojee_ingest.journal.events import Verdict


@filtered
def quarantine(
    filters: Filters,
    *,
    reason: Reason = None,
    by: By = None,
    dry_run: DryRun = False,
    yes: Yes = False,
    as_json: Json = False,
    config: Config = None,
) -> None:
    """Archive: take audio out of use, as where a card number is spoken in a call.

    From now on `get` refuses it. Its bytes are copied to the root evidence, the copy is read back and compared, and the
    objects are withdrawn from the archive. Where a lock holds one, it is told until when; a later night withdraws it.
    Called again for legs that are quarantined it does what is left to do. `release` takes it back.

    Which legs: those that fit every filter and are in such a state; one filter at least must be given. More than one
    leg has to be confirmed, by an answer or --yes. Reason and name are in the journal for ever, and in `show`.
    """
    carry_out(Verdict.QUARANTINE, filters, reason=reason, by=by, manner=Manner(dry_run, yes, as_json, config))
