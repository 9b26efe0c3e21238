"""The keys of the contract: how answers and lead bodies call what they hold, each line with its mark.

Of a list of keys the first that an entry holds wins. A single text is a key that we write.
"""

from __future__ import annotations

from dataclasses import dataclass

from noojee_ingest.noojee.marked import client, doc, inferred, proposed


@dataclass(frozen=True, slots=True)
class LegKeys:
    """Keys of a leg in the recording meta data (reference, 9.1 and 9.4)."""

    call_record_id: tuple[str, ...] = doc(("CallRecordId",))
    unique_id: tuple[str, ...] = doc(("UniqueId",))
    leg: tuple[str, ...] = doc(("Leg",))
    start: tuple[str, ...] = doc(("Start",))
    end: tuple[str, ...] = doc(("callend",))  # seen in the by-hour list only
    duration: tuple[str, ...] = doc(("Duration",))
    source: tuple[str, ...] = doc(("Source",))
    destination: tuple[str, ...] = doc(("Destination",))  # by hour; by unique id it is inferred
    did: tuple[str, ...] = doc(("DID",))
    direction: tuple[str, ...] = doc(("Direction",))
    tag: tuple[str, ...] = doc(("Tag",))
    username: tuple[str, ...] = doc(("Username",))


@dataclass(frozen=True, slots=True)
class CallKeys:
    """Keys of a call in the call record list (reference, 22.0: what it holds is unknown, all of this is a guess).

    The names that start with ``nj`` were seen in another channel of the same product, the URL action [customer].
    """

    call_record_id: tuple[str, ...] = proposed(("CallRecordId", "callRecordId"))
    unique_id: tuple[str, ...] = proposed(("njUniqueCallId", "uniqueCallId", "UniqueId"))
    lead_id: tuple[str, ...] = proposed(("njLeadId", "leadId", "id"))
    external_lead_id: tuple[str, ...] = proposed(("njExternalLeadId",))
    date: tuple[str, ...] = proposed(("njCallDate", "callDate"))
    duration: tuple[str, ...] = proposed(("njCallDuration",))
    disposition: tuple[str, ...] = proposed(("njDisposition", "disposition"))
    dial_attempts: tuple[str, ...] = proposed(("njDialAttempts",))
    dialled_number: tuple[str, ...] = proposed(("njDialedNumber",))
    campaign: tuple[str, ...] = proposed(("njCampaignName",))
    allocation: tuple[str, ...] = proposed(("njAllocationName",))
    not_user_fields: tuple[str, ...] = proposed(("name",))  # besides those above and all that start with "nj"


@dataclass(frozen=True, slots=True)
class NamedKeys:
    """Keys of a template, a campaign, an allocation (reference, 17.0 to 19.0) or, proposed, a disposition (20.0)."""

    id: tuple[str, ...] = client(("id",))
    name: tuple[str, ...] = client(("name",))


@dataclass(frozen=True, slots=True)
class FieldKeys:
    """Keys of a template's field (reference, 21.0)."""

    id: tuple[str, ...] = proposed(("id",))
    name: tuple[str, ...] = proposed(("name",))
    display_type: tuple[str, ...] = proposed(("displayType",))


@dataclass(frozen=True, slots=True)
class DialKeys:
    """What the answer to a dial holds beside code and message (reference, 02.0)."""

    session_id: tuple[str, ...] = doc(("SessionID",))


@dataclass(frozen=True, slots=True)
class StateKeys:
    """Keys of check state's answer (reference, 03.0)."""

    state: tuple[str, ...] = doc(("State",))
    unique_call_id: tuple[str, ...] = doc(("uniqueCallId",))
    message: tuple[str, ...] = doc(("Message",))
    code: tuple[str, ...] = doc(("Code",))


@dataclass(frozen=True, slots=True)
class EventKeys:
    """Keys of subscribe's answer and of the events in it (reference, 05.0 and 14.0)."""

    data: tuple[str, ...] = doc(("Data",))
    seq: tuple[str, ...] = doc(("seq",))
    call_data: tuple[str, ...] = doc(("CallData",))
    call_id: tuple[str, ...] = doc(("CallID",))
    code: tuple[str, ...] = doc(("Code",))
    message: tuple[str, ...] = inferred(("Message",))  # documented of the answer as a whole only
    status: tuple[str, ...] = doc(("status",))
    unique_call_id: tuple[str, ...] = doc(("uniqueCallId",))
    secondary_unique_call_id: tuple[str, ...] = client(("secondaryUniqueCallId",))
    caller_id: tuple[str, ...] = doc(("callerId",))
    call_start: tuple[str, ...] = doc(("callStartTime",))
    can_answer: tuple[str, ...] = doc(("canAnswer",))
    inbound: tuple[str, ...] = doc(("inbound",))
    is_queue_call: tuple[str, ...] = doc(("isQueueCall",))
    is_click_to_dial: tuple[str, ...] = doc(("isClickToDialCall",))


@dataclass(frozen=True, slots=True)
class LeadKeys:
    """System fields of a lead that is saved or updated (reference, 23.0 and 24.0)."""

    external_id: str = doc("njExternalLeadId")
    disposition: str = doc("njDisposition")
    callback: str = doc("njCallBackDate")
    callback_time: str = doc("njCallbackTime")  # oldest generation only
    priority: str = doc("njPriority")
    contact_hours: str = doc("njContactHours")
    no_change: str = doc("<No Change>")  # the error table has it in capitals


@dataclass(frozen=True, slots=True)
class RosterKeys:
    """Keys of one who is on shift (reference, 3.2); the last one's spelling is the wire's."""

    id: tuple[str, ...] = client(("id",))
    login: tuple[str, ...] = client(("login",))
    extension: tuple[str, ...] = client(("extension",))
    phone_number: tuple[str, ...] = client(("phoneNumber",))
    mobile_number: tuple[str, ...] = client(("mobileNumber",))
    email: tuple[str, ...] = client(("email",))
    stack_position: tuple[str, ...] = client(("statckPostion",))


@dataclass(frozen=True, slots=True)
class HealthKeys:
    """Keys of the health statistics (reference, 3.3)."""

    io_wait: tuple[str, ...] = client(("ioWait",))
    load_average: tuple[str, ...] = client(("loadAverage",))
    cpu_percent: tuple[str, ...] = client(("cpuPercent",))
    cores: tuple[str, ...] = client(("cores",))
    memory_available: tuple[str, ...] = client(("memoryAvailableMB",))
    memory_total: tuple[str, ...] = client(("memoryTotalMB",))
    free_disk_percent: tuple[str, ...] = client(("freeDiskSpacePercent",))
    thread_pool_percent: tuple[str, ...] = client(("threadPoolUsagePercent",))
    scheduler_pool_percent: tuple[str, ...] = client(("schedulerPoolUsagePercent",))
    steal: tuple[str, ...] = client(("steal",))
    db_pool_size: tuple[str, ...] = client(("dbPoolSize",))
    db_pool_usage: tuple[str, ...] = client(("dbPoolUsage",))
    last_backup_attempt: tuple[str, ...] = client(("lastBackupAttempt",))
    last_backup_success: tuple[str, ...] = client(("lastBackupSuccess",))
    backup_starting: tuple[str, ...] = client(("backupStarting",))
    ping: tuple[str, ...] = client(("pingData",))


@dataclass(frozen=True, slots=True)
class Words:
    """Parts of an error's message, compared without case, that tell what kind of error it is."""

    authentication: tuple[str, ...] = proposed(("key", "hash", "authenticat", "permission"))  # reference, 01.0
    busy: tuple[str, ...] = proposed(("too many", "too soon", "per minute", "a minute", "rate limit"))  # for 9.4
    expired: tuple[str, ...] = doc(("expired timestamp",))  # reference, 01.0
