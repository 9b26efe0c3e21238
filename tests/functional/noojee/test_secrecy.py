"""The key is in no log line, no exception and no text that is kept, and TLS is checked."""

from __future__ import annotations

import hashlib
import logging
import ssl
import threading
import traceback
from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from requests.adapters import HTTPAdapter

from noojee_ingest.noojee import AuthenticationMethod, Interrupted, Lead, Noojee, NoojeeError, Patience, Unreachable
from tests.functional.certificates import make_certificate
from tests.functional.conftest import KEY
from tests.functional.noojee.conftest import Reply

DAY = date(2026, 11, 22)

Client = Callable[..., Noojee]
TIME = "/servicemanager/rest/Time"


def ask_everything(noojee: Noojee) -> Iterator[NoojeeError]:
    """Every method once; yields what went wrong."""
    questions: list[Callable[[], object]] = [
        noojee.campaigns.templates,
        lambda: noojee.campaigns.campaigns("12"),
        lambda: noojee.campaigns.allocations("34"),
        lambda: noojee.campaigns.call_records("12", "34", "56"),
        lambda: noojee.recordings.by_hour(DAY, 3),
        lambda: noojee.recordings.by_unique_id("1700000123.7"),
        lambda: fetch(noojee.recordings.audio_by_call_record_id("200417", "1")),
        lambda: fetch(noojee.recordings.audio_by_unique_id("1700000123.7", "1")),
        lambda: fetch(noojee.recordings.audio_by_tag("INV-77", "1")),
        lambda: noojee.recordings.by_tag("INV-77"),
        lambda: noojee.recordings.start("205"),
        lambda: noojee.recordings.stop("205"),
        lambda: noojee.recordings.tag("205", "INV-77"),
        lambda: noojee.calls.dial("210", "205"),
        lambda: noojee.calls.state(["205"]),
        lambda: noojee.calls.hangup("205"),
        lambda: noojee.calls.answer("1.7", "205", auto_answer="x"),
        lambda: next(noojee.calls.watch(["205"], timeout=1.0)),
        lambda: noojee.campaigns.dispositions("12"),
        lambda: noojee.campaigns.fields("12"),
        lambda: noojee.leads.save(Lead("12", "34", "56")),
        lambda: noojee.leads.update(Lead("12", "34", "56", "A-100", disposition="Sale")),
        lambda: noojee.site.rosters("night"),
        noojee.site.health,
        noojee.server_time,
    ]
    for question in questions:
        try:
            question()
        except StopIteration:
            pass
        except NoojeeError as failure:
            yield failure


def fetch(asked: Any) -> bytes:
    with asked as stream:
        return b"".join(stream)


def told_by(failure: BaseException) -> str:
    """All that can be read off an exception: itself, its attributes, and whatever hangs on it."""
    texts = []
    hanging: list[BaseException | None] = [failure]
    while hanging:
        each = hanging.pop()
        if each is not None:
            texts += [str(each), repr(each), repr(each.args), repr(vars(each))]
            hanging += [each.__cause__, each.__context__]
    return "\n".join([*texts, *traceback.format_exception(failure)])


BAD = {
    "unreachable": {"raw": b""},
    "not sound HTTP": {"raw": b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\n[]"},
    "odd headers": {"raw": b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nno colon here\r\nX: y\r\n\r\n[]"},
    "cut": {"body": "[" * 100, "cut": 10},
    "cut chunk": {"body": "[" * 100, "cut": 10, "chunked": True},
    "silent": {"hang": True},
    "silent within": {"body": "[" * 100, "cut": 10, "hang": True},
    "refused": {"body": f'{{"Code":-1,"Message":"no such thing for apiKey={KEY}"}}'},
    "denied": {"body": f'{{"code":-1,"message":"Invalid apiKey {KEY}"}}', "status": 401},
    "page": {"body": f"<html>Not allowed: ?apiKey={KEY}</html>"},
    "page with 400": {"body": f"<html>Not allowed: ?apiKey={KEY}</html>", "status": 400},
    "redirect": {"status": 302, "headers": {"Location": f"https://{KEY}.example/?apiKey={KEY}"}},
    "busy": {"status": 429, "headers": {"Retry-After": KEY}},
    "fault": {"body": f'{{"code":103,"message":"EXCEPTION {KEY}"}}', "status": 500},
    "warning": {"body": f'{{"code":3,"message":"mind {KEY}","entities":[],"seq":1,"Data":{{"205":[{{}}]}}}}'},
    "refused at length": {"body": f'{{"Code":-5,"Message":"{"x" * 265}{KEY}"}}', "status": 400},
    "failed at length": {"body": f'{{"Code":-5,"Message":"{"x" * 265}{KEY}"}}', "status": 500},
    "fine": {"body": "[]"},
}


@pytest.mark.parametrize("bad", BAD)
def test_the_key_is_in_no_log_line_and_no_exception(
    phone: Any, client: Client, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch, bad: str
) -> None:
    caplog.set_level(logging.DEBUG)
    monkeypatch.setattr(logging, "raiseExceptions", True)
    manner = dict(BAD[bad])
    phone.answers(manner.pop("body", ""), **manner)
    seconds = 0.1 if bad.startswith("silent") else 10.0
    monkeypatch.setattr("noojee_ingest.noojee.leads.LONGEST_QUEUE", seconds)
    monkeypatch.setattr("noojee_ingest.noojee.calls.POLL_MARGIN", seconds - 10.0 or 1.0)
    monkeypatch.setattr("noojee_ingest.noojee.watching.POLL_MARGIN", seconds)
    noojee = client(read_timeout=seconds, patience=Patience(tries=2))

    failures = list(ask_everything(noojee))

    assert len(noojee.requests_made) == 27 - 2  # all but the old generation of leads
    assert all(dict(asked.query)["apiKey"] == KEY for asked in phone.asked if asked.path != TIME)
    assert all(asked.query == [] for asked in phone.asked if asked.path == TIME)
    assert all(KEY[:12] not in told_by(failure) for failure in failures)
    assert KEY[:12] not in caplog.text
    assert all(failure.__cause__ is None and failure.__context__ is None for failure in failures)
    written = [logging.Formatter().format(record) for record in caplog.records]
    assert any(record.name.startswith("urllib3") for record in caplog.records)
    assert not [line for line in written if KEY in line]
    assert not [record for record in caplog.records if KEY in repr(vars(record))]
    assert KEY not in repr(noojee) + repr(vars(noojee))


@pytest.mark.parametrize("bad", BAD)
def test_neither_key_nor_hash_is_in_a_log_line_or_an_exception(
    phone: Any, client: Client, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch, bad: str
) -> None:
    caplog.set_level(logging.DEBUG)
    stamp = "1500000000123"
    proof = hashlib.sha256(f"{KEY}:{stamp}".encode()).hexdigest()
    manner = {
        name: value.replace(KEY, proof) if isinstance(value, str) else value for name, value in dict(BAD[bad]).items()
    }
    phone.answers(manner.pop("body", ""), **manner)
    phone.at[TIME] = Reply(body=stamp.encode())
    seconds = 0.1 if bad.startswith("silent") else 10.0
    monkeypatch.setattr("noojee_ingest.noojee.leads.LONGEST_QUEUE", seconds)
    monkeypatch.setattr("noojee_ingest.noojee.calls.POLL_MARGIN", seconds - 10.0 or 1.0)
    monkeypatch.setattr("noojee_ingest.noojee.watching.POLL_MARGIN", seconds)
    noojee = client(
        read_timeout=seconds,
        patience=Patience(tries=2),
        method=AuthenticationMethod.HASH,
    )

    failures = list(ask_everything(noojee))

    assert all(dict(asked.query)["hash"] == proof for asked in phone.asked if asked.path != TIME)
    for secret in (KEY[:12], proof[:12], proof.upper()[:12]):
        assert all(secret not in told_by(failure) for failure in failures)
        assert not [record for record in caplog.records if secret in repr(vars(record))]
        assert secret not in caplog.text
        assert secret not in repr(noojee) + repr(vars(noojee))
    assert bad != "fine" or f"timeStamp={stamp}&hash=***" in caplog.text


def test_a_hash_that_the_phone_system_repeats_is_in_no_entry(phone: Any, client: Client) -> None:
    proof = hashlib.sha256(f"{KEY}:1500000000123".encode()).hexdigest()
    phone.at[TIME] = Reply(body=b"1500000000123")
    phone.answers(f'[{{"CallRecordId":"1","Tag":"{proof}"}},{{"CallRecordId":"1","Tag":"{proof.upper()}"}}]')

    answer = client(method=AuthenticationMethod.HASH).recordings.by_unique_id("1")

    assert [entry.tag for entry in answer.entries] == ["*" * 64] * 2


def test_without_the_redaction_urllib3_would_tell_it(
    phone: Any, client: Client, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    phone.answers("[]")
    noojee = client()
    noojee._session._redaction.remove()

    noojee.campaigns.templates()

    assert KEY in caplog.text


def test_a_key_that_must_be_quoted_is_hidden_in_its_quoted_form_too(
    phone: Any, client: Client, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    phone.answers("", status=500)

    list(ask_everything(client(key="a+b/c&d-0123456789")))

    assert "a+b/c&d-0123456789" not in caplog.text
    assert "a%2Bb" not in caplog.text
    assert "apiKey=***" in caplog.text


def test_two_clients_hide_their_keys_side_by_side(phone: Any, client: Client, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    phone.answers("[]")
    one, other = client(), client(key="second-key-0123456789")

    one.campaigns.templates()
    other.campaigns.templates()
    other.close()
    one.campaigns.templates()

    assert KEY not in caplog.text
    assert "second-key" not in caplog.text


def test_the_key_is_in_no_entry_even_if_the_phone_system_repeats_it(phone: Any, client: Client) -> None:
    phone.answers(f'[{{"CallRecordId":"1","Tag":"{KEY}"}},"{KEY}"]')

    answer = client().recordings.by_unique_id("1")

    assert KEY not in repr(answer)
    assert answer.entries[0].tag == "*" * len(KEY)


def test_the_key_is_in_no_page_that_is_handed_out_as_evidence(phone: Any, client: Client) -> None:
    page = f"<html>No access: {KEY}</html>"
    phone.answers(page)

    came = fetch(client().recordings.audio_by_call_record_id("200417", "1"))

    assert came == page.replace(KEY, "*" * len(KEY)).encode()


def test_a_transport_of_the_callers_sends_with_the_key_and_our_retries_go_through_it(
    phone: Any, client: Client
) -> None:
    class Counting(HTTPAdapter):
        sent = 0

        def send(self, request: Any, *args: Any, **kwargs: Any) -> Any:
            self.sent += 1
            return super().send(request, *args, **kwargs)

    transport = Counting()
    phone.answers("", status=500).answers("[]")

    client(transport=transport).campaigns.templates()

    assert transport.sent == 2
    assert phone.asked[0].query[0] == ("apiKey", KEY)


@pytest.fixture
def certificate(tmp_path: Path) -> Path:
    return make_certificate(tmp_path / "phone-system.pem", days=1)


@pytest.fixture
def secure(start_phone: Callable[..., Any], certificate: Path) -> Any:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    return start_phone(tls=context).answers("[]")


def test_a_certificate_that_nobody_signed_is_refused(secure: Any, client: Client) -> None:
    with pytest.raises(Unreachable, match=r"no secure connection .*self.signed certificate.*CA bundle") as caught:
        client(secure.url).campaigns.templates()

    assert secure.asked == []
    assert KEY not in told_by(caught.value)


def test_a_certificate_in_the_ca_bundle_is_accepted(secure: Any, client: Client, certificate: Path) -> None:
    client(secure.url, ca_bundle=certificate).campaigns.templates()

    assert len(secure.asked) == 1


def test_a_secure_request_that_hangs_ends_at_once_when_aborted(
    start_phone: Callable[..., Any], client: Client, certificate: Path
) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    silent = start_phone(tls=context).answers("", hang=True)
    stop = threading.Event()
    noojee = client(silent.url, ca_bundle=certificate, stop=stop, read_timeout=3600.0)

    def end() -> None:
        stop.set()
        noojee.abort()

    threading.Timer(0.3, end).start()

    with pytest.raises(Interrupted):
        noojee.campaigns.templates()


def test_plain_http_where_https_is_expected_is_told_as_a_matter_of_tls(phone: Any, client: Client) -> None:
    phone.answers("[]")

    with pytest.raises(Unreachable, match="no secure connection"):
        client(phone.url.replace("http", "https")).campaigns.templates()


def test_plain_http_to_another_machine_is_warned_of(client: Client, caplog: pytest.LogCaptureFixture) -> None:
    client("http://pbx.example")
    assert "plain HTTP" in caplog.text
    caplog.clear()
    client("https://pbx.example")
    assert caplog.text == ""
