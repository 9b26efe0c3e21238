"""Beside calls and recordings: who is on shift, and how the machine is (reference, 3.2 and 3.3 [client])."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from zoneinfo import ZoneInfo

from noojee_ingest.model import RawEntry, View, WireTime
from noojee_ingest.noojee.answers import Answer, Fields, Reader, read_answer
from noojee_ingest.noojee.contract import Contract
from noojee_ingest.noojee.envelope import Envelope
from noojee_ingest.noojee.errors import BadAnswer
from noojee_ingest.noojee.keys import HealthKeys, RosterKeys
from noojee_ingest.noojee.question import Question, given
from noojee_ingest.noojee.session import Session
from noojee_ingest.noojee.states import value_of
from noojee_ingest.noojee.wire import Members, safe


@dataclass(frozen=True, slots=True)
class RosterEntry:
    """One who is on shift. All are text, ``""`` where nothing was told; ``raw`` is its own JSON text."""

    id: str
    login: str
    extension: str
    phone_number: str
    mobile_number: str
    email: str
    stack_position: str
    raw: str


@dataclass(frozen=True, slots=True)
class Health:
    """How the phone system's machine is; ``None`` where it was not told: old systems tell nothing of it.

    Memory is in MB, ``ping`` in milliseconds by address. ``unreadable`` names the wire keys whose value is not what it
    should be; ``warning`` is code and message of an answer whose code is above zero; ``raw`` is the JSON text.
    """

    io_wait: float | None
    load_average: float | None
    cpu_percent: float | None
    cores: float | None
    memory_available: float | None
    memory_total: float | None
    free_disk_percent: float | None
    thread_pool_percent: float | None
    scheduler_pool_percent: float | None
    steal: float | None
    db_pool_size: float | None
    db_pool_usage: float | None
    last_backup_attempt: WireTime
    last_backup_success: WireTime
    backup_starting: WireTime
    ping: Mapping[str, float]
    raw: str = ""
    warning: str = ""
    unreadable: tuple[str, ...] = ()


class Site:
    """The phone system as a place where people and machines work."""

    def __init__(self, session: Session, contract: Contract, zone: ZoneInfo, clock: Callable[[], datetime]) -> None:
        self._session = session
        self._contract = contract
        self._zone = zone
        self._clock = clock

    def rosters(self, team: str) -> Answer[RosterEntry]:
        """Who of a team is on shift now (reference, 3.2 [client]).

        What is refused carries the view ``CALL_RECORDS``, as in the dialler's lists. Raises any NoojeeError.
        """
        at = self._contract.rosters
        doing = "list who is on shift"
        question = Question("rosters", at, {at.team: given("team", team, doing)}, doing, f"team {team}")
        reader = _roster_reader(self._contract.roster_keys)

        def read(envelope: Envelope) -> Answer[RosterEntry]:
            return read_answer(envelope.entities(), View.CALL_RECORDS, self._clock(), reader, envelope.warning)

        return self._session.ask(question, read)

    def health(self) -> Health:
        """How the phone system's machine is (reference, 3.3 [client]). Raises any NoojeeError."""
        question = Question("health", self._contract.health, {}, "ask for the phone system's health")

        def read(envelope: Envelope) -> Health:
            if envelope.code is None:
                raise BadAnswer("the answer has no code")
            keys = self._contract.health_keys
            for element in envelope.elements or ():
                if not isinstance(element.value, Members):
                    raise BadAnswer("the health statistics are not an object")
                return replace(_health(element.value, keys, self._zone), raw=element.text, warning=envelope.warning)
            return replace(_health(Members(), keys, self._zone), warning=envelope.warning)

        return self._session.ask(question, read)


def _roster_reader(keys: RosterKeys) -> Reader[RosterEntry]:
    def read(raw: RawEntry, fields: Fields) -> RosterEntry | str:
        entry = RosterEntry(
            id=fields.text(keys.id),
            login=fields.text(keys.login),
            extension=fields.text(keys.extension),
            phone_number=fields.text(keys.phone_number),
            mobile_number=fields.text(keys.mobile_number),
            email=fields.text(keys.email),
            stack_position=fields.text(keys.stack_position),
            raw=raw.text,
        )
        return entry if entry.id or entry.login else "it has neither an id nor a login"

    return read


def _health(told: Members, keys: HealthKeys, zone: ZoneInfo) -> Health:
    fields = Fields(told)
    pings = value_of(told, keys.ping)
    addresses = Fields(pings if isinstance(pings, Members) else Members())
    times = {name: addresses.number((name,)) for name in (pings if isinstance(pings, Members) else ())}
    health = Health(
        io_wait=fields.number(keys.io_wait),
        load_average=fields.number(keys.load_average),
        cpu_percent=fields.number(keys.cpu_percent),
        cores=fields.number(keys.cores),
        memory_available=fields.number(keys.memory_available),
        memory_total=fields.number(keys.memory_total),
        free_disk_percent=fields.number(keys.free_disk_percent),
        thread_pool_percent=fields.number(keys.thread_pool_percent),
        scheduler_pool_percent=fields.number(keys.scheduler_pool_percent),
        steal=fields.number(keys.steal),
        db_pool_size=fields.number(keys.db_pool_size),
        db_pool_usage=fields.number(keys.db_pool_usage),
        last_backup_attempt=fields.time(keys.last_backup_attempt, zone),
        last_backup_success=fields.time(keys.last_backup_success, zone),
        backup_starting=fields.time(keys.backup_starting, zone),
        ping={safe(name): seconds for name, seconds in times.items() if seconds is not None},
    )
    return replace(health, unreadable=(*fields.unreadable, *addresses.unreadable))
