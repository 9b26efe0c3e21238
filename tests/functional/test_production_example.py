"""config/production.example.toml: it loads as it is, and what it shows as comments is right as well."""

from __future__ import annotations

import re
from datetime import time
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from noojee_ingest.settings import Settings, SettingsError, load
from noojee_ingest.settings_store import S3Store
from noojee_ingest.storage.root import RootName
from tests.functional.conftest import KEY

EXAMPLE = Path(__file__).parents[2] / "config" / "production.example.toml"


def loaded(folder: Path, text: str) -> Settings:
    """The settings of a text, with its key files made in a folder."""
    for slug in ("melbourne", "perth"):
        key = folder / f"{slug}.key"
        key.write_text(f"{KEY}\n")
        key.chmod(0o440)
    settings = folder / "noojee-ingest.toml"
    settings.write_text(text.replace("/etc/noojee-ingest/", f"{folder}/"))
    return load(settings, {})


def test_it_has_two_sites_in_two_zones_a_bucket_for_each_root_and_a_database(tmp_path: Path) -> None:
    settings = loaded(tmp_path, EXAMPLE.read_text())
    zones = {slug: site.zone for slug, site in settings.sites.items()}
    assert zones == {"melbourne": ZoneInfo("Australia/Melbourne"), "perth": ZoneInfo("Australia/Perth")}
    assert all(settings.key_of(slug) == KEY and site.without_recording for slug, site in settings.sites.items())
    assert isinstance(settings.store, S3Store)
    places = settings.store.options(connections=1).places
    assert len({places[name].bucket for name in RootName}) == len(RootName)
    assert settings.catalogue.url.startswith("postgresql://")
    assert settings.nightly.deadline == time(6)
    assert settings.data.is_absolute()
    assert settings.prefect.api_url == ""


def test_what_stands_in_comments_can_be_switched_on(tmp_path: Path) -> None:
    text, number = re.subn(r"^# *(\w+ = )", r"\1", EXAMPLE.read_text(), flags=re.MULTILINE)
    settings = loaded(tmp_path, text)
    assert number == 6
    assert isinstance(settings.store, S3Store)
    assert (settings.store.endpoint, settings.store.path_style) == ("https://s3.example.com.au", True)
    assert (settings.store.encryption, settings.store.kms_key) == ("aws:kms", "alias/calls")
    assert settings.prefect.api_url == "https://prefect.example.com.au/api"
    (rule,) = settings.sites["melbourne"].evidence_first
    assert (rule.explanation, rule.tags, rule.campaigns) == ("card payments", ("payment",), ("Renewals",))


def test_it_holds_no_key_and_asks_for_each(tmp_path: Path) -> None:
    path = tmp_path / "noojee-ingest.toml"
    path.write_text(EXAMPLE.read_text().replace("/etc/noojee-ingest/", f"{tmp_path}/"))
    settings = load(path, {})
    for slug in settings.sites:
        with pytest.raises(SettingsError, match=rf"sites\.{slug}\.api_key: from .*/{slug}\.key: No such file"):
            settings.key_of(slug)
