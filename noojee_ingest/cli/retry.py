"""``noojee-ingest retry``"""

from __future__ import annotations

from noojee_ingest.cli.decision import decision
from noojee_ingest.journal.events import Verdict

retry = decision(
    Verdict.RETRY,
    """Archive: have legs fetched again that are missing, rejected, failed, pending or excused.

    What runs concluded of them, and an excuse, is ended; the next night fetches them, of whatever day they are. With
    --calls: take back that calls need no recording; which calls, by --id or --day.
    """,
)
