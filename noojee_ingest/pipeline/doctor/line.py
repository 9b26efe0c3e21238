"""The line to the phone system, below its API: is it there, is it secure, what time does its server say."""

from __future__ import annotations

import http.client
import socket
import ssl
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from pathlib import Path
from urllib.parse import urlsplit

from requests.adapters import DEFAULT_CA_BUNDLE_PATH

from noojee_ingest import model
from noojee_ingest.pipeline.doctor.report import Check, Result

REACHABLE, SECURE = "reachable", "TLS"
SOON = timedelta(days=21)
"""A certificate that ends within this time is warned of."""

LOOPBACK = {"localhost", "127.0.0.1", "::1"}


@dataclass
class Line:
    """What is known of it so far. ``date``: the server's clock by an HTTP header and ours, both in UTC."""

    url: str
    ca_bundle: Path | None
    connect_timeout: float
    read_timeout: float
    is_there: bool = False
    date: tuple[datetime, datetime] | None = None


def examine_line(line: Line) -> Iterator[Check]:
    """Connect, greet, and ask for the time of the page at ``/``: no key is sent."""
    parts = urlsplit(line.url)
    host, port = parts.hostname or "", parts.port or (443 if parts.scheme == "https" else 80)
    began = time.monotonic()
    try:
        connection = socket.create_connection((host, port), line.connect_timeout)
    except OSError as error:
        told = f"{host}, port {port}: {_why(error)}"
        yield Check(REACHABLE, Result.FAILED, told, "Check the address, the name server, and firewalls on the way.")
        yield Check(SECURE, Result.SKIPPED, "nobody answers")
        return
    with connection:
        took = (time.monotonic() - began) * 1000
        yield Check(REACHABLE, Result.OK, f"{host}, port {port} took a connection within {took:.0f} ms")
        context = None
        if parts.scheme == "https":
            try:
                context = _context(line)
            except OSError as error:
                why = "holds no certificate" if isinstance(error, ssl.SSLError) else f"cannot be read: {_why(error)}"
                hint = "Put the certificates to trust into that file, as PEM."
                yield Check(SECURE, Result.FAILED, f"ca_bundle {why}: {line.ca_bundle}", hint)
                return
            try:
                told, result, hint = _greet(connection, host, context)
            except OSError as error:
                hint = "Check the certificate, `ca_bundle` in the settings, and that the port speaks HTTPS."
                yield Check(SECURE, Result.FAILED, f"no secure connection: {_why(error)}", hint)
                return
            yield Check(SECURE, result, told, hint)
        elif host in LOOPBACK:
            yield Check(SECURE, Result.OK, "plain HTTP, which never leaves this machine")
        else:
            told = "plain HTTP: all on the way can read the key and the recordings"
            yield Check(SECURE, Result.WARNING, told, "Ask the vendor for HTTPS; it is mandatory in current versions.")
    line.is_there = True
    line.date = _date(line, host, port, context)


def _context(line: Line) -> ssl.SSLContext:
    """Trusts whom the client trusts."""
    bundle = line.ca_bundle
    if bundle is not None and bundle.is_dir():
        return ssl.create_default_context(capath=str(bundle))
    return ssl.create_default_context(cafile=str(bundle or DEFAULT_CA_BUNDLE_PATH))


def _greet(connection: socket.socket, host: str, context: ssl.SSLContext) -> tuple[str, Result, str]:
    with context.wrap_socket(connection, server_hostname=host) as secure:
        version = secure.version() or "TLS"
        certificate = secure.getpeercert() or {}
    until = certificate.get("notAfter")
    if not isinstance(until, str):
        return version, Result.OK, ""
    end = datetime.fromtimestamp(ssl.cert_time_to_seconds(until), UTC)
    told = f"{version}, the certificate is good until {end:%Y-%m-%d}"
    if end - model.now_utc() < SOON:
        return told, Result.WARNING, "Have it renewed: on that day the nights end."
    return told, Result.OK, ""


def _date(line: Line, host: str, port: int, context: ssl.SSLContext | None) -> tuple[datetime, datetime] | None:
    connection: http.client.HTTPConnection
    if context is not None:
        connection = http.client.HTTPSConnection(host, port, timeout=line.read_timeout, context=context)
    else:
        connection = http.client.HTTPConnection(host, port, timeout=line.read_timeout)
    with suppress(OSError, http.client.HTTPException, ValueError, TypeError):
        try:
            connection.request("HEAD", "/")
            told = parsedate_to_datetime(connection.getresponse().headers["Date"])
            return told.astimezone(UTC), model.now_utc()
        finally:
            connection.close()
    return None


def _why(error: OSError) -> str:
    if isinstance(error, ssl.SSLCertVerificationError):
        return error.verify_message
    if isinstance(error, ssl.SSLError) and error.reason:
        return error.reason.lower().replace("_", " ")
    if isinstance(error, TimeoutError):
        return "no answer in time"
    return error.strerror or str(error) or type(error).__name__
