"""What is refused before anything is kept: a store that cannot be trusted, reached, or used."""

from __future__ import annotations

import logging
import re
import traceback
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import botocore.auth
import pytest

from noojee_ingest.storage import s3_proof
from noojee_ingest.storage.errors import StorageError, StoreReadOnly, StoreUnavailable
from noojee_ingest.storage.root import RootName, Stored
from noojee_ingest.storage.s3 import open_s3_root, open_s3_store
from noojee_ingest.storage.s3_options import Place, S3Options
from tests.integration.faulty_proxy import FaultyProxy, with_the_right_checksum, without_condition
from tests.integration.s3_server import OWNER, READER, STRANGER, Keys, S3Server, free_ports

OptionsMaker = Callable[..., S3Options]
SignIn = Callable[[Keys], None]
Put = Callable[..., Stored]


@pytest.fixture(autouse=True)
def nothing_proven(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each test is a new process, as far as the proof is concerned."""
    monkeypatch.setattr(s3_proof, "_proven", set())


@pytest.fixture
def html_server() -> Iterator[str]:
    """The address of a web server that has the same page for everything."""

    class Page(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            page = b"<html><body>Welcome</body></html>"
            self.rfile.read(int(self.headers.get("Content-Length", "0")))
            self.send_response(200)
            self.send_header("Content-Length", str(len(page)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(page)

        do_PUT = do_HEAD = do_GET  # noqa: N815

        def log_message(self, *_: object) -> None:
            """Says nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Page)
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


def test_opening_proves_the_store_once_in_a_process_and_leaves_one_object(
    s3_options: OptionsMaker, faulty_proxy: FaultyProxy, s3_server: S3Server, put: Put
) -> None:
    options = s3_options(endpoint=faulty_proxy.endpoint)
    store = open_s3_store(options)
    for root in (store.archive, store.evidence, store.lake, store.scratch):
        put(root, "x", b"sound")
    assert [listed.key for listed in store.scratch.list("proof/")] == ["proof/kept"]
    faulty_proxy.requests.clear()
    open_s3_store(options)
    assert [request.method for request in faulty_proxy.requests] == ["GET"]
    s3_proof._proven.clear()
    faulty_proxy.requests.clear()
    open_s3_store(options)
    assert [request.method for request in faulty_proxy.requests] == ["GET", "PUT", "PUT", "HEAD"]


def test_roots_in_buckets_of_their_own_are_asked_each(
    s3_options: OptionsMaker, faulty_proxy: FaultyProxy, put: Put
) -> None:
    buckets = {
        RootName.ARCHIVE: Place("locked", "archive"),
        RootName.EVIDENCE: Place("versioned", "opening/evidence"),
        RootName.LAKE: Place("plain", "opening/lake"),
        RootName.SCRATCH: Place("plain", "opening/scratch"),
    }
    store = open_s3_store(s3_options(places=buckets, endpoint=faulty_proxy.endpoint))
    assert sorted(request.path.split("?")[0] for request in faulty_proxy.asked("GET")) == [
        *("/locked", "/plain", "/versioned")
    ]
    assert put(store.archive, "x", b"sound").bucket == "locked"


def test_a_store_that_takes_a_wrong_checksum_is_refused(s3_options: OptionsMaker, faulty_proxy: FaultyProxy) -> None:
    options = s3_options(endpoint=faulty_proxy.endpoint)
    faulty_proxy.rewrite("PUT", with_the_right_checksum)
    for _ in range(2):  # also when the first try left its object there
        with pytest.raises(StoreUnavailable, match="it took bytes under a wrong SHA-256"):
            open_s3_store(options)


def test_a_store_that_overwrites_is_refused(s3_options: OptionsMaker, faulty_proxy: FaultyProxy) -> None:
    options = s3_options(endpoint=faulty_proxy.endpoint)
    faulty_proxy.rewrite("PUT", without_condition)
    for _ in range(2):
        with pytest.raises(StoreUnavailable, match="overwrites what it was asked only to create"):
            open_s3_store(options)


def test_a_store_that_was_refused_is_asked_again(s3_options: OptionsMaker, faulty_proxy: FaultyProxy) -> None:
    options = s3_options(endpoint=faulty_proxy.endpoint)
    faulty_proxy.rewrite("PUT", without_condition, times=3)
    with pytest.raises(StoreUnavailable):
        open_s3_store(options)
    open_s3_store(options)


def test_a_lost_answer_does_not_spoil_the_proof(s3_options: OptionsMaker, faulty_proxy: FaultyProxy) -> None:
    for _ in range(3):
        faulty_proxy.lose_answer("PUT", times=1)
        faulty_proxy.before("PUT", lambda: None)
    open_s3_store(s3_options(endpoint=faulty_proxy.endpoint))


def test_a_missing_bucket_is_named(s3_options: OptionsMaker) -> None:
    options = s3_options("never-made")
    with pytest.raises(StoreUnavailable, match=r"bucket never-made at .*NoSuchBucket.*create it, or correct its name"):
        open_s3_store(options)


def test_who_may_only_read_opens_to_read(
    s3_options: OptionsMaker, sign_in: SignIn, faulty_proxy: FaultyProxy, put: Put
) -> None:
    options = s3_options(endpoint=faulty_proxy.endpoint)
    put(open_s3_store(options).archive, "x", b"sound")
    s3_proof._proven.clear()
    sign_in(READER)
    faulty_proxy.requests.clear()
    archive = open_s3_root(options, RootName.ARCHIVE)
    assert faulty_proxy.asked("PUT") == []
    assert archive.head("x").size == 5
    with pytest.raises(StoreReadOnly, match="grant s3:PutObject"):
        put(archive, "y", b"sound")
    with pytest.raises(StoreReadOnly, match="grant s3:DeleteObject"):
        archive.withdraw("x", version_id="", decision="d1")
    with pytest.raises(StoreReadOnly):
        open_s3_store(options)


def test_a_root_that_is_opened_to_be_read_is_the_only_one_asked(
    s3_options: OptionsMaker, faulty_proxy: FaultyProxy
) -> None:
    buckets = {name: Place("never-made", name) for name in RootName} | {RootName.LAKE: Place("plain", "alone")}
    root = open_s3_root(s3_options(places=buckets, endpoint=faulty_proxy.endpoint), RootName.LAKE)
    assert [(request.method, request.path.split("?")[0]) for request in faulty_proxy.requests] == [("GET", "/plain")]
    assert list(root.list("")) == []


@pytest.mark.parametrize(
    ("keys", "said"),
    [
        pytest.param(STRANGER, "AccessDenied.*grant s3:GetObject", id="no permission"),
        pytest.param(replace(OWNER, secret="wrong"), "SignatureDoesNotMatch.*credentials are wrong", id="wrong secret"),
        pytest.param(Keys("AKIDNOBODY", "wrong"), "InvalidAccessKeyId.*credentials are wrong", id="unknown key"),
    ],
)
def test_credentials_that_do_not_do_are_told_apart(
    s3_options: OptionsMaker, sign_in: SignIn, keys: Keys, said: str
) -> None:
    options = s3_options()
    sign_in(keys)
    with pytest.raises(StoreUnavailable, match=said):
        open_s3_store(options)


def test_no_credentials_at_all_are_told(s3_options: OptionsMaker, monkeypatch: pytest.MonkeyPatch) -> None:
    options = s3_options()
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    with pytest.raises(StoreUnavailable, match="no usable credentials: set AWS_ACCESS_KEY_ID"):
        open_s3_store(options)


def test_a_profile_that_is_not_there_is_told(s3_options: OptionsMaker, monkeypatch: pytest.MonkeyPatch) -> None:
    options = s3_options()
    monkeypatch.setenv("AWS_PROFILE", "nobody")
    with pytest.raises(StoreUnavailable, match="no usable credentials"):
        open_s3_store(options)


def test_a_wrong_clock_is_told(s3_options: OptionsMaker, monkeypatch: pytest.MonkeyPatch) -> None:
    options = s3_options()
    now = botocore.auth.get_current_datetime
    monkeypatch.setattr(
        botocore.auth, "get_current_datetime", lambda *given, **named: now(*given, **named) - timedelta(hours=2)
    )
    with pytest.raises(StoreUnavailable, match=r"RequestTimeTooSkewed.*clock is wrong"):
        open_s3_store(options)


def test_nobody_at_the_address_is_told(s3_options: OptionsMaker) -> None:
    (port,) = free_ports(1)
    with pytest.raises(StoreUnavailable, match=rf"127.0.0.1:{port}: it cannot be reached: check the endpoint"):
        open_s3_store(s3_options(endpoint=f"http://127.0.0.1:{port}", attempts=2))


def test_a_web_server_is_no_store(s3_options: OptionsMaker, html_server: str) -> None:
    with pytest.raises(StoreUnavailable, match="what answered does not speak S3"):
        open_s3_store(s3_options(endpoint=html_server, attempts=2))


@pytest.mark.parametrize(
    ("status", "code"), [(301, "PermanentRedirect"), (400, "AuthorizationHeaderMalformed")], ids=["moved", "malformed"]
)
def test_a_wrong_region_is_told_with_the_right_one(
    s3_options: OptionsMaker, faulty_proxy: FaultyProxy, status: int, code: str
) -> None:
    for method in ("GET", "HEAD", "PUT"):
        faulty_proxy.answer(method, status, code, times=100, region="ap-southeast-2")
    with pytest.raises(StoreUnavailable, match="the region is wrong: set ap-southeast-2"):
        open_s3_store(s3_options(endpoint=faulty_proxy.endpoint, attempts=2))


def test_no_secret_is_logged_or_told(
    s3_options: OptionsMaker,
    faulty_proxy: FaultyProxy,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    put: Put,
) -> None:
    options = s3_options(endpoint=faulty_proxy.endpoint, attempts=2)
    caplog.set_level(logging.DEBUG)
    told: list[BaseException] = []
    faults: tuple[Callable[[], object], ...] = (
        lambda: None,
        lambda: faulty_proxy.answer("GET", 403, "SignatureDoesNotMatch"),
        lambda: faulty_proxy.cut_request("PUT", times=4),
        lambda: monkeypatch.setenv("AWS_SESSION_TOKEN", "session-token-of-the-tests"),  # which the server refuses
    )
    for number, fault in enumerate(faults):
        fault()
        try:
            put(open_s3_store(options).archive, f"x{number}", b"sound")
        except StorageError as error:
            told.append(error)
    text = caplog.text + "".join("".join(traceback.format_exception(error)) for error in told)
    assert len(told) == 3
    assert "urllib3" in text  # the libraries did have the word
    signatures = {
        signature
        for request in faulty_proxy.requests
        for signature in re.findall("Signature=([0-9a-f]+)", request.headers["authorization"])
    }
    assert len(signatures) > 3
    for secret in {OWNER.secret, "session-token-of-the-tests", "AWS4-HMAC-SHA256", *signatures}:
        assert secret not in text
    for error in told:
        assert error.__cause__ is None
        assert "botocore" not in str(type(error.__context__))
