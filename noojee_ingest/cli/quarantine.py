"""``noojee-ingest quarantine``"""

from __future__ import annotations

from noojee_ingest.cli.decision import decision
from noojee_ingest.journal.events import Verdict

quarantine = decision(
    Verdict.QUARANTINE,
    """Archive: take audio out of use, as where a card number is spoken in a call.

    From now on `get` refuses it. Its bytes are copied to the root evidence, the copy is read back and compared, and the
    objects are withdrawn from the archive. Where a lock holds one, the answer says until when; a later night withdraws
    it. Called again for legs that are quarantined it does what is left to do. `release` takes it back.
    """,
)
