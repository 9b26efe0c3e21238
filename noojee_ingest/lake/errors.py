"""What can go wrong with the lake. Nothing is lost by any of it: the lake follows from the journal.

::

    LakeError
    ├── RowDoesNotFit    a row of the catalogue has a value that its column cannot hold
    ├── OtherVersion     a day's file has the columns of another version of noojee-ingest
    ├── DamagedDay       a day's file cannot be read
    ├── DayReplaced      a day was published anew while it was read
    └── BadStatement     the SQL is wrong, or asks for what is not allowed
"""

from __future__ import annotations


class LakeError(Exception):
    """``about`` is the object's key or what was being done, ``hint`` what a person can do."""

    def __init__(self, message: str, *, about: str, hint: str) -> None:
        super().__init__(f"{about}: {message}. {hint}")
        self.about = about
        self.hint = hint


class RowDoesNotFit(LakeError):
    def __init__(self, key: str, why: str) -> None:
        super().__init__(
            f"a row does not fit the columns: {printable(why)}",
            about=f"publishing lake/{key}",
            hint="This is a defect of noojee-ingest: please report it.",
        )


class OtherVersion(LakeError):
    def __init__(self, key: str, found: str, wanted: int) -> None:
        super().__init__(
            f"it has the columns of version {found or 'unknown'}, this program works with {wanted}",
            about=f"reading lake/{key}",
            hint="Run `noojee-ingest lake publish --all`: it writes the lake anew from the catalogue.",
        )


class DamagedDay(LakeError):
    def __init__(self, key: str, why: str) -> None:
        super().__init__(
            f"it cannot be read: {printable(why)}",
            about=f"reading lake/{key}",
            hint="Run again; if it stays so, remove that object (and its .json) and run `noojee-ingest lake publish "
            "--all`: nothing is lost.",
        )


class DayReplaced(LakeError):
    def __init__(self, key: str) -> None:
        super().__init__("it was published anew while it was read", about=f"reading lake/{key}", hint="Run again.")


class BadStatement(LakeError):
    def __init__(self, why: str, hint: str = "docs/lake.md has the tables and examples.") -> None:
        super().__init__(printable(why).rstrip("."), about="asking the lake", hint=hint)


def printable(text: str) -> str:
    """What another library said, as one line that a terminal does not obey: it may quote what came over the wire."""
    line = " ".join(text.split())
    return "".join(letter if letter.isprintable() else ascii(letter)[1:-1] for letter in line)
