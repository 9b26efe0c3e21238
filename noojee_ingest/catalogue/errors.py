"""What can go wrong with a catalogue. Nothing is lost by any of it: the journal in the store is the truth.

::

    CatalogueError
    ├── CatalogueLocked       another program holds it for longer than we wait
    │   └── Collided          two transactions stood in each other's way, and the server ended ours
    ├── CatalogueUnavailable  cannot be opened, read or written
    └── WrongRevision         made by another version of noojee-ingest
"""

OPENING = "opening the catalogue"
OF_SOMETHING_ELSE = "it is a database of something else"
URLS = "Use sqlite:///FILE or postgresql://[USER@]HOST/DATABASE."
BUSY_SECONDS = 30.0
"""How long a writer waits for another one."""


class CatalogueError(Exception):
    """``doing`` is what was being done, ``hint`` what a person can do."""

    def __init__(self, doing: str, why: str, hint: str) -> None:
        super().__init__(f"{doing}: {why}. {hint}")
        self.doing = doing
        self.hint = hint


class CatalogueLocked(CatalogueError):
    pass


class Collided(CatalogueLocked):
    """Doing the whole transaction again may well succeed."""


class CatalogueUnavailable(CatalogueError):
    pass


class WrongRevision(CatalogueError):
    pass
