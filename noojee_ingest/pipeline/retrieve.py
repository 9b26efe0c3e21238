"""Retrieve: a leg's audio into the spool, hashed on the way, and checked."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager

from noojee_ingest.audio import check
from noojee_ingest.model import Audio, Leg
from noojee_ingest.noojee import AudioStream
from noojee_ingest.pipeline.spool import Spooled
from noojee_ingest.pipeline.work import Work


@contextmanager
def retrieved(work: Work, leg: Leg) -> Iterator[Spooled]:
    """A leg's audio as the phone system gives it now, whole, in the spool until the context ends.

    By call record id, or by unique id where a view never told the other. Raises NoojeeError, PipelineError.
    """
    began = time.monotonic()
    work.tally.add(audio_requests=1)
    with _asked(work, leg) as stream, work.spool.recording(stream.content_length, leg_id=leg.leg_id) as spooled:
        for chunk in stream:
            spooled.write(chunk)
        work.tally.add(fetched_bytes=spooled.size, seconds_fetching=time.monotonic() - began)
        yield spooled


def _asked(work: Work, leg: Leg) -> AbstractContextManager[AudioStream]:
    recordings = work.client.recordings
    if leg.call_record_id:
        return recordings.audio_by_call_record_id(leg.call_record_id, leg.leg)
    return recordings.audio_by_unique_id(leg.unique_id, leg.leg)


def checked(spooled: Spooled) -> Audio:
    """What the spooled bytes are. Raises NotAudio."""
    spooled.file.seek(0)
    return check(spooled.file, spooled.size)
