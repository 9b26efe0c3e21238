"""The endpoints of the contract: path, method and parameters of every request, each line with its mark.

A parameter named ``""`` is not sent. The order of the lines is the order in which parameters go out.
"""

from __future__ import annotations

from dataclasses import dataclass

from noojee_ingest.noojee.marked import client, doc, inferred, proposed


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where a request goes. ``path`` starts with ``/`` and follows the client's base URL; ``method`` is GET or POST."""

    path: str
    method: str


@dataclass(frozen=True, slots=True)
class Authentication:
    """Goes into the query, in front: the API key (reference, 01.0, generation B), or time stamp and hash (A)."""

    api_key: str = doc("apiKey")
    time_stamp: str = doc("timeStamp")
    hash: str = doc("hash")


@dataclass(frozen=True, slots=True)
class Time(Endpoint):
    """The phone system's own clock, in milliseconds, as a bare number (reference, 01.0, generation A)."""

    path: str = doc("/servicemanager/rest/Time")
    method: str = doc("POST")


@dataclass(frozen=True, slots=True)
class Dial(Endpoint):
    """Dial (reference, 02.0)."""

    path: str = doc("/servicemanager/rest/CallManagementAPI/dial")
    method: str = doc("POST")
    number: str = doc("number")
    extension: str = doc("extenOrUniqueId")
    auto_answer: str = doc("autoAnswer")
    caller_id: str = doc("callerId")
    caption: str = doc("phoneCaption")
    monitored: str = doc("monitored")
    record: str = doc("record")
    tag: str = doc("tag")


@dataclass(frozen=True, slots=True)
class State(Endpoint):
    """Check state (reference, 03.0)."""

    path: str = doc("/servicemanager/rest/CallManagementAPI/checkState")
    method: str = doc("POST")
    extensions: str = doc("extenOrUniqueId")
    timeout: str = doc("timeOut")


@dataclass(frozen=True, slots=True)
class Hangup(Endpoint):
    """Hangup (reference, 04.0)."""

    path: str = doc("/servicemanager/rest/CallManagementAPI/hangup")
    method: str = doc("POST")
    extension: str = doc("extenOrUniqueId")


@dataclass(frozen=True, slots=True)
class Subscribe(Endpoint):
    """Subscribe (reference, 05.0)."""

    path: str = doc("/servicemanager/rest/CallManagementAPI/subscribe")
    method: str = doc("POST")
    extensions: str = doc("exten")
    last_seq: str = doc("lastSequenceNumber")
    timeout: str = doc("timeOut")


@dataclass(frozen=True, slots=True)
class Answer(Endpoint):
    """Answer (reference, 06.0). What dial calls ``autoAnswer`` is called ``answerString`` here."""

    path: str = client("/servicemanager/rest/CallManagementAPI/answer")
    method: str = client("POST")
    unique_id: str = doc("uniqueId")
    extension: str = doc("exten")
    auto_answer: str = doc("answerString")


@dataclass(frozen=True, slots=True)
class Start(Endpoint):
    """Start recording (reference, 07.0). The documentation says POST only, the vendor's own code sends GET."""

    path: str = doc("/servicemanager/rest/CallManagementAPI/start")
    method: str = doc("POST")
    extension: str = doc("extenOrUniqueId")
    agent: str = doc("agentLoginName")
    tag: str = doc("tag")


@dataclass(frozen=True, slots=True)
class Stop(Endpoint):
    """Stop recording (reference, 08.0). As for start."""

    path: str = doc("/servicemanager/rest/CallManagementAPI/stop")
    method: str = doc("POST")
    extension: str = doc("extenOrUniqueId")
    agent: str = doc("agentLoginName")


@dataclass(frozen=True, slots=True)
class Tag(Endpoint):
    """Tag a recording (reference, "tag": only its name is documented)."""

    path: str = proposed("/servicemanager/rest/CallManagementAPI/tag")
    method: str = proposed("POST")
    extension: str = proposed("extenOrUniqueId")
    tag: str = proposed("tag")
    agent: str = proposed("agentLoginName")


@dataclass(frozen=True, slots=True)
class ByHour(Endpoint):
    """Recording meta data by hour (reference, 9.4)."""

    path: str = doc("/njadmin/rest/RecordingAPI/retrieveMetaDataByHour")
    method: str = doc("POST")
    date: str = doc("date")
    hour: str = doc("hour")


@dataclass(frozen=True, slots=True)
class ByUniqueId(Endpoint):
    """Recording meta data by unique id (reference, 9.1)."""

    path: str = doc("/njadmin/rest/RecordingAPI/retrieveMetaDataByUniqueId")
    method: str = doc("POST")
    unique_id: str = doc("uniqueId")


@dataclass(frozen=True, slots=True)
class ByTag(Endpoint):
    """Recording meta data by tag (reference, 9.1)."""

    path: str = doc("/njadmin/rest/RecordingAPI/retrieveMetaData")
    method: str = doc("POST")
    tag: str = doc("tag")


@dataclass(frozen=True, slots=True)
class AudioByCallRecordId(Endpoint):
    """Audio of one leg by call record id (reference, 09.0: the method's name is documented, the rest is not)."""

    path: str = proposed("/njadmin/rest/RecordingAPI/retrieveByCallRecordId")
    method: str = proposed("POST")
    call_record_id: str = proposed("callRecordId")
    leg: str = proposed("leg")


@dataclass(frozen=True, slots=True)
class AudioByUniqueId(Endpoint):
    """Audio of one leg by unique id (reference, 09.0: not even its existence is documented)."""

    path: str = proposed("/njadmin/rest/RecordingAPI/retrieveByUniqueId")
    method: str = proposed("POST")
    unique_id: str = proposed("uniqueId")
    leg: str = proposed("leg")


@dataclass(frozen=True, slots=True)
class AudioByTag(Endpoint):
    """Audio of one leg by tag (reference, 09.0: existence documented, the rest is not)."""

    path: str = proposed("/njadmin/rest/RecordingAPI/retrieve")
    method: str = proposed("POST")
    tag: str = proposed("tag")
    leg: str = proposed("leg")


@dataclass(frozen=True, slots=True)
class Templates(Endpoint):
    """Campaign templates (reference, 17.0)."""

    path: str = client("/servicemanager/rest/CampaignAPI/getCampaignTemplateList")
    method: str = client("GET")


@dataclass(frozen=True, slots=True)
class Campaigns(Endpoint):
    """Campaigns of a template (reference, 18.0)."""

    path: str = client("/servicemanager/rest/CampaignAPI/getCampaignList")
    method: str = client("GET")
    template_id: str = client("fTemplateId")


@dataclass(frozen=True, slots=True)
class Allocations(Endpoint):
    """Allocations of a campaign (reference, 19.0)."""

    path: str = client("/servicemanager/rest/CampaignAPI/getAllocationList")
    method: str = client("GET")
    campaign_id: str = client("fCampaignId")


@dataclass(frozen=True, slots=True)
class Dispositions(Endpoint):
    """Dispositions of a template (reference, 20.0: existence documented, the rest is not)."""

    path: str = proposed("/servicemanager/rest/CampaignAPI/getDispositionList")
    method: str = proposed("GET")
    template_id: str = proposed("fTemplateId")


@dataclass(frozen=True, slots=True)
class FieldList(Endpoint):
    """Fields of a template (reference, 21.0: existence documented, the rest is not)."""

    path: str = proposed("/servicemanager/rest/CampaignAPI/getFieldList")
    method: str = proposed("GET")
    template_id: str = proposed("fTemplateId")


@dataclass(frozen=True, slots=True)
class CallRecords(Endpoint):
    """The call record list (reference, 22.0). Two parameters lack the ``f`` that they have elsewhere."""

    path: str = client("/servicemanager/rest/CampaignAPI/getCallRecordList")
    method: str = client("GET")
    template_id: str = client("fTemplateId")
    campaign_id: str = client("campaignId")
    allocation_id: str = client("allocationId")


@dataclass(frozen=True, slots=True)
class Save(Endpoint):
    """Save a call record, the vendor's insert lead (reference, 23.0)."""

    path: str
    method: str = doc("POST")
    template_id: str = doc("fTemplateId")
    campaign_id: str = doc("fCampaignId")
    allocation_id: str = doc("fAllocationId")
    allow_duplicates: str = doc("allowDuplicates")


@dataclass(frozen=True, slots=True)
class SaveFast(Save):
    """The current generation (reference, 23.0)."""

    path: str = doc("/servicemanager/rest/CampaignAPI/insertLeadFast")


@dataclass(frozen=True, slots=True)
class SaveOld(Save):
    """The deprecated generation (reference, 23.0)."""

    path: str = doc("/servicemanager/rest/CampaignAPI/insertLead")


@dataclass(frozen=True, slots=True)
class Update(Endpoint):
    """Update a call record, the vendor's update lead (reference, 24.0)."""

    path: str
    method: str = doc("POST")
    template_id: str = doc("fTemplateId")
    campaign_id: str = doc("fCampaignId")
    allocation_id: str = doc("fAllocationId")
    external_id: str = doc("njExternalLeadId")  # by generation in the query, in the body, or in both


@dataclass(frozen=True, slots=True)
class UpdateFast(Update):
    """The current generation (reference, 24.0: the method's name is documented, its base path inferred).

    Which of the query's ids are left in it cannot be read plainly: all are sent.
    """

    path: str = inferred("/servicemanager/rest/CampaignAPI/updateLeadFast")
    template_id: str = inferred("fTemplateId")
    campaign_id: str = inferred("fCampaignId")
    allocation_id: str = inferred("fAllocationId")


@dataclass(frozen=True, slots=True)
class UpdateOld(Update):
    """The deprecated generations (reference, 24.0)."""

    path: str = doc("/servicemanager/rest/CampaignAPI/updateLead")


@dataclass(frozen=True, slots=True)
class Rosters(Endpoint):
    """Who is on shift (reference, 3.2)."""

    path: str = client("/servicemanager/rest/rosterApi/getActiveRosters")
    method: str = client("GET")
    team: str = client("teamName")


@dataclass(frozen=True, slots=True)
class Health(Endpoint):
    """How the machine is (reference, 3.3)."""

    path: str = client("/servicemanager/rest/systemHealth/test")
    method: str = client("GET")
