"""A client for the API of a Noojee phone system: every method of it. Usable without the rest of this package.

::

    from datetime import date
    from zoneinfo import ZoneInfo

    from noojee_ingest.noojee import Noojee, NotFound

    with Noojee("https://acme.example.com.au", key, zone=ZoneInfo("Australia/Melbourne")) as noojee:
        for leg in noojee.recordings.by_hour(date(2026, 11, 22), 9).entries:
            with noojee.recordings.audio_by_call_record_id(leg.call_record_id, leg.leg) as audio:
                for piece in audio:
                    ...
        noojee.calls.dial("0355500123", "SIP/205", auto_answer=auto_answer("yealink"), record=True, tag="INV-77")
        for event in noojee.calls.watch(["205", "206"]):
            ...

``calls`` dials, answers, hangs up and watches extensions; ``recordings`` starts, stops, tags and lists recordings and
streams their audio; ``campaigns`` lists templates and what they hold, and call records; ``leads`` saves and updates
call records; ``site`` tells who is on shift and how the machine is. A list is an :class:`Answer`: typed entries, each
with its raw JSON text and digest beside it, and what was refused. Every error is a :class:`NoojeeError`: ``Transient``
ones may pass, ``Terminal`` ones will not.

What only reads is repeated while that helps. What changes something (dial, answer, hang up, start, stop, tag, save,
update) is never repeated by itself once it may have reached the phone system: if its answer is lost, ``Uncertain`` says
what to look at.

Much of this API is not documented. What was guessed stands in one place, ``contract``, each line with its mark, and
:func:`contract_from` corrects it. "Reference" in docstrings is our description of the vendor's API, and marks in square
brackets say where a statement has its source.
"""

from noojee_ingest.noojee.answers import Answer, FieldEntry, Named
from noojee_ingest.noojee.authentication import AuthenticationMethod
from noojee_ingest.noojee.calls import Calls
from noojee_ingest.noojee.campaigns import Campaigns
from noojee_ingest.noojee.client import Noojee
from noojee_ingest.noojee.contract import CONTRACT, GENERATION_A, Contract, contract_from, marks
from noojee_ingest.noojee.done import Dialled, Done
from noojee_ingest.noojee.errors import (
    LEAD_REFUSALS,
    AuthenticationFailed,
    BadAnswer,
    Busy,
    ContractError,
    CutBody,
    DoNotCall,
    DuplicateLead,
    ExpiredTimeStamp,
    Gone,
    Interrupted,
    InvalidDisposition,
    LeadConflict,
    LeadException,
    LeadNotFound,
    LeadQueueTimedOut,
    LeadRefused,
    Misconfigured,
    NoChangeOnInsert,
    NoDispositionYet,
    NoojeeError,
    NoPhoneField,
    NotFound,
    Redirected,
    Refused,
    ServerFault,
    Terminal,
    TimedOut,
    Transient,
    Uncertain,
    Unreachable,
)
from noojee_ingest.noojee.handsets import HANDSETS, Handset, auto_answer
from noojee_ingest.noojee.leads import NO_CHANGE, Lead, LeadGeneration, Leads
from noojee_ingest.noojee.limits import Limiter, LocalLimiter, TurnKind
from noojee_ingest.noojee.marked import Mark
from noojee_ingest.noojee.patience import Patience
from noojee_ingest.noojee.recordings import AudioStream, Recordings
from noojee_ingest.noojee.site import Health, RosterEntry, Site
from noojee_ingest.noojee.states import ExtensionState, States
from noojee_ingest.noojee.watching import CallEvent, Gap

__all__ = [
    "CONTRACT",
    "GENERATION_A",
    "HANDSETS",
    "LEAD_REFUSALS",
    "NO_CHANGE",
    "Answer",
    "AudioStream",
    "AuthenticationFailed",
    "AuthenticationMethod",
    "BadAnswer",
    "Busy",
    "CallEvent",
    "Calls",
    "Campaigns",
    "Contract",
    "ContractError",
    "CutBody",
    "Dialled",
    "DoNotCall",
    "Done",
    "DuplicateLead",
    "ExpiredTimeStamp",
    "ExtensionState",
    "FieldEntry",
    "Gap",
    "Gone",
    "Handset",
    "Health",
    "Interrupted",
    "InvalidDisposition",
    "Lead",
    "LeadConflict",
    "LeadException",
    "LeadGeneration",
    "LeadNotFound",
    "LeadQueueTimedOut",
    "LeadRefused",
    "Leads",
    "Limiter",
    "LocalLimiter",
    "Mark",
    "Misconfigured",
    "Named",
    "NoChangeOnInsert",
    "NoDispositionYet",
    "NoPhoneField",
    "Noojee",
    "NoojeeError",
    "NotFound",
    "Patience",
    "Recordings",
    "Redirected",
    "Refused",
    "RosterEntry",
    "ServerFault",
    "Site",
    "States",
    "Terminal",
    "TimedOut",
    "Transient",
    "TurnKind",
    "Uncertain",
    "Unreachable",
    "auto_answer",
    "contract_from",
    "marks",
]
