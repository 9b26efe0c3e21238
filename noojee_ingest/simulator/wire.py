"""How Noojee writes things (reference, sections 1.3, 9.1, 9.4, 22.0 and 6).

An entry maps each key to its value's own JSON text, so that a test may put anything there, sound or not.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, tzinfo

from .calls import Direction, Disposition, Leg

DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
DIGITS = {Direction.INBOUND: "0", Direction.OUTBOUND: "1", Direction.INTERNAL: "2"}
"""Direction by unique id and by tag; the sample shows 2 for an internal call [doc], the others are [unknown]."""

JAVA_NAMES = {("Australia/Lord_Howe", "+1030"): "LHST", ("Australia/Lord_Howe", "+1100"): "LHDT"}

Entry = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Listing:
    """Entries on their way into an envelope: E2, with its ``type`` where it has one, or, ``bare``, E3 (section 1.3)."""

    entries: list[Entry]
    bare: bool = False
    kind: str = ""


def java_date(instant: float, zone: tzinfo) -> str:
    """``Date.toString()``: ``Tue Nov 14 09:15:23 AEDT 2023`` [doc]."""
    at = datetime.fromtimestamp(instant, zone)
    return f"{DAYS[at.weekday()]} {MONTHS[at.month - 1]} {at:%d %H:%M:%S} {_java_zone(at)} {at.year}"


def _java_zone(at: datetime) -> str:
    """Java has names of its own where the zone's data have none, and ``GMT`` with the offset where it knows none."""
    name, offset = at.tzname() or "", f"{at:%z}"
    return JAVA_NAMES.get((str(at.tzinfo), offset), name if name.isalpha() else f"GMT{offset[:3]}:{offset[3:5]}")


def sql_date(instant: float, zone: tzinfo) -> str:
    """``yyyy-MM-dd HH:mm:ss.S``, without zone [doc]."""
    return f"{datetime.fromtimestamp(instant, zone):%Y-%m-%d %H:%M:%S}.0"


def call_date(instant: float, zone: tzinfo) -> str:
    """``yyyy/MM/dd HH:mm:ss``, without zone [customer]."""
    return f"{datetime.fromtimestamp(instant, zone):%Y/%m/%d %H:%M:%S}"


def by_hour(leg: Leg, zone: tzinfo) -> Entry:
    """A leg as the by-hour list tells it (9.4) [doc]."""
    return _texts(
        {
            **_of_leg(leg),
            "Start": java_date(leg.start, zone),
            "callend": java_date(leg.end, zone),
            "Direction": leg.direction.value,
        }
    )


def by_id(leg: Leg, zone: tzinfo) -> Entry:
    """A leg as it is told by tag and by unique id (9.1) [doc]; ``Destination`` [inferred]."""
    return _texts({**_of_leg(leg), "Start": sql_date(leg.start, zone), "Direction": DIGITS[leg.direction]})


def _of_leg(leg: Leg) -> dict[str, str]:
    return {
        "Source": leg.source,
        "Destination": leg.destination,
        "Leg": leg.name,
        "Tag": leg.tag,
        "Duration": str(leg.seconds),
        "Username": leg.username,
        "CallRecordId": leg.record_id,
        "UniqueId": leg.unique_id,
        "DID": leg.did,
    }


def call_record(one: Disposition, zone: tzinfo) -> Entry:
    """A dispositioned call (22.0): keys [customer], that the list has them proposed; user fields by their own names."""
    texts = {
        "name": one.name,
        "njLeadId": one.lead_id,
        "njExternalLeadId": one.external_lead_id,
        "njCallDate": call_date(one.start, zone),
        "njCallDuration": str(one.seconds),
        "njDisposition": one.chosen,
        "njDialAttempts": str(one.attempts),
        "njDialedNumber": one.number,
        "njUniqueCallId": one.unique_id,
        "njCampaignName": one.allocation.campaign,
        "njAllocationName": one.allocation.name,
        "njAction": "",
        **one.fields,
    }
    return {"id": one.record_id, **_texts(texts)}


def named(items: Mapping[int, str]) -> list[Entry]:
    """Entries of the template, campaign and allocation lists (17.0 to 19.0) [client]."""
    return [{"id": str(number), "name": text(name)} for number, name in items.items()]


def text(value: str) -> str:
    return json.dumps(value, ensure_ascii=False)


def _texts(values: Mapping[str, str]) -> Entry:
    return {key: text(value) for key, value in values.items()}


def turned(entry: Entry, turn: int) -> str:
    """The entry's JSON text; the order of its keys depends on ``turn`` (key order is not fixed [doc])."""
    members = [f"{text(key)}:{value}" for key, value in entry.items()]
    at = turn % len(members) if members else 0
    return "{" + ",".join(members[at:] + members[:at]) + "}"


def bare_array(entries: Iterable[str]) -> bytes:
    """Family E3."""
    return f"[{','.join(entries)}]".encode()


def entities(entries: Iterable[str], turn: int, kind: str = "") -> bytes:
    """Family E2, with its ``type`` where there is one [client]."""
    members = {"code": "0", "message": text("OK"), "entities": f"[{','.join(entries)}]"}
    return turned({**members, **({"type": text(kind)} if kind else {})}, turn).encode()


def failure(code: int, message: str) -> bytes:
    """Family E2 without entities."""
    return turned({"code": str(code), "message": text(message)}, 0).encode()


def capitalised(code: int, message: str, **more: str) -> bytes:
    """Family E1; ``more`` holds further members as JSON texts. The order of keys varies [doc], here by the message."""
    return turned({**more, "Message": text(message), "Code": str(code)}, len(message)).encode()
