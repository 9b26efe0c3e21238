"""SQL over the lake: DuckDB in memory, which can read the two tables and nothing else."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor, wait
from dataclasses import dataclass
from typing import Any, TypeVar

import duckdb

from noojee_ingest.lake.errors import BadStatement, DamagedDay, DayReplaced
from noojee_ingest.lake.files import Days, LakeFiles
from noojee_ingest.lake.schema import TABLES

MEMORY = "2GiB"
"""What a question may take; it is refused rather than written to a disk."""

CONFIGURATION: dict[str, str | bool | int | float | list[str]] = {
    "enable_external_access": "false",  # nor is a name in SQL ever a variable of ours
    "autoload_known_extensions": "false",
    "autoinstall_known_extensions": "false",
    "memory_limit": MEMORY,
    "temp_directory": "",
}

FETCHED = 1_000  # rows at once

_READING = (" registered as '", "arrow_scan")
"""What DuckDB says, of version 2 and before, when reading a table of ours failed; else the statement is to blame."""

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Column:
    """A column of an answer; ``type`` in DuckDB's words."""

    name: str
    type: str


class Answer:
    """Rows as they come, once. ``close`` it.

    Values are Python's: instants are aware, in the question's zone; a map is a dict, a list a list. An infinite date or
    time is Python's first or last one, without a zone.
    """

    def __init__(self, connection: duckdb.DuckDBPyConnection, days: list[Days]) -> None:
        self._connection = connection
        self._days = days
        self._first = _fetch(connection, days)  # so that most of what can be wrong is told before anything is shown
        self.columns = tuple(Column(told[0], str(told[1])) for told in connection.description or ())

    def __iter__(self) -> Iterator[tuple[Any, ...]]:
        """Raises BadStatement, OtherVersion, DamagedDay, DayReplaced, StoreUnavailable."""
        rows, self._first = self._first, []
        while rows:
            yield from rows
            rows = _fetch(self._connection, self._days)

    @property
    def keys_read(self) -> list[str]:
        """The objects that are read for it."""
        return sorted({key for days in self._days for key in days.scanned})

    @property
    def lake_is_empty(self) -> bool:
        """Whether it was asked of tables, and no table has a published day: of the site, or of any."""
        return any(days.was_scanned for days in self._days) and not any(days.files for days in self._days)

    def close(self) -> None:
        self._connection.close()


def query(lake: LakeFiles, statement: str, *, site: str | None = None, zone: str = "UTC") -> Answer:
    """Ask one SELECT (DuckDB's SQL) of the tables ``legs`` and ``call_records``: of one site, or of all.

    ``zone`` (an IANA name) is that in which instants are shown and cut into days and hours. Only the objects of the
    days that the statement asks for are read. One that is published anew meanwhile is asked once more.
    Raises BadStatement, OtherVersion, DamagedDay, DayReplaced, StorageError.
    """
    try:
        return _ask(lake, statement, site, zone)
    except (DamagedDay, DayReplaced):
        return _ask(lake, statement, site, zone)


def _ask(lake: LakeFiles, statement: str, site: str | None, zone: str) -> Answer:
    days = [Days(lake, table, site) for table in TABLES.values()]
    connection = duckdb.connect(":memory:", config=CONFIGURATION)
    try:
        for name, of_table in zip(TABLES, days, strict=True):
            connection.register(name, of_table)
        connection.execute(f"SET TimeZone = '{zone}'")
        connection.execute("SET lock_configuration = true")
        _execute(connection, days, statement)
        return Answer(connection, days)
    except BaseException:
        connection.close()
        raise


def _execute(connection: duckdb.DuckDBPyConnection, days: list[Days], statement: str) -> None:
    try:
        asked = connection.extract_statements(statement)
    except duckdb.Error as error:
        raise BadStatement(_said(error)) from None
    if len(asked) != 1 or asked[0].type is not duckdb.StatementType.SELECT:
        raise BadStatement("this is not one SELECT", "It reads the tables legs and call_records and changes nothing.")
    try:
        _waiting(connection, lambda: connection.execute(asked[0]))
    except duckdb.Error as error:
        raise _meant(error, days) from None


def _fetch(connection: duckdb.DuckDBPyConnection, days: list[Days]) -> list[tuple[Any, ...]]:
    try:
        return _waiting(connection, lambda: connection.fetchmany(FETCHED))
    except duckdb.Error as error:
        raise _meant(error, days) from None
    except OverflowError:  # made a value of Python's, in the question's zone
        raise BadStatement(
            "an instant or an interval of the answer is beyond the years 1 to 9999", "Cast it to VARCHAR."
        ) from None


def _waiting(connection: duckdb.DuckDBPyConnection, work: Callable[[], T]) -> T:
    """Let DuckDB do it in another thread: by itself it hears of Ctrl-C late, or never."""
    with ThreadPoolExecutor(1) as worker:
        doing = worker.submit(work)
        try:
            return doing.result()
        except KeyboardInterrupt:
            while not doing.done():  # it may not have begun
                connection.interrupt()
                wait([doing], timeout=0.1)
            raise


def _meant(error: duckdb.Error, days: list[Days]) -> Exception:
    """What is really wrong when DuckDB fails: a file, or the statement.

    Raises DamagedDay, DayReplaced, StoreUnavailable.
    """
    for of_table in days:
        if of_table.problem is not None:
            return of_table.problem
        if any(words in str(error) for words in _READING):
            of_table.find_damage()
    if isinstance(error, duckdb.PermissionException):
        return BadStatement(_said(error), "Only the tables legs and call_records can be read.")
    return BadStatement(_said(error))


def _said(error: duckdb.Error) -> str:
    """DuckDB's message without the statement, which it repeats below."""
    return str(error).partition("\n\nLINE ")[0]
