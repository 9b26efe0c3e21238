"""docs/operations.md: the settings that it tells people to write can be loaded and do what it says."""

from __future__ import annotations

import re
import textwrap
from pathlib import Path

from noojee_ingest.noojee import contract_from
from noojee_ingest.settings import load

OPERATIONS = (Path(__file__).parents[3] / "docs" / "operations.md").read_text()


def test_the_settings_of_a_real_phone_system_load_with_the_corrected_contract(tmp_path: Path) -> None:
    blocks = re.findall(r"^( *)```toml\n(.*?)^\1```$", OPERATIONS, re.DOTALL | re.MULTILINE)
    key = tmp_path / "acme.key"
    key.write_text("5b0f2c1e-7a11-11ec-9d3c-00163e1a2b3c\n")
    key.chmod(0o640)
    settings = tmp_path / "noojee-ingest.toml"
    text = "\n".join(textwrap.dedent(block) for _, block in blocks)
    settings.write_text(text.replace("/etc/noojee-ingest/acme.key", str(key)))

    site = load(settings, {}).sites["acme"]
    contract = contract_from(site.contract)

    assert len(blocks) == 2
    assert site.url == "https://acme.example.com.au"
    assert site.without_recording[0].dispositions == ("No Answer",)
    audio = contract.audio_by_call_record_id
    assert (audio.path, audio.method, audio.leg) == ("/njadmin/rest/RecordingAPI/retrieveRecording", "GET", "legNo")
    assert contract.call_keys.disposition == ("njDisposition",)
