"""``make run-production-demo``: config/production.example.toml archives a night of both its sites, on this machine.

An S3 server, PostgreSQL and two simulated phone systems stand in for the company's own; the example is pointed at them
by environment variables alone. All clocks start at the same time of the same night, whenever it is called: yesterday's
calls are over then, and the example's deadline is still to come. Then others read the result: DuckDB, psql, the AWS
command line. It ends with 0 only if they all see the same, and takes along all that it started, however it ends.
"""

from __future__ import annotations

import csv
import hashlib
import io
import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from noojee_ingest import simulator
from noojee_ingest.settings import Settings, load
from noojee_ingest.settings_store import S3Store
from noojee_ingest.storage.root import RootName
from tests.integration import postgres_server, s3_server
from tests.integration.postgres_server import BINARIES, PostgresServer
from tests.integration.s3_server import ANALYST, OWNER, S3Server

EXAMPLE = Path(__file__).parents[2] / "config" / "production.example.toml"
SCRIPTS = Path(sys.executable).parent
KEY = "5b0f2c1e-7a11-11ec-9d3c-00163e1a2b3c"  # of the simulated phone systems: it opens nothing
TROUBLES = {"melbourne": {"not_audio_legs": 2}, "perth": {}}
NOW = datetime.fromisoformat("2026-03-11T04:30:00+11:00")  # half past four in Melbourne, half past one in Perth
PROGRAM = """
import sys
from datetime import datetime
from noojee_ingest import model
from noojee_ingest.cli import main
from noojee_ingest.pipeline.phone import clock_from

model.now_utc = clock_from(datetime.fromisoformat(sys.argv.pop(1)))
main()
"""
"""The program, at a time that is told before its own arguments: it has no option for that, for nobody else needs it."""
AT_MOST = 120  # seconds for any one command


class NotSo(Exception):
    """What the demo wanted to show is not so."""


@dataclass
class Demo:
    """All is running. ``environment`` is that of the commands, ``database`` the catalogue as a reader sees it.

    Analysts have rights on the lake's bucket alone, and no API key.
    """

    folder: Path
    settings: Settings
    environment: dict[str, str]
    database: str
    endpoint: str
    began: float = field(default_factory=time.monotonic)

    def program(self, *words: str) -> tuple[str, ...]:
        """The command for ``noojee-ingest`` and its arguments, at the present time of the demo."""
        now = NOW + timedelta(seconds=time.monotonic() - self.began)
        return (sys.executable, "-c", PROGRAM, now.isoformat(), *words)

    @property
    def store(self) -> S3Store:
        assert isinstance(self.settings.store, S3Store)
        return self.settings.store

    @property
    def archive(self) -> str:
        return self.bucket(RootName.ARCHIVE)

    def bucket(self, root: RootName) -> str:
        return self.store.roots[root].bucket

    def run(
        self,
        *command: str,
        codes: tuple[int, ...] = (0,),
        show: bool = True,
        environment: dict[str, str] | None = None,
    ) -> str:
        """A command's output, printed below the command. Raises NotSo when it ends with another code."""
        if show:
            print(f"\n$ {told(command)}", flush=True)
        done = subprocess.run(
            command,
            env=environment or self.environment,
            cwd=self.folder,
            capture_output=True,
            text=True,
            timeout=AT_MOST,
            check=False,
        )
        if done.returncode not in codes:
            raise NotSo(f"{told(command)} ended with {done.returncode}:\n{done.stdout}{done.stderr}")
        if show:
            say(done.stdout)
        return done.stdout

    def aws(self, *words: str, **how: Any) -> str:
        return self.run(str(SCRIPTS / "aws"), *words, "--endpoint-url", self.endpoint, **how)

    def psql(self, statement: str, *options: str, **how: Any) -> str:
        return self.run(str(BINARIES / "psql"), self.database, "-X", *options, "-c", statement, **how)

    def sql(self, statement: str, *options: str, **how: Any) -> str:
        analysts = {name: text for name, text in self.environment.items() if not name.endswith("__API_KEY")}
        analysts |= {"AWS_ACCESS_KEY_ID": ANALYST.access, "AWS_SECRET_ACCESS_KEY": ANALYST.secret}
        return self.run(*self.program("sql", statement, *options), environment=analysts, **how)


def say(text: str) -> None:
    """Print what a command said, without the blanks that fill its tables."""
    for line in text.rstrip().splitlines():
        print(line.rstrip(), flush=True)


def told(command: tuple[str, ...]) -> str:
    """A command as a person would type it."""
    if PROGRAM in command:
        command = ("noojee-ingest", *command[command.index(PROGRAM) + 2 :])
    words = [Path(command[0]).name, *(f'"{word}"' if " " in word else word for word in command[1:])]
    return " ".join(words)


@contextmanager
def everything(folder: Path) -> Iterator[Demo]:
    """Start what a company has, and end it again."""
    with ExitStack() as stack:
        settings = load(EXAMPLE, {f"NOOJEE_INGEST_SITES__{slug.upper()}__API_KEY": KEY for slug in TROUBLES})
        (folder / "s3").mkdir()
        buckets = stack.enter_context(s3_server.running(folder / "s3"))
        make_buckets(buckets, settings)
        database = stack.enter_context(postgres_server.running())
        systems = {
            slug: stack.enter_context(
                simulator.start(
                    simulator.Scenario.clean(
                        zone=site.zone.key,
                        now=NOW,
                        days=1,
                        calls_a_day=60,
                        by_hour_interval=0.0,
                        **TROUBLES[slug],
                    ),
                    KEY,
                )
            )
            for slug, site in settings.sites.items()
        }
        yield Demo(
            folder=folder,
            settings=settings,
            environment=environment(folder, buckets, database, systems),
            database=database.url(user="reader"),
            endpoint=buckets.endpoint,
        )


def make_buckets(buckets: S3Server, settings: Settings) -> None:
    assert isinstance(settings.store, S3Store)
    for name, place in settings.store.roots.items():
        buckets.owner.create_bucket(Bucket=place.bucket, ObjectLockEnabledForBucket=name is RootName.ARCHIVE)


def environment(
    folder: Path, buckets: S3Server, database: PostgresServer, systems: dict[str, simulator.RunningSimulator]
) -> dict[str, str]:
    """That of this process, but for what would point anywhere else, and with what points here."""
    away = ("NOOJEE_INGEST_", "PREFECT_", "AWS_", "PG")
    here = {
        "STORE__ENDPOINT": buckets.endpoint,
        "STORE__PATH_STYLE": "true",
        "CATALOGUE__URL": database.url(user="writer"),
        "DATA": str(folder / "data"),
    }
    for slug, system in systems.items():
        here |= {f"SITES__{slug.upper()}__URL": system.url, f"SITES__{slug.upper()}__BY_HOUR_INTERVAL_SECONDS": "0.05"}
    print("config/production.example.toml is used as it is; these variables point it at this machine:")
    for name, value in here.items():
        print(f"  NOOJEE_INGEST_{name}={value}")
    print(f"All clocks start at {NOW:%H:%M on %Y-%m-%d} in Melbourne, so that it shows the same at any time of day.")
    print("The commands also get made-up API keys (NOOJEE_INGEST_SITES__…__API_KEY), the S3 server's AWS_ACCESS_KEY_ID")
    print("and AWS_SECRET_ACCESS_KEY, AWS_ and PG variables that keep out what is here, and NOOJEE_INGEST_CONFIG.")
    keys = {f"SITES__{slug.upper()}__API_KEY": KEY for slug in systems}
    return {
        **{name: text for name, text in os.environ.items() if not name.startswith(away)},
        **{f"NOOJEE_INGEST_{name}": text for name, text in {**here, **keys}.items()},
        "NOOJEE_INGEST_CONFIG": str(EXAMPLE),
        "AWS_ACCESS_KEY_ID": OWNER.access,
        "AWS_SECRET_ACCESS_KEY": OWNER.secret,
        "AWS_CONFIG_FILE": str(folder / "none"),
        "AWS_SHARED_CREDENTIALS_FILE": str(folder / "none"),
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_PAGER": "",
        "AWS_DEFAULT_REGION": "us-east-1",
        "PGOPTIONS": "-c search_path=noojee_ingest",
        "PAGER": "",
    }


def archive_both(demo: Demo) -> None:
    """The nights of both sites, side by side as their timers would start them."""
    print("\nBoth sites' nights, at once. Each starts a Prefect server of its own and ends it.", flush=True)
    with ExitStack() as stack:
        nights = {}
        for slug in demo.settings.sites:
            night = subprocess.Popen(
                demo.program("nightly", "--site", slug),
                env=demo.environment,
                cwd=demo.folder,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
            )
            stack.callback(end, night)
            nights[slug] = night
        for slug, night in nights.items():
            out, err = night.communicate(timeout=AT_MOST)
            if night.returncode not in (0, 3):
                raise NotSo(f"the night of {slug} ended with {night.returncode}:\n{out}{err}")
            hours = re.compile(r"^ +\d\d  ")
            lines = [line for line in out.partition("\nTry next")[0].splitlines() if not hours.match(line)]
            lines = [
                line for above, line in zip(["", *lines], lines, strict=False) if line.strip() or "──" not in above
            ]
            print(f"\n$ noojee-ingest nightly --site {slug}    (exit code {night.returncode}; its hours are left out)")
            say("\n".join(lines))
            if night.returncode:
                print(
                    f"3 is right: its phone system is made to have {told_troubles(slug)}, and status will say so, too."
                )


def told_troubles(slug: str) -> str:
    return ", ".join(f"{number} {what.replace('_', ' ')}" for what, number in TROUBLES[slug].items())


def end(process: subprocess.Popen[str]) -> None:
    """As its service would be ended."""
    if process.poll() is None:
        process.terminate()
        try:
            process.wait(30)
        except subprocess.TimeoutExpired:
            process.kill()
    process.communicate()


COUNTED = (
    "SELECT site, count(*) AS legs, count(content_sha256) AS archived, CAST(sum(content_size) AS bigint) AS bytes "
    "FROM legs GROUP BY site ORDER BY site"
)
ALLOWED = "GRANT USAGE ON SCHEMA noojee_ingest TO reader; GRANT SELECT ON legs, call_records TO reader"
CALLS = "SELECT site, count(*) AS calls FROM call_records GROUP BY site ORDER BY site"


def read_by_others(demo: Demo) -> None:
    """DuckDB over the Parquet in the bucket, psql on the views, and the AWS command line on the objects."""
    print("\nAnalysts ask the lake, in SQL over the Parquet in its bucket, the only one that they may read:")
    demo.sql(COUNTED)
    print("\nThe catalogue's owner lets a reader see its two views; who has psql then asks in the same words:")
    demo.run(str(BINARIES / "psql"), demo.environment["NOOJEE_INGEST_CATALOGUE__URL"], "-X", "-q", "-c", ALLOWED)
    demo.psql(COUNTED)
    lake = read_csv(demo.sql(COUNTED, "--csv", show=False)), read_csv(demo.sql(CALLS, "--csv", show=False))
    catalogue = (
        read_csv(demo.psql(COUNTED, "--csv", show=False)),
        read_csv(demo.psql(CALLS, "--csv", show=False)),
    )
    print("\nOperations look into the buckets:")
    demo.aws("s3", "ls", f"s3://{demo.bucket(RootName.LAKE)}/", "--recursive")
    objects = {slug: objects_of(demo, slug) for slug in demo.settings.sites}
    print(f"\nDo they agree?\n{'':25}{'catalogue':>12}{'lake':>12}{'bucket':>12}")
    for slug, in_bucket in objects.items():
        in_catalogue, in_lake = ({**one(legs, slug), **one(calls, slug)} for legs, calls in (catalogue, lake))
        for name, number in in_catalogue.items():
            print(f"  {slug:10} {name:12}{number:>12}{in_lake[name]:>12}{in_bucket.get(name, ''):>12}")
        if in_catalogue != in_lake:
            raise NotSo(f"catalogue and lake differ about {slug}")
        if in_bucket != {name: in_catalogue[name] for name in in_bucket}:
            raise NotSo(f"catalogue and bucket differ about {slug}")
        if in_bucket["archived"] == "0":
            raise NotSo(f"nothing is archived of {slug}")


def read_csv(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text)))


def one(rows: list[dict[str, str]], slug: str) -> dict[str, str]:
    (row,) = (row for row in rows if row["site"] == slug)
    return {name: value for name, value in row.items() if name != "site"}


def objects_of(demo: Demo, slug: str) -> dict[str, str]:
    """How many recordings of a site are in the bucket, and their bytes."""
    listed = demo.aws("s3", "ls", f"s3://{demo.archive}/audio/site={slug}/", "--recursive", show=False)
    sizes = [int(line.split()[2]) for line in listed.splitlines()]
    return {"archived": str(len(sizes)), "bytes": str(sum(sizes))}


def verify_one(demo: Demo) -> None:
    """A recording, fetched by the AWS command line, has the SHA-256 that the catalogue tells."""
    print("\nOne recording, by hand: what the catalogue says of it, what the store says, and what its bytes say.")
    wanted = "SELECT key, content_sha256 FROM legs WHERE content_sha256 IS NOT NULL ORDER BY leg_id LIMIT 1"
    (row,) = read_csv(demo.psql(wanted, "--csv"))
    head = json.loads(
        demo.aws(*("s3api", "head-object", "--bucket", demo.archive, "--key", row["key"], "--checksum-mode", "ENABLED"))
    )
    demo.aws("s3", "cp", f"s3://{demo.archive}/{row['key']}", "recording", "--no-progress")
    found = hashlib.sha256((demo.folder / "recording").read_bytes()).hexdigest()
    print(f"\nIts SHA-256 is {found}; the catalogue says {row['content_sha256']}.")
    if not found == row["content_sha256"] == head["Metadata"]["sha256"]:
        raise NotSo("the checksums differ")


def main() -> int:
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    began = time.monotonic()
    try:
        with tempfile.TemporaryDirectory(prefix="noojee-ingest-demo-") as folder:
            print("Starting an S3 server, PostgreSQL and two simulated phone systems ...", flush=True)
            with everything(Path(folder)) as demo:
                archive_both(demo)
                demo.run(*demo.program("status"), codes=(0, 3))
                read_by_others(demo)
                verify_one(demo)
    except (NotSo, subprocess.TimeoutExpired) as problem:
        print(f"\nThe demo failed: {problem}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nInterrupted; all that was started is ended.", file=sys.stderr)
        return 130
    print(f"\nAll of it is so: catalogue, lake and bucket agree. ({time.monotonic() - began:.0f} s)")
    return 0


if __name__ == "__main__":
    sys.exit(main())
