"""The phone system beside a call of the program: how it answers wrongly, and ``call ...`` as a process."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from noojee_ingest.simulator import Rule, RunningSimulator

ROOT = Path(__file__).parents[3]


def rule(phone: RunningSimulator, endpoint: str, **more: Any) -> None:
    phone.add_rule(Rule.model_validate({"endpoint": endpoint, **more}))


def answers(phone: RunningSimulator, endpoint: str, body: str, **more: Any) -> None:
    rule(phone, endpoint, answer={"text": body, **more})


class Called:
    """``call ...`` in a process of its own."""

    def __init__(self, *arguments: str, **how: Any) -> None:
        code = "from noojee_ingest.cli import main; main()"
        environ = {name: text for name, text in os.environ.items() if not name.startswith("PYTHONWARN")}
        self.process = subprocess.Popen(
            [sys.executable, "-c", code, "call", *arguments],
            env={**environ, "PYTHONPATH": str(ROOT), "TERM": "xterm", "COLUMNS": "120"},
            text=True,
            **how,
        )

    def __enter__(self) -> subprocess.Popen[str]:
        return self.process

    def __exit__(self, *_: object) -> None:
        self.process.kill()
        self.process.wait()
        for pipe in (self.process.stdout, self.process.stderr):
            if pipe is not None:
                pipe.close()
