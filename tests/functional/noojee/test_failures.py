"""Everything that can go wrong between us and a phone system, each with the error that is drawn for it."""

from __future__ import annotations

import socket
from collections.abc import Callable
from contextlib import ExitStack
from datetime import date
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from noojee_ingest.noojee import (
    AuthenticationFailed,
    BadAnswer,
    Busy,
    CutBody,
    Gone,
    Misconfigured,
    Noojee,
    NoojeeError,
    NotFound,
    Redirected,
    Refused,
    ServerFault,
    TimedOut,
    Unreachable,
    session,
)

DAY = date(2026, 11, 22)
HTML = "<!DOCTYPE html><html><body>404 apiKey</body></html>"

Client = Callable[..., Noojee]


def templates(noojee: Noojee) -> object:
    return noojee.campaigns.templates()


def by_hour(noojee: Noojee) -> object:
    return noojee.recordings.by_hour(DAY, 3)


def audio(noojee: Noojee) -> object:
    with noojee.recordings.audio_by_call_record_id("200417", "1") as stream:
        return b"".join(stream)


every_kind = pytest.mark.parametrize("ask", [templates, by_hour, audio])
every_list = pytest.mark.parametrize("ask", [templates, by_hour])


@every_kind
@pytest.mark.parametrize(
    ("status", "body", "error"),
    [
        (400, '{"code":102,"message":"NO_PHONE_FIELDS"}', Refused),
        (400, '{"Code":-1,"Message":"Invalid apiKey"}', AuthenticationFailed),
        (400, '{"code":-1,"message":"too many requests"}', Busy),
        (400, HTML, Refused),
        (401, '{"code":-1,"message":"Invalid apiKey"}', AuthenticationFailed),
        (401, "", AuthenticationFailed),
        (403, HTML, AuthenticationFailed),
        (404, HTML, NotFound),
        (404, '{"Code":-1,"Message":"Invalid apiKey"}', NotFound),
        (405, "", Refused),
        (408, "", TimedOut),
        (410, "", Gone),
        (418, "", Refused),
        (429, "", Busy),
        (429, HTML, Busy),
        (500, '{"code":103,"message":"EXCEPTION"}', ServerFault),
        (500, HTML, ServerFault),
        (502, "", ServerFault),
        (503, "", Busy),
        (504, "", ServerFault),
        (302, "", Redirected),
        (304, "", Redirected),
    ],
)
def test_a_status_becomes_its_error(
    *, phone: Any, client: Client, ask: Callable[[Noojee], object], status: int, body: str, error: type[NoojeeError]
) -> None:
    phone.answers(body, status=status, promise=None, cut=10**9)

    with pytest.raises(error) as caught:
        ask(client())

    assert type(caught.value) is error
    assert f"HTTP {status}" in str(caught.value)


@every_list
@pytest.mark.parametrize(
    ("body", "error"),
    [
        ('{"Code":-1,"Message":"Invalid apiKey"}', AuthenticationFailed),
        ('{"code":-1,"message":"no permission for campaigns"}', AuthenticationFailed),
        ('{"Message":"Wrong hash","Code":-1}', AuthenticationFailed),
        ('{"Code":-5,"Message":"Unknown channel"}', Refused),
        ('{"code":-1}', Refused),
        ('{"code":-1,"entities":[{"id":1}]}', Refused),
        ('{"Code":-1,"Message":"Only one request a minute"}', Busy),
        ("", BadAnswer),
        (HTML, BadAnswer),
        ("OK", BadAnswer),
        ("{}", BadAnswer),
        ('[{"id":1}', BadAnswer),
        ('{"code":7,"message":"odd"}', BadAnswer),
        ('{"code":0,"entities":"none"}', BadAnswer),
    ],
)
def test_an_error_with_status_200_is_an_error_all_the_same(
    phone: Any, client: Client, ask: Callable[[Noojee], object], body: str, error: type[NoojeeError]
) -> None:
    phone.answers(body)

    with pytest.raises(error) as caught:
        ask(client())

    assert type(caught.value) is error


def test_meta_data_that_is_an_object_with_code_zero_is_not_taken_for_no_recordings(phone: Any, client: Client) -> None:
    phone.answers('{"Code":0,"Message":"OK"}')

    with pytest.raises(BadAnswer, match="no list"):
        by_hour(client())


@pytest.mark.parametrize(
    "body",
    ['{"Code":-1,"Message":"Invalid apiKey"}', ' \n{"code":-1,"message":"not authenticated"}'],
)
@pytest.mark.parametrize("drop", [1, 1000])
def test_an_audio_answer_that_denies_the_key_is_no_evidence_but_an_error(
    phone: Any, client: Client, body: str, drop: int
) -> None:
    phone.answers(body, drop=drop, headers={"Content-Type": "audio/x-wav"})

    with pytest.raises(AuthenticationFailed):
        audio(client())


def test_an_error_says_what_was_done_to_what_and_what_to_do(phone: Any, client: Client) -> None:
    phone.answers("", status=404)

    with pytest.raises(NotFound) as caught:
        audio(client())

    assert str(caught.value).startswith("Could not fetch audio (call record id 200417, leg 1): ")
    assert str(caught.value).endswith("see the contract.")
    with pytest.raises(NotFound, match=r"Could not list recordings by hour \(2026-11-22, hour 3\): "):
        by_hour(client())


def test_the_phone_systems_own_words_are_told(phone: Any, client: Client) -> None:
    phone.answers('{"code":102,"message":"NO_PHONE_FIELDS"}', status=400)

    with pytest.raises(Refused) as caught:
        templates(client())

    assert (caught.value.status, caught.value.code) == (400, 102)
    assert "'NO_PHONE_FIELDS'" in str(caught.value)


@every_kind
@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_no_redirect_is_followed_because_the_key_would_travel(
    phone: Any,
    start_phone: Callable[..., Any],
    client: Client,
    ask: Callable[[Noojee], object],
    status: int,
) -> None:
    other = start_phone().answers("[]")
    phone.answers("", status=status, headers={"Location": f"{other.url}/login?from=x"})

    with pytest.raises(BadAnswer, match=f"redirects to {other.url} "):
        ask(client())

    assert other.asked == []
    assert len(phone.asked) == 1


def test_the_body_of_a_redirect_is_not_read_without_end(phone: Any, client: Client) -> None:
    phone.answers(b"x" * 3_000_000, status=302, headers={"Location": "/here"})

    with pytest.raises(BadAnswer, match="redirects"):
        templates(client())


@every_kind
def test_nobody_listening_is_unreachable(client: Client, ask: Callable[[Noojee], object]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as gone:
        port = gone.getsockname()[1]

    with pytest.raises(Unreachable, match=f"127.0.0.1:{port} refused"):
        ask(client(f"http://127.0.0.1:{port}"))


def test_an_unknown_name_is_told_apart(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(*_: object, **__: object) -> None:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)

    with pytest.raises(Unreachable, match=r"the name pbx\.example is not known\. Check the spelling"):
        templates(client("https://pbx.example"))


def test_a_host_that_accepts_nothing_times_out(client: Client) -> None:
    with socket.socket() as full, ExitStack() as stack:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        for _ in range(4):
            waiting = stack.enter_context(socket.socket())
            waiting.setblocking(False)
            waiting.connect_ex(full.getsockname())

        with pytest.raises(TimedOut, match=r"accepted no connection within 0\.2 s"):
            templates(client(f"http://127.0.0.1:{full.getsockname()[1]}", connect_timeout=0.2))


@every_kind
def test_silence_times_out(phone: Any, client: Client, ask: Callable[[Noojee], object]) -> None:
    phone.answers("", hang=True)

    with pytest.raises(TimedOut, match=r"did not answer within 0\.1 s"):
        ask(client(read_timeout=0.1))


@every_kind
def test_silence_within_a_body_times_out(phone: Any, client: Client, ask: Callable[[Noojee], object]) -> None:
    phone.answers(b"[" * 1000, cut=500, hang=True)

    with pytest.raises(TimedOut, match="stopped after 500 bytes"):
        ask(client(read_timeout=0.1))


@every_kind
def test_a_body_that_only_drips_times_out(phone: Any, client: Client, ask: Callable[[Noojee], object]) -> None:
    phone.answers(b"[" * 100_000, drop=1, every=0.01)

    with pytest.raises(TimedOut, match="slower than 1000 bytes per second"):
        ask(client(read_timeout=0.1))


@every_kind
@pytest.mark.parametrize("raw", [b"", b"\x16\x03\x01\x02\x00", b"GARBAGE\r\n\r\n"])
def test_a_connection_closed_before_an_answer_is_unreachable(
    phone: Any, client: Client, ask: Callable[[Noojee], object], raw: bytes
) -> None:
    phone.answers(raw=raw)

    with pytest.raises(Unreachable, match="closed the connection before it answered"):
        ask(client())


@every_kind
@pytest.mark.parametrize(
    "manner",
    [{}, {"reset": True}, {"chunked": True}, {"chunked": True, "reset": True}],
    ids=str,
)
def test_a_cut_body_is_told(
    phone: Any, client: Client, ask: Callable[[Noojee], object], manner: dict[str, Any]
) -> None:
    phone.answers(b"[" * 1000, cut=500, **manner)

    with pytest.raises(CutBody) as caught:
        ask(client())

    assert caught.value.received <= 500
    assert caught.value.expected == (None if "chunked" in manner else 1000)


@every_kind
@pytest.mark.parametrize("raw", [b"HTTP/1.1 200", b"HTTP/1.1 200 OK\r\nContent-Le", b"HTTP/1.1 200 OK\r\n\r\n"])
def test_an_answer_cut_before_its_body_is_not_an_empty_one(
    phone: Any, client: Client, ask: Callable[[Noojee], object], raw: bytes
) -> None:
    phone.answers(raw=raw)

    with pytest.raises(CutBody, match="cut after 0 bytes"):
        ask(client())


@every_kind
def test_a_status_counts_even_if_its_body_is_cut(phone: Any, client: Client, ask: Callable[[Noojee], object]) -> None:
    phone.answers(b"gone and", promise="100", status=410)

    with pytest.raises(Gone):
        ask(client())


def test_a_body_cut_at_a_point_where_it_is_sound_json_is_told_all_the_same(phone: Any, client: Client) -> None:
    phone.answers(b'[{"id":1}]  ', cut=10)

    with pytest.raises(CutBody, match="cut after 10 of 12 bytes"):
        templates(client())


@every_kind
def test_headers_without_end_are_not_sound_http(phone: Any, client: Client, ask: Callable[[Noojee], object]) -> None:
    phone.answers(raw=b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 1000 + b"\r\n[]")

    with pytest.raises(NoojeeError):
        ask(client())


@every_kind
def test_two_lengths_are_not_sound_http(phone: Any, client: Client, ask: Callable[[Noojee], object]) -> None:
    phone.answers(raw=b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\n[]")

    with pytest.raises((BadAnswer, CutBody)):
        ask(client())


def test_an_answer_larger_than_the_limit_is_not_kept(
    phone: Any, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(session, "LARGEST_ANSWER", 1000)
    phone.answers(b"[" + b" " * 998 + b"]", b"[" + b" " * 999 + b"]", b"[" + b" " * 10_000_000, chunked=True)
    noojee = client()

    assert noojee.campaigns.templates().entries == ()
    for _ in range(2):
        with pytest.raises(BadAnswer, match="larger than 1000 bytes"):
            templates(noojee)


@every_kind
def test_an_encoded_answer_is_not_taken(phone: Any, client: Client, ask: Callable[[Noojee], object]) -> None:
    phone.answers(b"\x1f\x8b\x08\x00", headers={"Content-Encoding": "gzip"})

    with pytest.raises(BadAnswer, match="encoded"):
        ask(client())


@pytest.mark.parametrize(
    "url",
    [
        "", "pbx.example", "ftp://pbx.example", "https://", "https://user:pw@pbx.example", "https://pbx.example/?a=b",
        "https://pbx.example/#x", "https://pbx.example:port", "https://[::1", "https://pbx.example:0",
    ],
)  # fmt: skip
def test_an_address_that_cannot_work_is_refused_at_once(url: str) -> None:
    with pytest.raises(Misconfigured, match="address"):
        Noojee(url, "5b0f2c1e", zone=ZoneInfo("Australia/Melbourne"))


@pytest.mark.parametrize("key", ["5b0f2c1e\n", "5b 0f", "schlüssel", "a\0b"])
def test_a_key_that_cannot_work_is_refused_without_being_told(client: Client, key: str) -> None:
    with pytest.raises(Misconfigured, match="API key") as caught:
        client(key=key)

    assert key not in str(caught.value)


def test_a_missing_ca_bundle_is_refused_at_once(client: Client, tmp_path: Path) -> None:
    with pytest.raises(Misconfigured, match=r"none\.pem does not exist"):
        client("https://127.0.0.1:9", ca_bundle=tmp_path / "none.pem")
