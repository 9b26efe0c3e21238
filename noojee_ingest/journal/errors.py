"""What can be wrong with a journal.

::

    JournalError
    ├── DamagedSegment   the bytes are not what was written
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
