from __future__ import annotations

import pickle
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from pydantic import ValidationError

from noojee_ingest.settings import PREFIX, SettingsError, load
from tests.unit.settings_told import KEY, REAL, problems, smallest, variables


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "site.toml"


class TestTheEmbeddedDefault:
    def test_is_a_simulated_site_that_needs_no_key(self) -> None:
        settings = load(environ={})
        site = settings.sites["demo"]
        assert site.zone == ZoneInfo("Australia/Melbourne")
        assert site.simulator is not None
        assert site.simulator.now == datetime(2026, 3, 10, 16, 30, tzinfo=UTC)
        assert (site.simulator.seed, site.by_hour_interval_seconds, settings.nightly.lateness_hours) == (7, 0.2, 12)
        assert site.api_key is None
        assert [(rule.dispositions, rule.max_duration_seconds) for rule in site.without_recording] == [
            (("No Answer",), None),
            (("Answering Machine",), 10),
        ]

    def test_is_found_from_any_folder(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.chdir(tmp_path)
        assert "demo" in load(environ={}).sites

    def test_keeps_all_in_the_data_folder(self) -> None:
        settings = load(environ=variables(DATA="/srv/calls"))
        assert settings.store.path == Path("/srv/calls/store")
        assert settings.catalogue.url == "sqlite:////srv/calls/catalogue.db"
        assert settings.spool.path == Path("/srv/calls/spool")
        assert settings.prefect.home == Path("/srv/calls/prefect")

    def test_leaves_a_place_of_its_own_where_it_is(self) -> None:
        settings = load(environ=variables(DATA="/srv/calls", STORE__PATH="elsewhere"))
        assert (settings.store.path, settings.store.kind) == (Path("elsewhere"), "folder")


class TestWhichFile:
    def test_the_argument_wins_over_the_variable(self, file: Path) -> None:
        file.write_text('data = "here"\n' + REAL)
        environ = variables(CONFIG="/nowhere.toml", SITES__ACME__API_KEY=KEY)
        assert load(file, environ).data == Path("here")

    def test_the_variable_names_one(self, file: Path) -> None:
        file.write_text('data = "here"\n' + REAL)
        assert load(environ=variables(CONFIG=str(file), SITES__ACME__API_KEY=KEY)).data == Path("here")

    def test_an_empty_variable_names_none(self) -> None:
        assert "demo" in load(environ=variables(CONFIG="")).sites

    @pytest.mark.parametrize(
        ("text", "problem"),
        [
            (b"data = here\n", "site.toml: line 1, column 8: Invalid value; text belongs in double quotes"),
            (b'data = "a"\ndata = "b"\n', "site.toml: line 2, column 11: Cannot overwrite a value; the same key"),
            (b"data\n", "site.toml: line 1, column 5: Expected '=' after a key in a key/value pair; write one key ="),
            (
                b'data = "a\n',
                "site.toml: line 1, column 10: Illegal character '\\n'; close the quotes on the same line",
            ),
            (b"[archive\n", "site.toml: line 1, column 9: Expected ']' at the end of a table declaration; correct"),
            (b'data = "\xe9"\n', "site.toml: not UTF-8 text at byte 8; save the file as UTF-8"),
        ],
    )
    def test_a_file_that_is_no_toml_is_told_by_its_line_and_what_to_do(
        self, file: Path, text: bytes, problem: str
    ) -> None:
        file.write_bytes(text)
        (line,) = problems(file)
        assert line.startswith(problem)

    def test_an_absent_file_is_named(self, file: Path) -> None:
        assert problems(file) == (
            "site.toml: No such file or directory; name a readable settings file, or none for the embedded default",
        )

    def test_a_folder_is_named(self, tmp_path: Path) -> None:
        (line,) = problems(tmp_path)
        assert "Is a directory" in line


class TestTheEnvironment:
    def test_overrides_every_kind_of_key(self) -> None:
        settings = load(
            environ=variables(
                ARCHIVE__WORKERS="3",
                SPOOL__MEMORY_BYTES_PER_WORKER="64 KiB",
                NIGHTLY__LATENESS_HOURS="1.5",
                SITES__DEMO__BY_HOUR="false",
                SITES__DEMO__ZONE="Australia/Perth",
                SITES__DEMO__SIMULATOR__SEED="8",
                SITES__DEMO__CONTRACT='{"audio": {"leg": "legNo"}}',
                SITES__DEMO__WITHOUT_RECORDING='[{"explanation": "fax", "dispositions": ["Fax"]}]',
            )
        )
        site = settings.sites["demo"]
        assert site.simulator is not None
        assert settings.archive.workers == 3
        assert settings.spool.memory_bytes_per_worker == 65536
        assert settings.nightly.lateness_hours == 1.5
        assert (site.by_hour, site.zone.key, site.simulator.seed) == (False, "Australia/Perth", 8)
        assert site.contract == {"audio": {"leg": "legNo"}}
        assert [rule.dispositions for rule in site.without_recording] == [("Fax",)]

    def test_reaches_a_site_with_a_hyphen_and_adds_one(self, file: Path) -> None:
        file.write_text(REAL.replace("acme]", "east-1]"))
        settings = load(
            file,
            variables(
                SITES__EAST_1__ZONE="UTC",
                SITES__EAST_1__API_KEY=KEY,
                SITES__NEW__ZONE="UTC",
                SITES__NEW__URL="http://127.0.0.1:8080",
                SITES__NEW__API_KEY=KEY,
            ),
        )
        assert settings.sites["east-1"].zone.key == "UTC"
        assert settings.sites["new"].url == "http://127.0.0.1:8080"

    def test_is_the_systems_when_none_is_given(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("NOOJEE_INGEST_ARCHIVE__BATCH", "7")
        assert load().archive.batch == 7

    def test_is_not_read_when_the_tree_is_built(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("NOOJEE_INGEST_ARCHIVE__BATCH", "7")
        assert smallest().archive.batch == 100


class TestWrongKeys:
    @pytest.mark.parametrize(
        ("name", "problem"),
        [
            ("ARCHIVE__WORKRES", "archive.workres: no such key; the nearest is NOOJEE_INGEST_ARCHIVE__WORKERS"),
            ("ARCHIV__WORKERS", "archiv: no such key; the nearest is NOOJEE_INGEST_ARCHIVE"),
            ("SITES__DEMO__ZNE", "sites.demo.zne: no such key; the nearest is NOOJEE_INGEST_SITES__DEMO__ZONE"),
            (
                "SITES__DEMO__SIMULATOR__SED",
                "sites.demo.simulator.sed: no such key; the nearest is NOOJEE_INGEST_SITES__DEMO__SIMULATOR__SEED",
            ),
            ("XYZ", "xyz: no such key; those here are data, store, catalogue, spool, archive, nightly, prefect, sites"),
        ],
    )
    def test_in_the_environment_are_named_with_the_nearest_variable(self, name: str, problem: str) -> None:
        assert problems(environ=variables(**{name: "1"})) == (f"{PREFIX}{name}: {problem}",)

    @pytest.mark.parametrize(
        ("text", "problem"),
        [
            ("[archive]\nworkres = 1", "archive.workres: no such key; the nearest is workers"),
            ("[nigthly]\n", "nigthly: no such key; the nearest is nightly"),
            ("[store]\nbucket = 1", "store.bucket: no such key; those here are kind, path"),
            (
                '[[sites.acme.without_recording]]\nexplanation="x"\ndisposition=["y"]\ndispositions=["y"]',
                "sites.acme.without_recording[0].disposition: no such key; the nearest is dispositions",
            ),
        ],
    )
    def test_in_the_file_are_named_with_the_nearest(self, file: Path, text: str, problem: str) -> None:
        file.write_text(REAL + text)
        assert problems(file, variables(SITES__ACME__API_KEY=KEY)) == (f"site.toml: {problem}",)

    def test_a_site_that_only_a_variable_names_is_compared_with_the_files(self, file: Path) -> None:
        file.write_text(REAL)
        found = problems(file, variables(SITES__ACNE__API_KEY=KEY))
        assert (
            f"{PREFIX}SITES__ACNE__API_KEY: sites.acne.zone: required, but absent; the sites of site.toml are acme"
        ) in found

    def test_no_site_at_all_is_a_problem(self, file: Path) -> None:
        file.write_text("[archive]\nworkers = 2\n")
        assert problems(file) == ("site.toml: sites: required, but absent",)


class TestWrongValues:
    @pytest.mark.parametrize(
        ("name", "value", "problem"),
        [
            ("ARCHIVE__WORKERS", "many", 'archive.workers: "many" should be a valid integer'),
            ("ARCHIVE__BATCH", "501", 'archive.batch: "501" should be less than or equal to 500'),
            ("ARCHIVE__BATCH", "0", 'archive.batch: "0" should be greater than or equal to 1'),
            ("ARCHIVE", "x", "archive: should be a table"),
            ("STORE", "s3", "store: should be a table"),
            ("ARCHIVE__EVIDENCE_BYTES", "big", 'archive.evidence_bytes: "big" should be a number of bytes, or text'),
            ("NIGHTLY__LATENESS_HOURS", "nan", 'nightly.lateness_hours: "nan" should be a finite number'),
            ("STORE__KIND", "foldr", "store.kind: \"foldr\" should be 'folder', 's3'; the nearest is folder"),
            ("STORE__PATH", "", 'store.path: "" should name a file or folder'),
            ("DATA", "", 'data: "" should name a folder'),
            ("SITES__DEMO__ZONE", "Australia/Melborne", "the nearest is Australia/Melbourne"),
            ("SITES__DEMO__ZONE", "../../etc/passwd", "is no IANA time zone"),
            ("SITES__DEMO__BY_HOUR", "perhaps", 'sites.demo.by_hour: "perhaps" should be a valid boolean'),
            ("SITES__DEMO__BY_HOUR_INTERVAL_SECONDS", "0", "should be greater than 0"),
            ("SITES__DEMO__SIMULATOR__NOW", "2026-03-11T03:30:00", "should have its offset, such as 2026"),
            ("SITES__DEMO__CONTRACT", "[1", "should be a list or table; in a variable write it as JSON"),
            ("SITES__DEMO__CONTRACT", "[1]", "sites.demo.contract: should be a table"),
            ("SITES__DEMO__WITHOUT_RECORDING", "{}", "sites.demo.without_recording: should be a list"),
            ("SITES__DEMO__CA_BUNDLE", "/nowhere.pem", "is no file; it should hold the certificates to trust"),
            ("SITES__DEMO__URL", "https://x", "take out the site's simulator table, or this key"),
            ("CATALOGUE__URL", "sqlite://data.db", "should name a file: sqlite:///relative/path.db"),
            ("CATALOGUE__URL", "data.db", "catalogue.url: should be sqlite:///data/catalogue.db or postgresql://"),
            ("CATALOGUE__URL", "mysql://u:pw@h/d", "should be sqlite:///data/catalogue.db or postgresql"),
            ("PREFECT__API_URL", "localhost:4200", "prefect.api_url:"),
            ("PREFECT__API_URL", "http://u:pw@h/api", "prefect.api_url: holds a user name or password"),
        ],
    )
    def test_are_named_with_what_would_do(self, name: str, value: str, problem: str) -> None:
        (line,) = problems(environ=variables(**{name: value}))
        assert line.startswith(f"{PREFIX}{name}: ")
        assert problem in line
        assert "pw" not in line

    @pytest.mark.parametrize(
        ("text", "problem"),
        [
            ("[archive]\nworkers = true", "archive.workers: true should be a number or text, not true or false"),
            ("[archive]\nworkers = 1.5", "archive.workers: 1.5 should be a valid integer"),
            ("[nightly]\nlateness_hours = inf", "nightly.lateness_hours: Infinity should be a finite number"),
            ("[store]\nkind = 5", "store.kind: \"5\" should be 'folder', 's3'"),
            ("[prefect]\napi_url = 5", "prefect.api_url: 5 should be text in quotes"),
            ("[[nightly]]\nx = 1", "nightly: should be a table"),
            ("[[sites.acme.without_recording]]\nexplanation = ''\ndispositions = ['x']", '[0].explanation: "" should'),
            ("[[sites.acme.without_recording]]\nexplanation = 'x'\ndispositions = []", "[0].dispositions: is empty"),
            ("[[sites.acme.evidence_first]]\nexplanation = 'x'", "[0].campaigns: neither tags nor campaigns"),
            ("[[sites.acme.evidence_first]]\ntags = ['x']", "[0].explanation: required, but absent"),
            ("[[sites.acme.evidence_first]]\nexplanation = 'x'\ntags = 'y'", '[0].tags: "y" should be a list'),
            ("[[sites.acme.without_recording]]\ndispositions = ['x']", "[0].explanation: required, but absent"),
            ("[spool]\ndisk_bytes = '1 MiB'", "spool.disk_bytes (1048576) is less than archive.max_recording_bytes"),
        ],
    )
    def test_in_the_file_are_named(self, file: Path, text: str, problem: str) -> None:
        file.write_text(REAL + text)
        (line,) = problems(file, variables(SITES__ACME__API_KEY=KEY))
        assert line.startswith("site.toml: ")
        assert problem in line

    @pytest.mark.parametrize("slug", ["Acme", "a_b", "-a", "a-", "a--b", "a" * 33, "a/b", "", "é"])
    def test_a_slug_that_could_not_be_a_name_for_ever_is_refused(self, file: Path, slug: str) -> None:
        file.write_text(REAL.replace("acme]", f'"{slug}"]'))
        lines = problems(file)
        assert (
            f"site.toml: sites.{slug}: no slug; a slug is at most 32 of a-z and 0-9, with single hyphens between"
            in lines
        )

    @pytest.mark.parametrize(
        ("url", "problem"),
        [
            ("acme.example.com.au", "should begin with https:// or http://"),
            ("ftp://acme", "should begin with https:// or http://"),
            ("https://", "names no host"),
            ("https://ac me", "names no host"),
            ("https://acme:99999", "is no address: check its host and port"),
            ("https://acme:0", "names port 0"),
            ("https://acme/njadmin", "holds more than scheme, host and port"),
            ("https://acme?apiKey=pw", "holds more than scheme, host and port"),
            ("https://acme#pw", "holds more than scheme, host and port"),
            ("https://kim:pw@acme", "holds a user name or password"),
            ("https://pw@acme", "holds a user name or password"),
            ("https://[acme", "is no address"),
            ("", "required, but absent"),
        ],
    )
    def test_an_address_is_scheme_host_and_port(self, file: Path, url: str, problem: str) -> None:
        file.write_text(REAL.replace("https://acme.example.com.au:8443/", url))
        (line,) = problems(file, variables(SITES__ACME__API_KEY=KEY))
        assert line.startswith("site.toml: sites.acme.url: ")
        assert problem in line
        assert "pw" not in line

    def test_all_are_told_at_once(self, file: Path) -> None:
        file.write_text("colour = 1\n" + REAL + "zne = 1\n[archive]\nbatch = 900\nworkers = 'x'")
        assert len(problems(file, variables(NIGHTLY__SETTLE_MINUTES="60"))) == 5

    def test_a_long_value_is_cut_and_stays_on_one_line(self) -> None:
        (line,) = problems(environ=variables(ARCHIVE__WORKERS="two\nlines " + "x" * 500))
        assert len(line) < 200

    def test_a_closing_slash_of_an_address_is_dropped(self, file: Path) -> None:
        file.write_text(REAL)
        settings = load(file, variables(SITES__ACME__API_KEY=KEY))
        assert settings.sites["acme"].url == "https://acme.example.com.au:8443"


def problem_of_key(file: Path) -> str:
    """What is wrong with the key of acme when its phone system is about to be asked."""
    settings = load(file, {})
    with pytest.raises(SettingsError) as refused:
        settings.key_of("acme")
    (problem,) = refused.value.problems
    return problem


class TestTheApiKey:
    @pytest.fixture
    def key_file(self, tmp_path: Path) -> Path:
        path = tmp_path / "acme.key"
        path.write_text(KEY + "\n")
        path.chmod(0o640)
        return path

    @pytest.fixture
    def with_key_file(self, file: Path, key_file: Path) -> Path:
        file.write_text(f'{REAL}api_key_file = "{key_file}"\n')
        return file

    @pytest.mark.parametrize("text", [KEY, f"{KEY}\n", f"{KEY}\r\n"])
    def test_comes_from_its_file_without_the_line_break(self, with_key_file: Path, key_file: Path, text: str) -> None:
        key_file.write_bytes(text.encode())
        assert load(with_key_file, {}).key_of("acme") == KEY

    def test_of_the_environment_wins_and_the_file_is_not_read(self, with_key_file: Path, key_file: Path) -> None:
        key_file.unlink()
        assert load(with_key_file, variables(SITES__ACME__API_KEY="other")).key_of("acme") == "other"

    def test_is_not_asked_for_until_a_phone_system_is(self, with_key_file: Path, key_file: Path) -> None:
        key_file.unlink()
        load(with_key_file, {})

    def test_that_is_nowhere_is_a_problem(self, file: Path) -> None:
        file.write_text(REAL)
        assert problem_of_key(file) == (
            "sites.acme.api_key: the phone system's API key is nowhere; "
            "set NOOJEE_INGEST_SITES__ACME__API_KEY or api_key_file"
        )

    @pytest.mark.parametrize("text", ["", "\n", "two lines\n" + KEY, f" {KEY}", f"{KEY}\n\n", "k\x00ey", "schlüssel"])
    def test_that_is_none_is_refused_without_being_told(self, with_key_file: Path, key_file: Path, text: str) -> None:
        key_file.write_text(text)
        line = problem_of_key(with_key_file)
        assert line.startswith(f"sites.acme.api_key: from {key_file} is ")
        assert KEY not in line

    def test_whose_file_is_absent_is_a_problem(self, with_key_file: Path, key_file: Path) -> None:
        key_file.unlink()
        line = problem_of_key(with_key_file)
        assert line.endswith("acme.key: No such file or directory; api_key_file should name a readable file")

    def test_whose_file_every_user_may_read_is_refused(self, with_key_file: Path, key_file: Path) -> None:
        key_file.chmod(0o644)
        line = problem_of_key(with_key_file)
        assert "acme.key: every user may read that file; close it with: chmod o= " in line

    def test_in_place_of_its_files_name_is_not_repeated(self, file: Path) -> None:
        file.write_text(REAL)
        (line,) = problems(file, variables(SITES__ACME__API_KEY_FILE=KEY))
        assert KEY not in line
        assert "api_key_file names the file that holds it" in line

    @pytest.mark.parametrize("site", [REAL, '[sites.acme]\nzone = "UTC"\nsimulator = {now = 2026-01-01T00:00:00Z}\n'])
    def test_in_the_settings_file_is_refused_with_the_right_place(self, file: Path, site: str) -> None:
        file.write_text(site.replace("[sites.acme]\n", f'[sites.acme]\napi_key = "{KEY}"\n'))
        assert problems(file) == (
            "site.toml: sites.acme.api_key: no key belongs in this file; put it in the environment as "
            "NOOJEE_INGEST_SITES__ACME__API_KEY, or in a file named by api_key_file",
        )

    @pytest.mark.parametrize("name", ["apikey", "key", "api_kee"])
    def test_under_a_wrong_name_is_not_repeated(self, file: Path, name: str) -> None:
        file.write_text(f'{REAL}{name} = "{KEY}"\n')
        assert not any(KEY in line for line in problems(file))

    @pytest.mark.parametrize("key", ["", f"{KEY} ", f"{KEY}\n", "é"])
    def test_of_the_environment_is_refused_without_being_told(self, file: Path, key: str) -> None:
        file.write_text(REAL)
        (line,) = problems(file, variables(SITES__ACME__API_KEY=key))
        assert line.startswith(f"{PREFIX}SITES__ACME__API_KEY: sites.acme.api_key: is ")
        assert KEY not in line

    def test_for_a_simulated_site_is_not_used(self) -> None:
        assert load(environ=variables(SITES__DEMO__API_KEY=KEY)).sites["demo"].api_key is None

    def test_is_in_no_repr_and_no_dump(self, file: Path) -> None:
        file.write_text(REAL)
        settings = load(file, variables(SITES__ACME__API_KEY=KEY))
        for text in (repr(settings), str(settings), str(settings.model_dump()), settings.model_dump_json()):
            assert KEY not in text
        assert "acme" in settings.model_dump_json()

    def test_is_in_no_error_of_its_neighbours(self, file: Path) -> None:
        file.write_text(REAL.replace('zone = "Australia/Perth"', ""))
        with pytest.raises(SettingsError) as refused:
            load(file, variables(SITES__ACME__API_KEY=KEY))
        assert KEY not in repr(refused.value)
        assert KEY not in str(pickle.dumps(refused.value.args))


def test_the_tree_is_frozen() -> None:
    settings = smallest()
    with pytest.raises(ValidationError, match="frozen"):
        settings.data = Path("x")
    with pytest.raises(ValidationError, match="frozen"):
        settings.sites["demo"].by_hour = False
