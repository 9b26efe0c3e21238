"""What the vendor's documentation leaves open, and the ways to ask that the doctor tries [proposed].

One table: who learns of another way adds it here. They are joined with one another, the likely first, until
``MOST_REQUESTS`` are spent; what a real phone system answered to is then put into its site's contract.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

RECORDINGS = "/njadmin/rest/RecordingAPI/"  # current generation [doc]
CALLS = "/servicemanager/rest/CallManagementAPI/"  # the hash generation's [doc]
OLD = ("/servicemanager/rest/RecordingAPI/", "/rest/RecordingAPI/")  # withdrawn from release 4.0 on [doc]

BASES = (RECORDINGS, CALLS, *OLD)

BY_UNIQUE_ID = tuple(f"{base}retrieveMetaDataByUniqueId" for base in BASES)  # all four [doc]
BY_TAG = tuple(f"{base}retrieveMetaData" for base in BASES)  # the first two [doc]
BY_HOUR = tuple(f"{base}retrieveMetaDataByHour" for base in (RECORDINGS, CALLS))  # the first [doc]

NOBODY = "0.0"
"""A unique id that no call has: Asterisk's begin with the seconds since 1970."""

METHODS = ("POST", "GET")


@dataclass(frozen=True)
class Ways:
    """Ways to ask for audio by one kind of id: names of the method, and of the id's parameter.

    ``section`` is that of the contract and the method of the client, ``id_line`` the line of the section and the member
    of a leg that holds the id.
    """

    section: str
    id_line: str
    names: tuple[str, ...]
    ids: tuple[str, ...]

    @property
    def what(self) -> str:
        """What is asked for, in words."""
        return self.section.replace("_", " ")

    def paths(self, name: str) -> Iterator[tuple[str, str]]:
        """Every path with that name of the method, and the HTTP methods."""
        for base in BASES:
            for method in METHODS:
                yield f"{base}{name}", method


LEGS = ("leg", "Leg", "legNo", "legNumber", "legId", "recordingLeg")

BY_CALL_RECORD_ID = Ways(
    "audio_by_call_record_id",
    "call_record_id",
    names=(
        "retrieveByCallRecordId",  # the only one that the vendor names [doc]
        "retrieveRecordingByCallRecordId",
        "retrieveRecording",
        "retrieve",
        "getRecordingByCallRecordId",
        "getRecording",
    ),
    ids=("callRecordId", "CallRecordId", "recordId", "recordingId", "callrecordid", "id"),
)
AUDIO_BY_UNIQUE_ID = Ways(
    "audio_by_unique_id",
    "unique_id",
    names=("retrieveByUniqueId", "retrieveRecordingByUniqueId", "retrieveRecording", "retrieve", "getRecording"),
    ids=("uniqueId", "UniqueId", "uniqueCallId", "uniqueid", "id"),
)
AUDIO_BY_TAG = Ways(
    "audio_by_tag",
    "tag",
    names=("retrieve", "retrieveRecording", "retrieveByTag", "retrieveRecordingByTag", "getRecording"),
    ids=("tag", "Tag", "recordingTag"),
)

MOST_REQUESTS = 160
"""For audio by one kind of id; one at a time."""


def base_of(path: str) -> str:
    """The base of a path; the first of all where it is none of ours."""
    return next((base for base in BASES if path.startswith(base)), BASES[0])
