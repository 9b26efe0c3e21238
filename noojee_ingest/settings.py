"""The settings: one typed tree, read once at the edge by ``load`` and passed in.

A TOML file (the embedded ``config/default.toml`` unless another is named) holds every key but the API keys; each key
can be overridden by an environment variable, ``NOOJEE_INGEST_SECTION__KEY``. ``docs/settings.md`` explains them all.
Relative paths count from the current folder. Building ``Settings`` reads neither the file nor the environment, and no
API key file: only who asks a phone system needs its key (``Settings.key_of``).
"""

from __future__ import annotations

import os
import re
import tomllib
from collections.abc import Mapping
from datetime import time
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from pydantic import (
    AfterValidator,
    AwareDatetime,
    ByteSize,
    Field,
    SecretStr,
    ValidationError,
    ValidationInfo,
    field_validator,
    model_validator,
)
from pydantic_core import PydanticCustomError
from pydantic_settings import BaseSettings, EnvSettingsSource, PydanticBaseSettingsSource, SettingsConfigDict

from noojee_ingest.settings_problems import Origin, SettingsError, describe, toml_problem
from noojee_ingest.settings_store import Store
from noojee_ingest.settings_table import Seconds, SettingsTable
from noojee_ingest.settings_values import (
    auto_answer_string,
    checked_key,
    database_address,
    http_address,
    key_from,
    maker_of_handsets,
    time_of_day,
    unrepeatable,
)

PREFIX = "NOOJEE_INGEST_"
CONFIG_VARIABLE = f"{PREFIX}CONFIG"
KIB, MIB, GIB = 1024, 1024**2, 1024**3

Share = Annotated[int, Field(ge=1, le=64)]


def _slug(text: str) -> str:
    if len(text) > 32 or not re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", text):
        raise unrepeatable("no slug; a slug is at most 32 of a-z and 0-9, with single hyphens between")
    return text


Slug = Annotated[str, AfterValidator(_slug)]
Maker = Annotated[str, AfterValidator(maker_of_handsets)]
AutoAnswer = Annotated[str, AfterValidator(auto_answer_string)]


class Catalogue(SettingsTable):
    """The index of the journal: an SQLite file, or a PostgreSQL database, as its address."""

    url: str

    @field_validator("url")
    @classmethod
    def _supported(cls, url: str) -> str:
        return database_address(url)


class Spool(SettingsTable):
    """Where recordings wait while they are checked; small ones stay in memory. Sizes in bytes."""

    path: Path
    memory_bytes_per_worker: Annotated[ByteSize, Field(ge=1)] = ByteSize(MIB)
    disk_bytes: Annotated[ByteSize, Field(ge=MIB)] = ByteSize(4 * GIB)


class Archive(SettingsTable):
    """How recordings are fetched and judged. Sizes in bytes, ``batch`` in legs."""

    workers: Share = 8
    batch: Annotated[int, Field(ge=1, le=500)] = 100
    max_recording_bytes: Annotated[ByteSize, Field(ge=1)] = ByteSize(GIB)
    evidence_bytes: Annotated[ByteSize, Field(ge=0)] = ByteSize(64 * KIB)
    duration_tolerance_seconds: Annotated[float, Field(ge=0, allow_inf_nan=False)] = 2.0


class Nightly(SettingsTable):
    """Which days a night looks at, how long a recording may take to appear, how much is enough, and when a night ends.

    ``target_percent``: a day that is less complete is marked in ``status``. ``deadline`` is a time of day of the site's
    zone.
    """

    lookback_days: Annotated[int, Field(ge=0, le=60)] = 3
    lateness_hours: Annotated[float, Field(ge=0, le=24 * 60, allow_inf_nan=False)] = 48.0
    settle_minutes: Annotated[int, Field(ge=0, le=59)] = 5
    catch_up_days: Annotated[int, Field(ge=0, le=366)] = 14
    retry_minutes: Annotated[int, Field(ge=1, le=24 * 60)] = 60
    target_percent: Annotated[float, Field(ge=0, le=100, allow_inf_nan=False)] = 100.0
    deadline: time | None = None

    @field_validator("deadline", mode="before")
    @classmethod
    def _to_the_minute(cls, told: object) -> time | None:
        return time_of_day(told)


class Prefect(SettingsTable):
    """Prefect's folder, and its server: ``api_url`` empty means that each run starts one of its own."""

    home: Path
    api_url: str = ""

    @field_validator("api_url")
    @classmethod
    def _address(cls, url: str) -> str:
        return http_address(url) if url else url


class WithoutRecording(SettingsTable):
    """A rule: a call that ended in one of ``dispositions``, no longer than the limit (seconds), needs no recording."""

    explanation: Annotated[str, Field(min_length=1)]
    dispositions: Annotated[tuple[str, ...], Field(min_length=1)]
    max_duration_seconds: Annotated[float, Field(ge=0, allow_inf_nan=False)] | None = None


class EvidenceFirst(SettingsTable):
    """A rule: audio of legs with one of ``tags``, or of calls of one of ``campaigns``, goes to evidence first."""

    explanation: Annotated[str, Field(min_length=1)]
    tags: tuple[str, ...] = ()
    campaigns: tuple[str, ...] = Field(default=(), validate_default=True)

    @field_validator("campaigns")
    @classmethod
    def _fits_something(cls, campaigns: tuple[str, ...], info: ValidationInfo) -> tuple[str, ...]:
        if not campaigns and not info.data.get("tags", True):
            raise unrepeatable("neither tags nor campaigns: the rule would never fit; give one of them")
        return campaigns


class Simulator(SettingsTable):
    """A simulated phone system in place of a real one.

    ``now`` (aware) is the run's clock and where its own starts; ``days`` full days lie before. ``dialect`` is how it
    does what the vendor does not document.
    """

    now: AwareDatetime
    dialect: Literal["proposed", "other-audio", "no-by-hour", "hash-only"] = "proposed"
    seed: int = 7
    days: Annotated[int, Field(ge=0, le=366)] = 4
    calls_a_day: Annotated[int, Field(ge=0, le=100_000)] = 245


class Site(SettingsTable):
    """One phone system. Intervals and time-outs in seconds.

    ``by_hour`` says whether it has the by-hour list, which the vendor limits to one call a minute (reference, 9.4
    [doc]); ``contract`` corrects what the vendor does not document and is checked by ``noojee.contract``.
    ``authentication`` says how requests prove the key: as it is, or by a hash of it with the phone system's time, as
    older systems want it (01.0 [doc]). ``handsets`` gives makers other auto-answer strings than ``noojee.handsets``
    has. ``api_key`` is that of the environment, if any; a simulated site has none.
    """

    zone: ZoneInfo
    simulator: Simulator | None = None
    url: str = Field(default="", validate_default=True)
    authentication: Literal["key", "hash"] = "key"
    by_hour: bool = True
    by_hour_interval_seconds: Seconds = 60.0
    concurrent_requests: Share = 8
    connect_timeout_seconds: Seconds = 5.0
    read_timeout_seconds: Seconds = 60.0
    ca_bundle: Path | None = None
    api_key_file: Path | None = None
    api_key: SecretStr | None = None
    contract: Mapping[str, Any] = Field(default_factory=dict)
    handsets: Mapping[Maker, AutoAnswer] = Field(default_factory=dict)
    without_recording: tuple[WithoutRecording, ...] = ()
    evidence_first: tuple[EvidenceFirst, ...] = ()

    @field_validator("zone", mode="before")
    @classmethod
    def _zone_is_text(cls, zone: object) -> object:
        if not isinstance(zone, str):
            raise ValueError("should be an IANA name, such as Australia/Melbourne")  # noqa: TRY004 (pydantic's way)
        return zone

    @field_validator("url")
    @classmethod
    def _host_alone(cls, url: str, info: ValidationInfo) -> str:
        if "simulator" not in info.data:
            return url  # its own problem is told already
        if info.data["simulator"] is not None:
            if url:
                raise ValueError("belongs to a real phone system; take out the site's simulator table, or this key")
            return url
        if not url:
            raise PydanticCustomError("missing", "Field required")
        url = http_address(url).rstrip("/")
        parts = urlsplit(url)
        if parts.path or parts.query or parts.fragment:
            raise unrepeatable("holds more than scheme, host and port; the paths are known (or set in contract)")
        return url

    @field_validator("ca_bundle", "api_key_file", mode="before")
    @classmethod
    def _empty_is_none(cls, path: object) -> object:
        return None if path == "" else path

    @field_validator("ca_bundle")
    @classmethod
    def _readable(cls, path: Path | None) -> Path | None:
        if path is not None and not path.is_file():
            raise ValueError("is no file; it should hold the certificates to trust, in PEM")
        return path

    @field_validator("api_key_file")
    @classmethod
    def _no_key(cls, path: Path | None) -> Path | None:
        if path is not None and re.fullmatch(r"[0-9a-fA-F-]{32,36}", str(path)):
            raise unrepeatable("that looks like a key; api_key_file names the file that holds it")
        return path

    @field_validator("api_key")
    @classmethod
    def _key(cls, key: SecretStr | None, info: ValidationInfo) -> SecretStr | None:
        if key is None or info.data.get("simulator") is not None:
            return None
        return SecretStr(checked_key(key.get_secret_value(), "is"))


class Settings(BaseSettings):
    """The whole tree. ``data`` is the folder for all that is not given a place of its own."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX,
        env_nested_delimiter="__",
        enable_decoding=False,
        frozen=True,
        extra="forbid",
        hide_input_in_errors=True,
    )

    data: Path = Path("data")
    store: Store
    catalogue: Catalogue
    spool: Spool
    archive: Archive = Archive()
    nightly: Nightly = Nightly()
    prefect: Prefect
    sites: Annotated[Mapping[Slug, Site], Field(min_length=1)]

    def key_of(self, slug: str) -> str:
        """The API key of a real phone system, out of its file where the environment has none. Raises SettingsError."""
        site = self.sites[slug]
        if site.api_key is not None:
            return site.api_key.get_secret_value()
        try:
            if site.api_key_file is None:
                variable = f"{PREFIX}SITES__{slug.upper().replace('-', '_')}__API_KEY"
                raise unrepeatable(f"the phone system's API key is nowhere; set {variable} or api_key_file")
            return key_from(site.api_key_file)
        except PydanticCustomError as problem:
            raise SettingsError((f"sites.{slug}.api_key: {problem.message()}",)) from None

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        return (init_settings,)  # ``load`` brings file and environment together, so that a problem can name its origin

    @model_validator(mode="before")
    @classmethod
    def _places_inside_data(cls, tree: dict[str, Any]) -> dict[str, Any]:
        data = tree.get("data", "data")
        if not data or not isinstance(data, (str, Path)):
            data = "data"  # its own problem is told by the field
        store = tree.get("store", {})
        kind = store.get("kind", "folder") if isinstance(store, Mapping) else "folder"
        places = {
            "store": {"kind": kind, **({"path": f"{data}/store"} if kind == "folder" else {})},
            "catalogue": {"url": f"sqlite:///{data}/catalogue.db"},
            "spool": {"path": f"{data}/spool"},
            "prefect": {"home": f"{data}/prefect"},
        }
        return {**tree, **{name: _merged(place, tree.get(name, {})) for name, place in places.items()}}

    @field_validator("data", mode="before")
    @classmethod
    def _data_is_named(cls, folder: object) -> object:
        if folder == "":
            raise ValueError("should name a folder")
        return folder

    @model_validator(mode="after")
    def _one_recording_fits(self) -> Settings:
        if self.spool.disk_bytes < self.archive.max_recording_bytes:
            raise unrepeatable(
                f"spool.disk_bytes ({self.spool.disk_bytes}) is less than archive.max_recording_bytes "
                f"({self.archive.max_recording_bytes}): one recording of that size would never fit"
            )
        return self


def _merged(under: Any, over: Any) -> Any:
    if isinstance(under, Mapping) and isinstance(over, Mapping):
        return {**under, **{key: _merged(under[key], over[key]) if key in under else over[key] for key in over}}
    return over


def default_config() -> Path:
    """The embedded default: in a checkout ``config/default.toml``, in an installed package its copy there."""
    package = Path(__file__).parent
    installed = package / "default.toml"
    return installed if installed.is_file() else package.parent / "config" / "default.toml"


def load(path: Path | None = None, environ: Mapping[str, str] | None = None) -> Settings:
    """The settings of ``path``, else of the file that NOOJEE_INGEST_CONFIG names, else the embedded default.

    Variables of ``environ`` (``os.environ`` when not given) override the file. Raises SettingsError with one line for
    every problem found.
    """
    environ = os.environ if environ is None else environ
    if path is None:
        path = Path(environ[CONFIG_VARIABLE]) if environ.get(CONFIG_VARIABLE) else default_config()
    try:
        with path.open("rb") as file:
            tree = tomllib.load(file)
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as problem:
        raise SettingsError((toml_problem(path, problem),)) from None

    problems = []
    for slug, site in _tables(tree.get("sites")):
        if "api_key" in site:
            site["api_key"] = "withheld"  # refused all the same; its absence would be a second problem
            problems.append(
                f"{path}: sites.{slug}.api_key: no key belongs in this file; put it in the environment as "
                f"{PREFIX}SITES__{slug.upper().replace('-', '_')}__API_KEY, or in a file named by api_key_file"
            )
    overrides, variables = _environment(environ)
    origin = Origin(file=path, tree=tree, variables=variables, prefix=PREFIX)
    try:
        settings = Settings(**_merged(tree, overrides))
    except ValidationError as wrong:
        found = [describe(error, Settings, origin) for error in wrong.errors(include_url=False)]
    else:
        found = []
    if problems := [*problems, *found]:
        raise SettingsError(tuple(dict.fromkeys(problems)))
    return settings


def _tables(sites: object) -> list[tuple[str, dict[str, Any]]]:
    if not isinstance(sites, dict):
        return []
    return [(slug, site) for slug, site in sites.items() if isinstance(site, dict)]


def _environment(environ: Mapping[str, str]) -> tuple[dict[str, Any], dict[tuple[str, ...], str]]:
    """What the environment overrides, as a tree, and the variable that each path came from."""
    mine = {name: text for name, text in environ.items() if name.startswith(PREFIX) and name != CONFIG_VARIABLE}
    source = EnvSettingsSource(Settings)
    source.env_vars = {name.lower(): text for name, text in mine.items()}
    tree = source()
    variables = {}
    for name, text in mine.items():
        path = tuple(name.removeprefix(PREFIX).lower().split("__"))
        if path[0] not in Settings.model_fields:
            tree[path[0]] = text  # refused like an unknown key of the file
        if path[0] == "sites" and len(path) > 1:
            path = ("sites", path[1].replace("_", "-"), *path[2:])
        variables[path] = name
    if isinstance(sites := tree.get("sites"), dict):
        tree["sites"] = {slug.replace("_", "-"): site for slug, site in sites.items()}
    return tree, variables
