"""Is this really audio, which kind, how long, whole or cut.

>>> from noojee_ingest.audio import NotAudio, check
"""

from noojee_ingest.audio.sniff import NotAudio
from noojee_ingest.audio.soundness import check

__all__ = ["NotAudio", "check"]
