"""A client for the API of a Noojee phone system: the reading half. Usable without the rest of this package.

::

    from datetime import date
    from zoneinfo import ZoneInfo

    from noojee_ingest.noojee import Noojee, NotFound

    with Noojee("https://acme.example.com.au", key, zone=ZoneInfo("Australia/Melbourne")) as noojee:
        for leg in noojee.recordings.by_hour(date(2026, 11, 22), 9).entries:
            with noojee.recordings.audio_by_call_record_id(leg.call_record_id, leg.leg) as audio:
                for piece in audio:
                    ...

``recordings`` lists legs by hour and by unique id and streams their audio; ``campaigns`` lists templates, campaigns,
allocations and call records. A list is an :class:`Answer`: typed entries, each with its raw JSON text and digest
beside it, and what was refused. Every error is a :class:`NoojeeError`: ``Transient`` ones may pass, ``Terminal`` ones
will not.

Much of this API is not documented. What was guessed stands in one place, ``contract``, each line with its mark, and
:func:`contract_from` corrects it. "Reference" in docstrings is our description of the vendor's API, and marks in square
brackets say where a statement has its source.
"""

from noojee_ingest.noojee.answers import Answer, Named
from noojee_ingest.noojee.campaigns import Campaigns
from noojee_ingest.noojee.client import Noojee
from noojee_ingest.noojee.contract import CONTRACT, Contract, contract_from
from noojee_ingest.noojee.errors import (
    AuthenticationFailed,
    BadAnswer,
    Busy,
    ContractError,
    CutBody,
    Gone,
    Interrupted,
    Misconfigured,
    NoojeeError,
    NotFound,
    Refused,
    ServerFault,
    Terminal,
    TimedOut,
    Transient,
    Unreachable,
)
from noojee_ingest.noojee.limits import Limiter, LocalLimiter, TurnKind
from noojee_ingest.noojee.patience import Patience
from noojee_ingest.noojee.recordings import AudioStream, Recordings

__all__ = [
    "CONTRACT",
    "Answer",
    "AudioStream",
    "AuthenticationFailed",
    "BadAnswer",
    "Busy",
    "Campaigns",
    "Contract",
    "ContractError",
    "CutBody",
    "Gone",
    "Interrupted",
    "Limiter",
    "LocalLimiter",
    "Misconfigured",
    "Named",
    "Noojee",
    "NoojeeError",
    "NotFound",
    "Patience",
    "Recordings",
    "Refused",
    "ServerFault",
    "Terminal",
    "TimedOut",
    "Transient",
    "TurnKind",
    "Unreachable",
    "contract_from",
]
