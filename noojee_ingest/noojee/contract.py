"""What we hold the phone system to: every path, parameter and key, each with the mark of where we have it from.

This is the one place to correct when a real phone system differs. Marks are those of the reference, section 0:
``doc`` (the vendor's documentation), ``client`` (the vendor's own public code), ``inferred`` (our reading of these) and
``proposed`` (a consistent guess: the real thing is unknown). A line whose mark differs between two answers says so
beside it. The lines themselves stand in ``endpoints`` (requests) and ``keys`` (answers).

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
from dataclasses import dataclass, fields, replace
from typing import Any

from noojee_ingest.noojee import endpoints, keys
from noojee_ingest.noojee.errors import ContractError
from noojee_ingest.noojee.marked import Mark


@dataclass(frozen=True, slots=True)
class Contract:
    """All of it. Endpoints have the names of the methods that use them, and of their counters."""

    authentication: endpoints.Authentication = endpoints.Authentication()
    time: endpoints.Time = endpoints.Time()
    dial: endpoints.Dial = endpoints.Dial()
    state: endpoints.State = endpoints.State()
    hangup: endpoints.Hangup = endpoints.Hangup()
    subscribe: endpoints.Subscribe = endpoints.Subscribe()
    answer: endpoints.Answer = endpoints.Answer()
    start: endpoints.Start = endpoints.Start()
    stop: endpoints.Stop = endpoints.Stop()
    tag: endpoints.Tag = endpoints.Tag()
    by_hour: endpoints.ByHour = endpoints.ByHour()
    by_unique_id: endpoints.ByUniqueId = endpoints.ByUniqueId()
    by_tag: endpoints.ByTag = endpoints.ByTag()
    audio_by_call_record_id: endpoints.AudioByCallRecordId = endpoints.AudioByCallRecordId()
    audio_by_unique_id: endpoints.AudioByUniqueId = endpoints.AudioByUniqueId()
    audio_by_tag: endpoints.AudioByTag = endpoints.AudioByTag()
    templates: endpoints.Templates = endpoints.Templates()
    campaigns: endpoints.Campaigns = endpoints.Campaigns()
    allocations: endpoints.Allocations = endpoints.Allocations()
    dispositions: endpoints.Dispositions = endpoints.Dispositions()
    fields: endpoints.FieldList = endpoints.FieldList()
    call_records: endpoints.CallRecords = endpoints.CallRecords()
    save_fast: endpoints.SaveFast = endpoints.SaveFast()
    save_old: endpoints.SaveOld = endpoints.SaveOld()
    update_fast: endpoints.UpdateFast = endpoints.UpdateFast()
    update_old: endpoints.UpdateOld = endpoints.UpdateOld()
    rosters: endpoints.Rosters = endpoints.Rosters()
    health: endpoints.Health = endpoints.Health()
    dial_keys: keys.DialKeys = keys.DialKeys()
    state_keys: keys.StateKeys = keys.StateKeys()
    event_keys: keys.EventKeys = keys.EventKeys()
    leg_keys: keys.LegKeys = keys.LegKeys()
    named_keys: keys.NamedKeys = keys.NamedKeys()
    field_keys: keys.FieldKeys = keys.FieldKeys()
    call_keys: keys.CallKeys = keys.CallKeys()
    lead_keys: keys.LeadKeys = keys.LeadKeys()
    roster_keys: keys.RosterKeys = keys.RosterKeys()
    health_keys: keys.HealthKeys = keys.HealthKeys()
    words: keys.Words = keys.Words()


CONTRACT = Contract()

#: Overrides for a phone system of the hash generation, where recordings are asked for beside the calls: the meta data
#: by unique id and by tag [doc] (reference, 9.1), the audio [proposed] (09.0).
GENERATION_A: Mapping[str, Mapping[str, str]] = {
    "by_unique_id": {"path": "/servicemanager/rest/CallManagementAPI/retrieveMetaDataByUniqueId"},
    "by_tag": {"path": "/servicemanager/rest/CallManagementAPI/retrieveMetaData"},
    "audio_by_call_record_id": {"path": "/servicemanager/rest/CallManagementAPI/retrieveByCallRecordId"},
    "audio_by_unique_id": {"path": "/servicemanager/rest/CallManagementAPI/retrieveByUniqueId"},
    "audio_by_tag": {"path": "/servicemanager/rest/CallManagementAPI/retrieve"},
}


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
        if name.startswith("authentication.") and not value:
            raise ContractError(f"the contract's {name!r} is empty", hint="Without it no key would be sent.")
        return value
    if isinstance(value, str) or not isinstance(value, list | tuple) or not all(isinstance(v, str) for v in value):
        raise ContractError(f"the contract's {name!r} must be a list of texts, not {value!r}")
    if not value and not name.endswith(("not_user_fields", "busy")):
        raise ContractError(f"the contract's {name!r} is an empty list", hint="Name at least one key.")
    return tuple(value)
