"""What the configuration should say of a site, as TOML to put into it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any

from noojee_ingest.noojee import CONTRACT, Contract


@dataclass
class Corrections:
    """Keys of ``[sites.<slug>]`` that are to change, and the sections of the contract that are, whole."""

    keys: dict[str, str | bool] = field(default_factory=dict)
    sections: set[str] = field(default_factory=set)

    def toml(self, slug: str, contract: Contract) -> str:
        """The text to put in; ``""`` where all can stay. A section of the contract takes the place of an old one."""
        told = []
        if self.keys:
            told += [f"# into the table [sites.{slug}] that is there already", f"[sites.{slug}]"]
            told += [f"{name} = {_value(value)}" for name, value in self.keys.items()]
        for section in sorted(self.sections):
            lines = unlike_the_default(contract, section)
            told += [*([""] if told else []), f"[sites.{slug}.contract.{section}]"]
            told += [f"{name} = {_value(value)}" for name, value in lines.items()]
        return "\n".join([*told, ""]) if told else ""


def unlike_the_default(contract: Contract, section: str) -> Mapping[str, Any]:
    """The lines of a section that differ from what the program holds by itself."""
    lines, default = getattr(contract, section), getattr(CONTRACT, section)
    return {
        line.name: getattr(lines, line.name)
        for line in fields(lines)
        if getattr(lines, line.name) != getattr(default, line.name)
    }


def _value(value: str | bool) -> str:
    """Paths, names of parameters, words: as JSON writes them they are TOML too."""
    return json.dumps(value)
