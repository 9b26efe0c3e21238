"""Makes the committed speech files again from telephone prompts. For maintainers; not needed at run time.

Needs sox and lame, and Debian's package ``asterisk-core-sounds-en-wav``::

    python noojee_ingest/simulator/speech/make_speech.py [folder of prompts]

The same two minutes of speech are written in the three codings a phone system records in, each of equal blocks laid
end to end, with no header:

==============  ==========================================  ===========  ===============
file            coding                                      block        samples a block
==============  ==========================================  ===========  ===============
``speech.ulaw``  G.711 mu-law, 8 kHz                         320 bytes    320
``speech.gsm``   GSM 6.10 as WAV files hold it (WAV49)       65 bytes     320
``speech.mp3``   MPEG-2.5 layer III, 8 kHz mono, 16 kbit/s   144 bytes    576
==============  ==========================================  ===========  ===============

PCM and A-law are worked out from the mu-law when the simulator starts, as an Asterisk system does with a G.711 call.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

PROMPTS = Path("/usr/share/asterisk/sounds/en_US_f_Allison")
CHOSEN = (
    "demo-congrats",
    "vm-intro",
    "queue-youarenext",
    "demo-abouttotry",
    "queue-periodic-announce",
    "dir-intro",
    "agent-user",
    "demo-moreinfo",
    "tt-allbusy",
    "conf-usermenu",
    "vm-msginstruct",
    "demo-thanks",
    "vm-review",
    "ss-noservice",
    "demo-nogo",
    "priv-callpending",
    "dir-instr",
    "vm-options",
    "vm-tempgreeting2",
    "unidentified-no-callback",
)
SECONDS = 120
MP3_FRAME = 144  # bytes: 72 ms at 16 kbit/s


def run(*command: str | Path) -> None:
    subprocess.run(command, check=True)  # noqa: S603


def wav_data(path: Path) -> bytes:
    """The bytes of a WAV file's data chunk."""
    content = path.read_bytes()
    at = 12
    while content[at : at + 4] != b"data":
        at += 8 + int.from_bytes(content[at + 4 : at + 8], "little")
    size = int.from_bytes(content[at + 4 : at + 8], "little")
    return content[at + 8 : at + 8 + size]


def self_contained_frames(mp3: bytes) -> bytes:
    """The MP3's frames, each checked to lean on no other: joined in any order they still decode."""
    frames = [mp3[at : at + MP3_FRAME] for at in range(0, len(mp3) - MP3_FRAME + 1, MP3_FRAME)]
    for number, frame in enumerate(frames):
        if frame[:3] != bytes((0xFF, 0xE3, 0x28)) or frame[4] != 0:
            raise SystemExit(f"speech.mp3: frame {number} is not a 16 kbit/s frame without bit reservoir")
    return b"".join(frames)


def make(prompts: Path, folder: Path) -> None:
    """Write the three files into ``folder`` from the WAV files in ``prompts``."""
    with tempfile.TemporaryDirectory() as name:
        work = Path(name)
        speech = work / "speech.wav"
        run(
            "sox", "-D", *(prompts / f"{prompt}.wav" for prompt in CHOSEN), "-r", "8000", "-c", "1", "-b", "16", speech,
            "silence", "-l", "1", "0.05", "0.3%", "-1", "0.25", "0.3%", "norm", "-3", "trim", "0", str(SECONDS),
        )  # fmt: skip
        run("sox", "-D", speech, "-t", "raw", "-e", "mu-law", "-b", "8", folder / "speech.ulaw")
        run("sox", "-D", speech, "-t", "wav", "-e", "gsm-full-rate", work / "gsm.wav")
        (folder / "speech.gsm").write_bytes(wav_data(work / "gsm.wav")[: SECONDS * 25 * 65])
        run(
            "lame", "--quiet", "-t", "-m", "m", "--resample", "8", "-b", "16", "--cbr", "--nores", speech,
            work / "speech.mp3",
        )  # fmt: skip
        frames = self_contained_frames((work / "speech.mp3").read_bytes())
        (folder / "speech.mp3").write_bytes(frames[2 * MP3_FRAME :])  # the first two hold the encoder's delay


if __name__ == "__main__":
    make(Path(sys.argv[1]) if len(sys.argv) > 1 else PROMPTS, Path(__file__).parent)
