"""The one S3 client of a store, and what its troubles come down to.

Nothing of boto3's own errors goes further than this module: they hold the whole exchange, signatures and access key
among it. What is left is a ``Refusal`` (the store answered) or a ``NoAnswer``.
"""

from __future__ import annotations

import logging
import random
import re
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

import boto3
import botocore.exceptions as boto
import urllib3
from botocore.config import Config
from botocore.parsers import ResponseParserError

from noojee_ingest.storage.s3_options import S3Options

if TYPE_CHECKING:
    from mypy_boto3_s3.client import S3Client

_REGION_OF_COMPATIBLE_STORES = "us-east-1"  # signed, and looked at by hardly any of them
_WORD = re.compile(r"[A-Za-z0-9._-]{1,64}")
SPEAKS_NO_S3 = "what answered does not speak S3: check the endpoint"
_LOST = (boto.HTTPClientError, boto.IncompleteReadError, urllib3.exceptions.HTTPError)
_PASSING = {429, 500, 502, 503, 504}  # statuses; 503 is SlowDown
_FIRST_PAUSE, _LONGEST_PAUSE = 0.2, 10.0  # seconds at most; 8 attempts wait for 23 s, so that a stop is not held up
_HINTS: tuple[tuple[type[Exception] | tuple[type[Exception], ...], str], ...] = (  # the first that fits
    (
        (
            boto.NoCredentialsError,
            boto.PartialCredentialsError,
            boto.CredentialRetrievalError,
            boto.TokenRetrievalError,
            boto.SSOError,
            boto.ProfileNotFound,
            boto.ConfigParseError,
        ),
        "no usable credentials: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, AWS_PROFILE, or use a role",
    ),
    (boto.SSLError, "TLS failed: check the endpoint's name and certificate, and AWS_CA_BUNDLE for one of your own"),
    (
        (boto.EndpointConnectionError, boto.ConnectTimeoutError, boto.ProxyConnectionError),
        "it cannot be reached: check the endpoint, the network and a proxy",
    ),
    (_LOST, "the connection was lost or its time ran out: run again"),
    (ResponseParserError, SPEAKS_NO_S3),
    (boto.NoRegionError, "no region is known: set it in the settings or as AWS_DEFAULT_REGION"),
    (boto.FlexibleChecksumError, "what came is not what was stored: read it again; if it stays so, check the store"),
)


class Refusal(Exception):
    """The store's own answer: its HTTP status and error code, and the region that it says is right (``""``: none said).

    ``taken``: what was to be created is there, or is being created, by a request of somebody's. ``unsure``: it may have
    been an earlier sending of the same request, or the store failed on the way.
    """

    def __init__(self, status: int, code: str, region: str = "", *, repeated: bool = False) -> None:
        super().__init__(status, code)
        self.status = status
        self.code = code
        self.region = region
        self.taken = status in {409, 412}
        self.unsure = repeated or status >= 500


class NoAnswer(Exception):
    """No answer that means anything, after all attempts; ``hint`` says what a person can do.

    ``unsure``: the request may have been carried out all the same.
    """

    taken = False

    def __init__(self, hint: str, *, unsure: bool) -> None:
        super().__init__(hint)
        self.hint = hint
        self.unsure = unsure


def make_client(options: S3Options) -> S3Client:
    """A client that is safe between threads. Raises NoAnswer when none can be made.

    Every put carries its own SHA-256 in a header that is signed, so boto3 has nothing to add: no CRC32, no trailer,
    no chunks, which many compatible stores refuse, and no second pass over the body to sign it. The botocore logger
    is kept above DEBUG, where it writes every signature and session token.
    """
    logger = logging.getLogger("botocore")
    logger.setLevel(max(logger.level, logging.INFO))
    config = Config(
        signature_version="s3v4",
        connect_timeout=options.connect_timeout,
        read_timeout=options.read_timeout,
        max_pool_connections=options.connections,
        tcp_keepalive=True,
        retries={"mode": "standard", "total_max_attempts": 1},  # those of _again are not shared between threads
        request_checksum_calculation="when_required",
        response_checksum_validation="when_supported",
        parameter_validation=False,
        s3={"addressing_style": "path" if options.path_style else "auto", "payload_signing_enabled": False},
    )

    def make() -> S3Client:
        session = boto3.session.Session()
        region = options.region or session.region_name or (_REGION_OF_COMPATIBLE_STORES if options.endpoint else None)
        return session.client("s3", region_name=region, endpoint_url=options.endpoint or None, config=config)

    client: S3Client = asked(make)
    client.meta.events.register("needs-retry.s3", partial(_again, options.attempts))  # type: ignore[arg-type]
    return client


def _again(
    most: int, *, attempts: int, response: Any = None, caught_exception: Exception | None = None, **_: Any
) -> float | None:
    """Seconds to wait before a request is sent again, ``None`` for not at all; boto3 asks after each attempt.

    All threads of a client share what boto3 itself allows: a store that is away for one second would end the night.
    """
    if caught_exception is None:
        passing = response is not None and response[0].status_code in _PASSING
    else:
        passing = isinstance(caught_exception, (boto.ConnectionError, *_LOST))
    if attempts >= most or not passing:
        return None
    return random.uniform(0, min(_LONGEST_PAUSE, _FIRST_PAUSE * 2 ** (attempts - 1)))  # noqa: S311 not a secret


def asked(call: Callable[..., Any], *arguments: Any, **named: Any) -> Any:
    """``call(...)``, its answer. Raises Refusal, NoAnswer."""
    try:
        return call(*arguments, **named)
    except boto.ClientError as error:
        trouble: Exception = _refusal(error)
    except (boto.BotoCoreError, ResponseParserError, urllib3.exceptions.HTTPError, ValueError) as error:
        trouble = NoAnswer(_hint(error), unsure=isinstance(error, _LOST))
    raise trouble  # here, where the other is neither its cause nor its context


def _refusal(error: boto.ClientError) -> Refusal:
    said: Any = error.response
    about = said.get("ResponseMetadata", {})
    told = said.get("Error", {})
    region = told.get("Region") or about.get("HTTPHeaders", {}).get("x-amz-bucket-region", "")
    return Refusal(
        about.get("HTTPStatusCode", 0),
        _word(told.get("Code", "")),
        _word(region),
        repeated=about.get("RetryAttempts", 0) > 0,
    )


def _word(text: str) -> str:
    return text if _WORD.fullmatch(text) else ""


def _hint(error: Exception) -> str:
    for kinds, hint in _HINTS:
        if isinstance(error, kinds):
            return hint
    return f"boto3 gave up with {type(error).__name__}: check the endpoint and the settings of the store"
