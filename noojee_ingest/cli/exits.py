"""Exit codes, one table for all verbs, and errors as people read them."""

from __future__ import annotations

from enum import IntEnum

from noojee_ingest.catalogue.errors import CatalogueError
from noojee_ingest.embedded_prefect import EmbeddedPrefectError
from noojee_ingest.journal.errors import DamagedSegment, JournalError, SegmentsGone
from noojee_ingest.lake.errors import BadStatement, DamagedDay, LakeError
from noojee_ingest.noojee import Misconfigured, NoojeeError
from noojee_ingest.pipeline.errors import AudioDamaged, NoSuchDay, NoSuchSite, PipelineError
from noojee_ingest.settings_problems import SettingsError
from noojee_ingest.simulator import SimulatorError
from noojee_ingest.storage.errors import Damaged, StorageError


class Exit(IntEnum):
    COMPLETE = 0  # or only pending within the lateness allowance
    FAILED = 1
    USAGE = 2
    GAPS = 3  # missing, rejected, failed, overdue
    DAMAGE = 4
    INTERRUPTED = 130
    TERMINATED = 143


TOLD = (
    SettingsError,
    PipelineError,
    NoojeeError,
    StorageError,
    CatalogueError,
    JournalError,
    LakeError,
    EmbeddedPrefectError,
    SimulatorError,
)
"""Errors that say what was being done, to which id, and what to do next: they are shown without a traceback."""

EXITS_HELP = (
    "Exit codes: 0 complete (or only pending within the lateness allowance), 1 failed, 2 usage, "
    "3 finished with gaps, 4 damage found, 130 or 143 interrupted."
)


def exit_of(error: BaseException) -> Exit:
    """The exit code of an error that ends a verb."""
    if isinstance(error, SettingsError | NoSuchDay | NoSuchSite | Misconfigured | BadStatement):
        return Exit.USAGE
    if isinstance(error, AudioDamaged | DamagedSegment | SegmentsGone | Damaged | DamagedDay):
        return Exit.DAMAGE
    return Exit.FAILED
