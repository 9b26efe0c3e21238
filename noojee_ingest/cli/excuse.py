"""``noojee-ingest excuse``"""

from __future__ import annotations

from noojee_ingest.cli.decision import decision
from noojee_ingest.journal.events import Verdict

excuse = decision(
    Verdict.EXCUSE,
    """Archive: say that legs which are missing, rejected or failed need not be there.

    They are no gap any more, and nobody tries to fetch them. `retry` takes it back. With --calls: say that calls which
    nothing explains need no recording; which calls, by --id or --day.
    """,
)
