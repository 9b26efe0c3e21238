"""Another process that works with a catalogue."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

WORKS = """
import socket, sys
from datetime import UTC, datetime
if sys.argv[3]:
    socket.gethostname = lambda: sys.argv[3]
from noojee_ingest.catalogue.database import Catalogue
from noojee_ingest.catalogue.runs import begin_run, open_segment
catalogue = Catalogue.open(sys.argv[1], schema=sys.argv[2])
begin_run(catalogue, site="acme", flow="poll-call-records", began=datetime.now(UTC))
open_segment(catalogue, "journal/of-another")
print("begun", flush=True)
sys.stdin.readline()
"""


@contextmanager
def at_work(address: dict[str, str], host: str = "") -> Iterator[subprocess.Popen[str]]:
    """A process with a run that has not ended; where a ``host`` is given, one that believes to be there."""
    command = [sys.executable, "-c", WORKS, *address.values(), host]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "begun\n"
        try:
            yield process
        finally:
            process.kill()
