"""What we hold the phone system to: every path, parameter and key, each with the mark of where we have it from.

This is the one place to correct when a real phone system differs. Marks are those of the reference, section 0:
``doc`` (the vendor's documentation), ``client`` (the vendor's own public code) and ``proposed`` (a consistent guess:
the real thing is unknown). A line whose mark differs between two answers says so beside it.

:func:`contract_from` overrides any of it from a plain nested mapping, for instance read from TOML::

    [audio_by_call_record_id]
    path = "/njadmin/rest/RecordingAPI/retrieveRecording"
    method = "GET"
    leg = "legNo"

    [call_keys]
    disposition = ["njDisposition"]

A list of keys is replaced as a whole; the first of them that an entry holds wins. A parameter named ``""`` is not sent.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, fields, replace
from enum import StrEnum
from typing import Any, TypeVar

from noojee_ingest.noojee.errors import ContractError


class Mark(StrEnum):
    """Where a line of the contract comes from."""

    DOC = "doc"
    CLIENT = "client"
    PROPOSED = "proposed"


_V = TypeVar("_V", str, tuple[str, ...])


def _doc(value: _V) -> _V:
    return _marked(value, Mark.DOC)


def _client(value: _V) -> _V:
    return _marked(value, Mark.CLIENT)


def _proposed(value: _V) -> _V:
    return _marked(value, Mark.PROPOSED)


def _marked(value: _V, mark: Mark) -> _V:
    marked: _V = field(default=value, metadata={"mark": mark})
    return marked


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where a request goes. ``path`` starts with ``/`` and follows the client's base URL; ``method`` is GET or POST."""

    path: str
    method: str


@dataclass(frozen=True, slots=True)
class Authentication:
    """The API key goes into the query, in front (reference, 01.0, generation B)."""

    api_key: str = _doc("apiKey")


@dataclass(frozen=True, slots=True)
class ByHour(Endpoint):
    """Recording meta data by hour (reference, 9.4)."""

    path: str = _doc("/njadmin/rest/RecordingAPI/retrieveMetaDataByHour")
    method: str = _doc("POST")
    date: str = _doc("date")
    hour: str = _doc("hour")


@dataclass(frozen=True, slots=True)
class ByUniqueId(Endpoint):
    """Recording meta data by unique id (reference, 9.1)."""

    path: str = _doc("/njadmin/rest/RecordingAPI/retrieveMetaDataByUniqueId")
    method: str = _doc("POST")
    unique_id: str = _doc("uniqueId")


@dataclass(frozen=True, slots=True)
class AudioByCallRecordId(Endpoint):
    """Audio of one leg by call record id (reference, 09.0: the method's name is documented, the rest is not)."""

    path: str = _proposed("/njadmin/rest/RecordingAPI/retrieveByCallRecordId")
    method: str = _proposed("POST")
    call_record_id: str = _proposed("callRecordId")
    leg: str = _proposed("leg")


@dataclass(frozen=True, slots=True)
class AudioByUniqueId(Endpoint):
    """Audio of one leg by unique id (reference, 09.0: not even its existence is documented)."""

    path: str = _proposed("/njadmin/rest/RecordingAPI/retrieveByUniqueId")
    method: str = _proposed("POST")
    unique_id: str = _proposed("uniqueId")
    leg: str = _proposed("leg")


@dataclass(frozen=True, slots=True)
class Templates(Endpoint):
    """Campaign templates (reference, 17.0)."""

    path: str = _client("/servicemanager/rest/CampaignAPI/getCampaignTemplateList")
    method: str = _client("GET")


@dataclass(frozen=True, slots=True)
class Campaigns(Endpoint):
    """Campaigns of a template (reference, 18.0)."""

    path: str = _client("/servicemanager/rest/CampaignAPI/getCampaignList")
    method: str = _client("GET")
    template_id: str = _client("fTemplateId")


@dataclass(frozen=True, slots=True)
class Allocations(Endpoint):
    """Allocations of a campaign (reference, 19.0)."""

    path: str = _client("/servicemanager/rest/CampaignAPI/getAllocationList")
    method: str = _client("GET")
    campaign_id: str = _client("fCampaignId")


@dataclass(frozen=True, slots=True)
class CallRecords(Endpoint):
    """The call record list (reference, 22.0). Two parameters lack the ``f`` that they have elsewhere."""

    path: str = _client("/servicemanager/rest/CampaignAPI/getCallRecordList")
    method: str = _client("GET")
    template_id: str = _client("fTemplateId")
    campaign_id: str = _client("campaignId")
    allocation_id: str = _client("allocationId")


@dataclass(frozen=True, slots=True)
class LegKeys:
    """Keys of a leg in the recording meta data (reference, 9.1 and 9.4)."""

    call_record_id: tuple[str, ...] = _doc(("CallRecordId",))
    unique_id: tuple[str, ...] = _doc(("UniqueId",))
    leg: tuple[str, ...] = _doc(("Leg",))
    start: tuple[str, ...] = _doc(("Start",))
    end: tuple[str, ...] = _doc(("callend",))  # seen in the by-hour list only
    duration: tuple[str, ...] = _doc(("Duration",))
    source: tuple[str, ...] = _doc(("Source",))
    destination: tuple[str, ...] = _doc(("Destination",))  # by hour; by unique id it is inferred
    did: tuple[str, ...] = _doc(("DID",))
    direction: tuple[str, ...] = _doc(("Direction",))
    tag: tuple[str, ...] = _doc(("Tag",))
    username: tuple[str, ...] = _doc(("Username",))


@dataclass(frozen=True, slots=True)
class CallKeys:
    """Keys of a call in the call record list (reference, 22.0: what it holds is unknown, all of this is a guess).

    The names that start with ``nj`` were seen in another channel of the same product, the URL action [customer].
    """

    call_record_id: tuple[str, ...] = _proposed(("CallRecordId", "callRecordId"))
    unique_id: tuple[str, ...] = _proposed(("njUniqueCallId", "uniqueCallId", "UniqueId"))
    lead_id: tuple[str, ...] = _proposed(("njLeadId", "leadId", "id"))
    external_lead_id: tuple[str, ...] = _proposed(("njExternalLeadId",))
    date: tuple[str, ...] = _proposed(("njCallDate", "callDate"))
    duration: tuple[str, ...] = _proposed(("njCallDuration",))
    disposition: tuple[str, ...] = _proposed(("njDisposition", "disposition"))
    dial_attempts: tuple[str, ...] = _proposed(("njDialAttempts",))
    dialled_number: tuple[str, ...] = _proposed(("njDialedNumber",))
    campaign: tuple[str, ...] = _proposed(("njCampaignName",))
    allocation: tuple[str, ...] = _proposed(("njAllocationName",))
    not_user_fields: tuple[str, ...] = _proposed(("name",))  # besides those above and all that start with "nj"


@dataclass(frozen=True, slots=True)
class NamedKeys:
    """Keys of a template, a campaign or an allocation (reference, 17.0 to 19.0)."""

    id: tuple[str, ...] = _client(("id",))
    name: tuple[str, ...] = _client(("name",))


@dataclass(frozen=True, slots=True)
class Words:
    """Parts of an error's message, compared without case, that tell what kind of error it is."""

    authentication: tuple[str, ...] = _proposed(("key", "hash", "authenticat", "permission"))  # reference, 01.0
    busy: tuple[str, ...] = _proposed(("too many", "too soon", "per minute", "a minute", "rate limit"))  # for 9.4


@dataclass(frozen=True, slots=True)
class Contract:
    """All of it. Endpoints have the names of the methods that use them, and of their counters."""

    authentication: Authentication = Authentication()
    by_hour: ByHour = ByHour()
    by_unique_id: ByUniqueId = ByUniqueId()
    audio_by_call_record_id: AudioByCallRecordId = AudioByCallRecordId()
    audio_by_unique_id: AudioByUniqueId = AudioByUniqueId()
    templates: Templates = Templates()
    campaigns: Campaigns = Campaigns()
    allocations: Allocations = Allocations()
    call_records: CallRecords = CallRecords()
    leg_keys: LegKeys = LegKeys()
    call_keys: CallKeys = CallKeys()
    named_keys: NamedKeys = NamedKeys()
    words: Words = Words()


CONTRACT = Contract()


def contract_from(overrides: Mapping[str, Any]) -> Contract:
    """The contract with some of its lines replaced.

    :param overrides: ``{section: {line: text or list of texts}}``, as in the module's example
    :raises ContractError: for a section or line that does not exist, naming the nearest that does, or a wrong value
    """
    sections = {}
    for name, lines in overrides.items():
        known = {each.name for each in fields(Contract)}
        if name not in known:
            raise _unknown("section", name, name, known)
        if not isinstance(lines, Mapping):
            raise ContractError(f"the contract's {name!r} must be a table of lines, not {type(lines).__name__}")
        section = getattr(CONTRACT, name)
        present = {each.name: getattr(section, each.name) for each in fields(section)}
        for line in lines:
            if line not in present:
                raise _unknown("line", line, f"{name}.{line}", set(present))
        sections[name] = replace(
            section, **{line: _value(f"{name}.{line}", present[line], value) for line, value in lines.items()}
        )
    return replace(CONTRACT, **sections)


def marks(contract: Contract = CONTRACT) -> Iterator[tuple[str, str | tuple[str, ...], Mark]]:
    """Every line of a contract: ``section.line``, its value, and the mark of what we hold as its default."""
    for section in fields(contract):
        lines = getattr(contract, section.name)
        for line in fields(lines):
            yield f"{section.name}.{line.name}", getattr(lines, line.name), line.metadata["mark"]


def _unknown(what: str, name: str, full: str, known: set[str]) -> ContractError:
    near = difflib.get_close_matches(str(name), known, n=1, cutoff=0.0)
    return ContractError(
        f"the contract has no {what} {full!r}",
        hint=f"The nearest is {near[0]!r}; there are: {', '.join(sorted(known))}.",
    )


def _value(name: str, present: str | tuple[str, ...], value: object) -> str | tuple[str, ...]:
    line = name.rpartition(".")[2]
    if isinstance(present, str):
        if not isinstance(value, str):
            raise ContractError(f"the contract's {name!r} must be a text, not {value!r}")
        if line == "method" and value not in ("GET", "POST"):
            raise ContractError(f"the contract's {name!r} is {value!r}", hint="It must be 'GET' or 'POST'.")
        if line == "path" and not re.fullmatch(r"/[^/?#\s\x00-\x20][^?#\s\x00-\x20]*", value):
            raise ContractError(
                f"the contract's {name!r} is {value!r}",
                hint="It must start with one '/' and hold no host, '?', '#' or blank.",
            )
        if name == "authentication.api_key" and not value:
            raise ContractError(f"the contract's {name!r} is empty", hint="Without it no key would be sent.")
        return value
    if isinstance(value, str) or not isinstance(value, list | tuple) or not all(isinstance(v, str) for v in value):
        raise ContractError(f"the contract's {name!r} must be a list of texts, not {value!r}")
    if not value and not name.endswith(("not_user_fields", "busy")):
        raise ContractError(f"the contract's {name!r} is an empty list", hint="Name at least one key.")
    return tuple(value)
