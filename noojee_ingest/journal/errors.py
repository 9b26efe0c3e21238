"""What can be wrong with a journal.

::

    JournalError
    ├── DamagedSegment   the bytes are not what was written
    ├── SegmentsGone     the store has less than was known
    └── UnknownVersion   written by a newer noojee-ingest
"""


class JournalError(Exception):
    """``about`` is the segment's key, ``hint`` what a person can do."""

    def __init__(self, message: str, *, about: str, hint: str) -> None:
        super().__init__(f"{message} ({about}). {hint}")
        self.about = about
        self.hint = hint


class DamagedSegment(JournalError):
    def __init__(self, key: str, what: str) -> None:
        super().__init__(
            f"journal segment is damaged: {what}", about=key, hint="Restore this object from a copy of the store."
        )


class UnknownVersion(JournalError):
    def __init__(self, key: str, what: str) -> None:
        super().__init__(
            f"journal segment was written by a newer version: {what}", about=key, hint="Upgrade noojee-ingest."
        )


class SegmentsGone(JournalError):
    def __init__(self, gone: int, first: str) -> None:
        super().__init__(
            f"the store lacks {gone:,} journal segments that the catalogue knows",
            about=f"the first is {first}",
            hint="Check that [store] in the settings names the right place (a folder: is it mounted? Buckets: their "
            "names and prefixes), or restore them from a copy of the store.",
        )
