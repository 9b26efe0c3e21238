"""``noojee-ingest release``"""

from __future__ import annotations

from noojee_ingest.cli.decision import decision
from noojee_ingest.journal.events import Verdict

release = decision(
    Verdict.RELEASE,
    """Archive: end the quarantine of legs.

    Their audio is put back into the archive from the root evidence, under the keys that it had, and verified. So enters
    it, too, what a rule of the settings sent to evidence first.
    """,
)
