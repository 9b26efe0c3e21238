"""What can go wrong with a catalogue. Nothing is lost by any of it: the journal in the store is the truth.

::

    CatalogueError
    ├── CatalogueLocked       another program holds it for longer than we wait
    ├── CatalogueUnavailable  cannot be opened, read or written
    └── WrongRevision         made by another version of noojee-ingest
"""


class CatalogueError(Exception):
    """``doing`` is what was being done, ``hint`` what a person can do."""

    def __init__(self, doing: str, why: str, hint: str) -> None:
        super().__init__(f"{doing}: {why}. {hint}")
        self.doing = doing
        self.hint = hint


class CatalogueLocked(CatalogueError):
    pass


class CatalogueUnavailable(CatalogueError):
    pass


class WrongRevision(CatalogueError):
    pass
