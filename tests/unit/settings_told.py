"""What the tests of the settings have in common."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from noojee_ingest.settings import PREFIX, Settings, SettingsError, load

KEY = "5b0f2c1e-7a11-11ec-9d3c-00163e1a2b3c"
REAL = """
[sites.acme]
zone = "Australia/Perth"
url = "https://acme.example.com.au:8443/"
"""


def variables(**named: str) -> dict[str, str]:
    return {PREFIX + name: text for name, text in named.items()}


def problems(path: Path | None = None, environ: Mapping[str, str] | None = None) -> tuple[str, ...]:
    """What ``load`` finds wrong, one line each, without the file's folder."""
    with pytest.raises(SettingsError) as refused:
        load(path, environ or {})
    assert not any("\n" in line for line in refused.value.problems)
    assert str(refused.value) == "\n".join(refused.value.problems)
    assert refused.value.__cause__ is refused.value.__context__ is None or refused.value.__suppress_context__
    return tuple(line.replace(f"{path.parent}/", "") if path else line for line in refused.value.problems)


def smallest() -> Settings:
    return Settings(
        sites={
            "demo": {
                "zone": "UTC",
                "simulator": {"now": "2026-03-11T03:30:00+11:00"},
                "without_recording": [{"explanation": "x", "dispositions": ["y"]}],
                "evidence_first": [{"explanation": "x", "tags": ["y"]}],
            }
        }  # type: ignore[dict-item]
    )
