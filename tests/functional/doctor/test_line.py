"""The line to a phone system that speaks TLS."""

from __future__ import annotations

import ssl
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest

from noojee_ingest.pipeline.doctor import Check, Result
from noojee_ingest.pipeline.doctor.line import REACHABLE, SECURE, Line, examine_line
from tests.functional.certificates import make_certificate


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Callable[..., tuple[str, Path]]]:
    """``serve(days=100)``: the address of a web server with such a certificate, and that."""
    running: list[tuple[ThreadingHTTPServer, Thread]] = []

    class Page(BaseHTTPRequestHandler):
        def do_HEAD(self) -> None:
            self.send_response(404)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Says nothing."""

    class Server(ThreadingHTTPServer):
        def handle_error(self, *_: object) -> None:
            """A greeting that was broken off is the test's own doing."""

    def served(*, days: int) -> tuple[str, Path]:
        certificate = make_certificate(tmp_path / "certificate.pem", days=days)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate)
        server = Server(("127.0.0.1", 0), Page)
        server.socket = context.wrap_socket(server.socket, server_side=True)
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        running.append((server, thread))
        return f"https://127.0.0.1:{server.server_port}", certificate

    yield served
    for server, thread in running:
        server.shutdown()
        thread.join()
        server.server_close()


def look(url: str, bundle: Path | None) -> tuple[Line, dict[str, Check]]:
    line = Line(url, bundle, 5.0, 5.0)
    return line, {check.name: check for check in examine_line(line)}


def test_a_good_certificate_is_told_with_its_end(serve: Callable[..., tuple[str, Path]]) -> None:
    line, checks = look(*serve(days=100))
    end = datetime.now(UTC) + timedelta(days=100)
    assert checks[SECURE].result is Result.OK
    assert f"good until {end:%Y-%m-%d}" in checks[SECURE].told
    assert "TLSv1." in checks[SECURE].told
    assert line.is_there
    assert line.date is not None
    assert abs((line.date[0] - line.date[1]).total_seconds()) < 5


def test_a_certificate_that_ends_soon_is_warned_of(serve: Callable[..., tuple[str, Path]]) -> None:
    _, checks = look(*serve(days=5))
    assert checks[SECURE].result is Result.WARNING


@pytest.mark.parametrize("text", ["", "no certificate\n"])
def test_a_bundle_without_a_certificate_is_told_as_such(
    serve: Callable[..., tuple[str, Path]], tmp_path: Path, text: str
) -> None:
    url, _ = serve(days=100)
    bundle = tmp_path / "bundle.pem"
    bundle.write_text(text)
    line, checks = look(url, bundle)
    assert checks[REACHABLE].result is Result.OK
    assert checks[SECURE].result is Result.FAILED
    assert checks[SECURE].told == f"ca_bundle holds no certificate: {bundle}"
    assert "PEM" in checks[SECURE].hint
    assert not line.is_there


@pytest.mark.parametrize(("days", "trusted", "why"), [(100, False, "self-signed"), (-1, True, "expired")])
def test_a_certificate_that_is_not_good_is_told(
    serve: Callable[..., tuple[str, Path]], days: int, trusted: bool, why: str
) -> None:
    url, bundle = serve(days=days)
    line, checks = look(url, bundle if trusted else None)
    assert checks[REACHABLE].result is Result.OK
    assert checks[SECURE].result is Result.FAILED
    assert why in checks[SECURE].told
    assert not line.is_there
