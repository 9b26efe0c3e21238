"""A real S3 server (SeaweedFS) on loopback, for as long as the tests need it."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sysconfig
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

WEED = Path(sysconfig.get_path("scripts")) / "weed"


@dataclass(frozen=True)
class Keys:
    """An account of the server."""

    access: str
    secret: str


OWNER = Keys("AKIDOWNER", "owner-secret-of-the-tests-0123456789")
READER = Keys("AKIDREADER", "reader-secret-of-the-tests-0123456789")
STRANGER = Keys("AKIDSTRANGER", "stranger-secret-of-the-tests-0123456789")
ANALYST = Keys("AKIDANALYST", "analyst-secret-of-the-tests-0123456789")  # of these lakes, and nothing else
ANALYSTS_BUCKET = "of-analysts"
PRODUCTION_LAKE = "acme-calls-lake"  # in config/production.example.toml
ARCHIVIST = Keys("AKIDARCHIVIST", "archivist-secret-of-the-tests-0123456789")  # who may read all, and write to some
WRITTEN_BY_ARCHIVIST = "night-"  # so the names begin
_ACTIONS = {
    OWNER: ["Admin", "Read", "Write", "List", "Tagging"],
    READER: ["Read", "List"],
    STRANGER: ["Read:nothing"],
    ANALYST: [f"{act}:{bucket}" for act in ("Read", "List") for bucket in (ANALYSTS_BUCKET, PRODUCTION_LAKE)],
    ARCHIVIST: ["Read", "List", f"Write:{WRITTEN_BY_ARCHIVIST}*"],
}


@dataclass(frozen=True)
class S3Server:
    """Running. ``owner`` is a bare boto3 client for looking at what is really there."""

    port: int
    owner: Any

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def versions(self, bucket: str, prefix: str = "") -> list[tuple[str, str]]:
        """Key and version id of every version, then of every delete marker."""
        answer = self.owner.list_object_versions(Bucket=bucket, Prefix=prefix)
        lines = [*answer.get("Versions", ()), *answer.get("DeleteMarkers", ())]
        return [(line["Key"], line["VersionId"]) for line in lines]


def client(endpoint: str, keys: Keys) -> Any:
    return boto3.client(
        "s3",
        endpoint_url=endpoint,
        aws_access_key_id=keys.access,
        aws_secret_access_key=keys.secret,
        region_name="us-east-1",
        config=Config(s3={"addressing_style": "path"}),
    )


def free_ports(count: int) -> list[int]:
    with ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in sockets]


@contextmanager
def running(folder: Path) -> Iterator[S3Server]:
    """Starts a server that keeps its data in ``folder``, waits until it stores, and ends it."""
    accounts = [
        {"name": keys.access, "credentials": [{"accessKey": keys.access, "secretKey": keys.secret}], "actions": actions}
        for keys, actions in _ACTIONS.items()
    ]
    (folder / "accounts.json").write_text(json.dumps({"identities": accounts}))
    (folder / "data").mkdir()
    ports = dict(zip(("master", "volume", "filer", "s3"), zip(*[iter(free_ports(8))] * 2, strict=True), strict=True))
    command = [
        *(WEED, "server", f"-dir={folder}/data", "-ip=127.0.0.1", "-ip.bind=127.0.0.1"),
        *(f"-{part}.port={port}" for part, (port, _) in ports.items()),
        *(f"-{part}.port.grpc={port}" for part, (_, port) in ports.items()),
        *("-filer", "-s3", f"-s3.config={folder}/accounts.json", "-s3.autoCreateBucket=false"),
        *("-s3.port.iceberg=0", "-s3.port.lance=0", "-master.telemetry=false"),
        *("-master.volumeSizeLimitMB=64", "-volume.max=1000", "-volume.preStopSeconds=0"),
    ]
    with (folder / "log").open("wb") as log:
        environment = {**os.environ, "WEED_S3_SSE_KEK_PASSPHRASE": "of the tests"}  # SSE-S3 needs one
        process = subprocess.Popen(command, cwd=folder, stdout=log, stderr=subprocess.STDOUT, env=environment)
        try:
            port = ports["s3"][0]
            server = S3Server(port, client(f"http://127.0.0.1:{port}", OWNER))
            _wait(server, process, folder / "log")
            yield server
        finally:
            process.kill()  # nothing of it is needed again, and it takes its time to stop
            process.wait()
            for part, (port, grpc_port) in ports.items():  # its sockets always lie there
                Path(f"/tmp/seaweedfs-{part}-{port}.sock").unlink(missing_ok=True)
                Path(f"/tmp/seaweedfs-{part}-grpc-{grpc_port}.sock").unlink(missing_ok=True)


def _wait(server: S3Server, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + 60
    while True:
        try:
            server.owner.create_bucket(Bucket="first")
            server.owner.put_object(Bucket="first", Key="first", Body=b"first")
        except (BotoCoreError, ClientError) as error:
            ended = process.poll() is not None
            if ended or time.monotonic() > deadline:
                tail = log.read_text(errors="replace")[-2000:]
                raise RuntimeError(f"the S3 server did not start ({error}):\n{tail}") from None
            time.sleep(0.2)
        else:
            return
