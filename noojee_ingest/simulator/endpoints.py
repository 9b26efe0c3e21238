"""Every endpoint, by its path (reference, section 4), and what the dialects change."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace

from . import call_control, campaigns, extras, lead_calls, recordings
from .asked import Asked
from .calls import Leg
from .dialect import Dialect
from .phone_system import PhoneSystem
from .reply import Reply
from .wire import Listing

CALLS = "/servicemanager/rest/CallManagementAPI/"
CAMPAIGNS = "/servicemanager/rest/CampaignAPI/"
RECORDINGS = "/njadmin/rest/RecordingAPI/"
OLD_RECORDINGS = "/servicemanager/rest/RecordingAPI/"
ROSTERS = "/servicemanager/rest/rosterApi/"
HEALTH = "/servicemanager/rest/systemHealth/"
TIME = "/servicemanager/rest/Time"


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One method of the API."""

    path: str
    methods: tuple[str, ...]

    @property
    def name(self) -> str:
        return self.path.rpartition("/")[2]

    @property
    def capitalised(self) -> bool:
        """Whether it answers in E1."""
        return self.path.startswith(CALLS)

    @property
    def campaign(self) -> bool:
        """Whether a user key opens it [doc]."""
        return self.path.startswith(CAMPAIGNS)


@dataclass(frozen=True, slots=True)
class ListEndpoint(Endpoint):
    list: Callable[[PhoneSystem, Asked], Listing]


@dataclass(frozen=True, slots=True)
class AudioEndpoint(Endpoint):
    find: Callable[[PhoneSystem, str, str | None], Leg | None]
    by: str  # the parameter that says which call
    leg: str = "leg"


@dataclass(frozen=True, slots=True)
class CallEndpoint(Endpoint):
    """What does something, or waits for something."""

    do: Callable[[PhoneSystem, Asked], Awaitable[Reply]]
    changes: bool = True
    free: bool = False  # needs no key


AnyEndpoint = ListEndpoint | AudioEndpoint | CallEndpoint

ANY, POST, GET = ("GET", "POST"), ("POST",), ("GET",)
LISTS = (
    ListEndpoint(CAMPAIGNS + "getCampaignTemplateList", ANY, campaigns.templates),
    ListEndpoint(CAMPAIGNS + "getCampaignList", ANY, campaigns.campaigns),
    ListEndpoint(CAMPAIGNS + "getAllocationList", ANY, campaigns.allocations),
    ListEndpoint(CAMPAIGNS + "getDispositionList", ANY, campaigns.dispositions),
    ListEndpoint(CAMPAIGNS + "getFieldList", ANY, campaigns.lead_fields),
    ListEndpoint(CAMPAIGNS + "getCallRecordList", ANY, campaigns.call_records),
    ListEndpoint(ROSTERS + "getActiveRosters", ANY, extras.active_rosters),
    ListEndpoint(HEALTH + "test", ANY, extras.health),
)
META = (
    ListEndpoint(RECORDINGS + "retrieveMetaData", POST, recordings.by_tag),
    ListEndpoint(RECORDINGS + "retrieveMetaDataByUniqueId", POST, recordings.by_unique_id),
)
BY_HOUR = (ListEndpoint(RECORDINGS + "retrieveMetaDataByHour", POST, recordings.by_hour),)
AUDIO = (
    AudioEndpoint(RECORDINGS + "retrieve", ANY, recordings.leg_by_tag, "tag"),
    AudioEndpoint(RECORDINGS + "retrieveByCallRecordId", ANY, recordings.leg_by_record_id, "callRecordId"),
    AudioEndpoint(RECORDINGS + "retrieveByUniqueId", ANY, recordings.leg_by_unique_id, "uniqueId"),
)
OTHER_AUDIO = (
    AudioEndpoint(OLD_RECORDINGS + "retrieveRecording", GET, recordings.leg_by_tag, "Tag", "Leg"),
    AudioEndpoint(OLD_RECORDINGS + "retrieveByCallRecordId", GET, recordings.leg_by_record_id, "CallRecordId", "Leg"),
    AudioEndpoint(OLD_RECORDINGS + "retrieveRecordingByUniqueId", GET, recordings.leg_by_unique_id, "UniqueId", "Leg"),
)
LEADS = (
    CallEndpoint(CAMPAIGNS + "insertLead", POST, lead_calls.insert_old),
    CallEndpoint(CAMPAIGNS + "insertLeadFast", POST, lead_calls.insert_fast),
    CallEndpoint(CAMPAIGNS + "updateLead", POST, lead_calls.update_old),
    CallEndpoint(CAMPAIGNS + "updateLeadFast", POST, lead_calls.update_fast),
)
CALL_CONTROL = (
    CallEndpoint(TIME, ANY, extras.server_time, changes=False, free=True),
    CallEndpoint(CALLS + "dial", ANY, call_control.dial),
    CallEndpoint(CALLS + "checkState", ANY, call_control.check_state, changes=False),
    CallEndpoint(CALLS + "hangup", ANY, call_control.hangup),
    CallEndpoint(CALLS + "subscribe", ANY, call_control.subscribe, changes=False),
    CallEndpoint(CALLS + "answer", ANY, call_control.answer),
    CallEndpoint(CALLS + "start", ANY, call_control.start),
    CallEndpoint(CALLS + "stop", ANY, call_control.stop),
    CallEndpoint(CALLS + "tag", ANY, call_control.tag),
)


def endpoints_of(dialect: Dialect) -> Mapping[str, AnyEndpoint]:
    """Path -> endpoint; no other path is known."""
    known: tuple[AnyEndpoint, ...] = {
        Dialect.PROPOSED: (*META, *BY_HOUR, *AUDIO),
        Dialect.OTHER_AUDIO: (*META, *BY_HOUR, *OTHER_AUDIO),
        Dialect.NO_BY_HOUR: (*META, *AUDIO),
        Dialect.HASH_ONLY: tuple(replace(one, path=CALLS + one.name) for one in (*META, *AUDIO)),
    }[dialect]
    return {one.path: one for one in (*LISTS, *LEADS, *CALL_CONTROL, *known)}
