"""What every store promises, whatever it is made of."""

from __future__ import annotations

import hashlib
import io
import pickle
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from threading import Barrier

import pytest

from noojee_ingest.storage.errors import (
    AlreadyExists,
    BadKey,
    BadMetadata,
    ChecksumMismatch,
    ForbiddenByPolicy,
    Held,
    NotFound,
    StorageError,
)
from noojee_ingest.storage.root import Listed, Root, RootName, Stored

RootFactory = Callable[[RootName], Root]
Put = Callable[..., Stored]

KEY = "audio/site=acme/day=2026-11-22/0f-ab.wav"
DATA = bytes(range(256)) * 3000  # 768,000 bytes: several blocks of any reader


@pytest.fixture
def archive(root_factory: RootFactory) -> Root:
    return root_factory(RootName.ARCHIVE)


@pytest.fixture
def lake(root_factory: RootFactory) -> Root:
    return root_factory(RootName.LAKE)


def keys(root: Root, prefix: str = "") -> list[str]:
    return [listed.key for listed in root.list(prefix)]


def read(root: Root, key: str, offset: int = 0, length: int | None = None) -> bytes:
    with root.open(key, offset, length) as body:
        return body.read()


def test_what_was_created_is_there_whole_with_all_that_was_said_of_it(archive: Root, put: Put) -> None:
    stored = put(archive, KEY, DATA, codec="gsm", seconds="31.0")
    assert (stored.root, stored.key, stored.size) == (RootName.ARCHIVE, KEY, len(DATA))
    assert stored.sha256 == hashlib.sha256(DATA).hexdigest()
    assert stored.checksum_type == "sha256-full-object"
    assert stored.metadata == {"codec": "gsm", "seconds": "31.0"}
    assert archive.head(KEY) == stored
    assert read(archive, KEY) == DATA
    assert list(archive.list("")) == [Listed(KEY, len(DATA))]


def test_an_empty_object_is_an_object(archive: Root, put: Put) -> None:
    put(archive, KEY, b"")
    assert read(archive, KEY) == b""
    assert archive.head(KEY).size == 0


def test_the_body_is_read_from_where_it_stands(archive: Root) -> None:
    body = io.BytesIO(b"headersound")
    body.seek(6)
    archive.create(KEY, body, size=5, sha256=hashlib.sha256(b"sound").hexdigest(), metadata={})
    assert read(archive, KEY) == b"sound"


@pytest.mark.parametrize("again", [b"sound", b"other"], ids=["the same bytes", "other bytes"])
def test_a_key_is_taken_once_and_the_error_names_what_is_there(archive: Root, put: Put, again: bytes) -> None:
    first = put(archive, KEY, b"sound", codec="gsm")
    with pytest.raises(AlreadyExists) as caught:
        put(archive, KEY, again, codec="alaw")
    assert caught.value.found == first
    assert read(archive, KEY) == b"sound"
    assert archive.head(KEY).metadata == {"codec": "gsm"}


def test_of_many_creators_at_once_exactly_one_wins(archive: Root, put: Put) -> None:
    barrier = Barrier(8)

    def creator(number: int) -> Stored | AlreadyExists:
        barrier.wait()
        try:
            return put(archive, KEY, bytes([number]) * 1000, writer=str(number))
        except AlreadyExists as error:
            return error

    with ThreadPoolExecutor(8) as threads:
        outcomes = list(threads.map(creator, range(8)))
    winners = [outcome for outcome in outcomes if isinstance(outcome, Stored)]
    assert len(winners) == 1
    assert archive.head(KEY) == winners[0]
    assert read(archive, KEY) == bytes([int(winners[0].metadata["writer"])]) * 1000
    assert all(outcome.found == winners[0] for outcome in outcomes if isinstance(outcome, AlreadyExists))


@pytest.mark.parametrize(
    ("size", "sha256"),
    [
        pytest.param(6, hashlib.sha256(b"sound").hexdigest(), id="too few bytes"),
        pytest.param(4, hashlib.sha256(b"soun").hexdigest(), id="too many bytes"),
        pytest.param(5, hashlib.sha256(b"other").hexdigest(), id="other bytes"),
        pytest.param(5, "no digest", id="no digest"),
    ],
)
def test_bytes_that_are_not_those_announced_leave_nothing(archive: Root, put: Put, size: int, sha256: str) -> None:
    with pytest.raises(ChecksumMismatch):
        archive.create(KEY, io.BytesIO(b"sound"), size=size, sha256=sha256, metadata={})
    assert keys(archive) == []
    with pytest.raises(NotFound):
        archive.head(KEY)
    assert put(archive, KEY, b"sound").size == 5


@pytest.mark.parametrize(
    "key",
    [
        "",
        "/",
        "/etc/passwd",
        "audio/",
        "audio//x.wav",
        ".",
        "..",
        "../x.wav",
        "audio/../../x.wav",
        "audio/./x.wav",
        ".tmp/x.wav",
        "audio/.hidden",
        "audio/x.wav.json",
        "audio/x.JSON",
        "day.json/x.wav",
        "audio/x y.wav",
        "audio\\x.wav",
        "audio/x\0.wav",
        "audio/x.wav\n",
        "audio/é.wav",
        "audio/\ud800.wav",
        "C:x.wav",
        "a" * 246,
        "a/" * 600 + "a",
    ],
)
def test_a_bad_key_is_refused_by_every_verb(root_factory: RootFactory, put: Put, put_again: Put, key: str) -> None:
    archive, lake, scratch = (root_factory(name) for name in (RootName.ARCHIVE, RootName.LAKE, RootName.SCRATCH))
    verbs: list[Callable[[], object]] = [
        lambda: put(archive, key, b"sound"),
        lambda: put_again(lake, key, b"table"),
        lambda: archive.head(key),
        lambda: archive.open(key),
        lambda: archive.withdraw(key, version_id="", decision="d1"),
        lambda: scratch.delete(key),
    ]
    for verb in verbs:
        with pytest.raises(BadKey) as caught:
            verb()
        assert str(caught.value).isascii()
        assert str(caught.value).isprintable()
        assert len(str(caught.value)) < 2000


@pytest.mark.parametrize("key", ["x", "_x-", "a=b/c.d..e", "x.jsonl.gz", "json", "a" * 245, "/".join(["a" * 200] * 5)])
def test_a_good_key_is_taken(archive: Root, put: Put, key: str) -> None:
    put(archive, key, b"sound")
    assert keys(archive) == [key]


@pytest.mark.parametrize(
    "metadata",
    [
        pytest.param({"tag": "café"}, id="not ASCII"),
        pytest.param({"tag": "a\nb"}, id="a line break"),
        pytest.param({"tag": "a\0"}, id="a NUL"),
        pytest.param({"tag": " a"}, id="a blank in front"),
        pytest.param({"tag": "a "}, id="a blank behind"),
        pytest.param({"naïve": "a"}, id="a name that is not ASCII"),
        pytest.param({"Tag": "a"}, id="a name with a capital"),
        pytest.param({"leg_id": "a"}, id="a name with an underscore"),
        pytest.param({"": "a"}, id="no name"),
        pytest.param({"tag": "a" * 2045}, id="2 KB"),
        pytest.param({f"n{number:03}": "a" * 60 for number in range(32)}, id="2 KB in small pieces"),
    ],
)
def test_metadata_that_some_store_could_not_keep_is_refused(archive: Root, put: Put, metadata: dict[str, str]) -> None:
    with pytest.raises(BadMetadata):
        archive.create(KEY, io.BytesIO(b""), size=0, sha256=hashlib.sha256(b"").hexdigest(), metadata=metadata)
    assert keys(archive) == []


def test_metadata_just_below_2_kb_is_kept(archive: Root, put: Put) -> None:
    put(archive, KEY, b"sound", tag="a" * 2044)
    assert archive.head(KEY).metadata == {"tag": "a" * 2044}


@pytest.mark.parametrize("offset", [0, 1, 700_000, len(DATA), len(DATA) + 10])
@pytest.mark.parametrize("length", [None, 0, 1, 300_000, len(DATA) * 2])
def test_a_range_is_read_as_a_slice_would_be(archive: Root, put: Put, offset: int, length: int | None) -> None:
    put(archive, KEY, DATA)
    end = len(DATA) if length is None else offset + length
    assert read(archive, KEY, offset, length) == DATA[offset:end]


def test_a_range_is_read_in_pieces(archive: Root, put: Put) -> None:
    put(archive, KEY, DATA)
    with archive.open(KEY, 100, 500_000) as body:
        assert b"".join(iter(lambda: body.read(70_001), b"")) == DATA[100:500_100]


def test_the_version_that_was_put_is_read_by_its_name(archive: Root, put: Put) -> None:
    stored = put(archive, KEY, DATA)
    with archive.open(KEY, 100, 500_000, version_id=stored.version_id) as body:
        assert body.read() == DATA[100:500_100]


@pytest.mark.parametrize(("offset", "length"), [(-1, None), (0, -1)])
def test_a_negative_range_is_refused(archive: Root, put: Put, offset: int, length: int | None) -> None:
    put(archive, KEY, DATA)
    with pytest.raises(ValueError, match="not negative"):
        archive.open(KEY, offset, length)


@pytest.mark.parametrize("key", ["nothing", "audio/nothing", "audio", "audio/x.wav/under"])
def test_what_is_not_there_is_not_found(archive: Root, put: Put, key: str) -> None:
    put(archive, "audio/x.wav", b"sound")
    with pytest.raises(NotFound) as caught:
        archive.head(key)
    assert f"archive/{key}" in str(caught.value)
    with pytest.raises(NotFound):
        archive.open(key)
    with pytest.raises(NotFound):
        archive.withdraw(key, version_id="", decision="d1")


def test_a_listing_is_in_the_order_of_whole_keys(archive: Root, put: Put) -> None:
    wanted = ["a", "a-b/x", "a.b", "a/x", "a/x-y/z", "a/x.z", "a0", "b/c/d", "b/c=1/d", "b/c=1/d.wav"]
    # "a" and "a/x" cannot both be in a folder: the order is what is asked here
    wanted.remove("a")
    for key in reversed(wanted):
        put(archive, key, key.encode())
    assert list(archive.list("")) == [Listed(key, len(key)) for key in sorted(wanted)]


@pytest.mark.parametrize(
    ("prefix", "found"),
    [
        ("", ["audio/day=10/x", "audio/day=11/y", "audio/day=2/z", "journal/day=10/s"]),
        ("audio/", ["audio/day=10/x", "audio/day=11/y", "audio/day=2/z"]),
        ("audio", ["audio/day=10/x", "audio/day=11/y", "audio/day=2/z"]),
        ("audio/day=1", ["audio/day=10/x", "audio/day=11/y"]),
        ("audio/day=10/", ["audio/day=10/x"]),
        ("audio/day=10/x", ["audio/day=10/x"]),
        ("audio/day=10/x/", []),
        ("audio/day=10/xx", []),
        ("nothing/at/all", []),
        ("j", ["journal/day=10/s"]),
    ],
)
def test_a_prefix_is_the_beginning_of_a_key_and_not_a_folder(
    archive: Root, put: Put, prefix: str, found: list[str]
) -> None:
    for key in ["audio/day=10/x", "audio/day=11/y", "audio/day=2/z", "journal/day=10/s"]:
        put(archive, key, b"")
    assert keys(archive, prefix) == found


@pytest.mark.parametrize("prefix", ["/", "../", "..", "audio/../", "audio//", ".tmp", ".tmp/", "a b", "a\0"])
def test_a_prefix_that_begins_no_key_is_refused_before_anything_is_read(archive: Root, prefix: str) -> None:
    with pytest.raises(BadKey):
        archive.list(prefix)


def test_an_object_of_the_lake_is_replaced_whole(lake: Root, put_again: Put) -> None:
    put_again(lake, "calls.parquet", b"old table", rows="1")
    stored = put_again(lake, "calls.parquet", DATA, rows="2")
    assert lake.head("calls.parquet") == stored
    assert stored.metadata == {"rows": "2"}
    assert read(lake, "calls.parquet") == DATA
    assert keys(lake) == ["calls.parquet"]


def test_a_replacement_that_is_not_what_was_announced_leaves_the_old(lake: Root, put_again: Put) -> None:
    old = put_again(lake, "calls.parquet", b"old table", rows="1")
    with pytest.raises(ChecksumMismatch):
        lake.replace("calls.parquet", io.BytesIO(b"new"), size=3, sha256=old.sha256, metadata={})
    assert lake.head("calls.parquet") == old
    assert read(lake, "calls.parquet") == b"old table"


def test_who_reads_a_replaced_object_to_the_end_keeps_the_old(lake: Root, put_again: Put) -> None:
    put_again(lake, "calls.parquet", DATA)
    with lake.open("calls.parquet") as body:
        beginning = body.read(1000)
        put_again(lake, "calls.parquet", b"new table")
        assert beginning + body.read() == DATA


@pytest.mark.parametrize(
    ("verb", "allowed"),
    [
        ("replace", {RootName.LAKE}),
        ("delete", {RootName.EVIDENCE, RootName.SCRATCH}),
        ("withdraw", {RootName.ARCHIVE}),
    ],
)
@pytest.mark.parametrize("name", list(RootName))
def test_a_root_allows_what_its_policy_says(
    root_factory: RootFactory, put: Put, put_again: Put, *, name: RootName, verb: str, allowed: set[RootName]
) -> None:
    root = root_factory(name)
    put(root, "x", b"sound")
    verbs: dict[str, Callable[[], object]] = {
        "replace": lambda: put_again(root, "x", b"other"),
        "delete": lambda: root.delete("x"),
        "withdraw": lambda: root.withdraw("x", version_id=root.head("x").version_id, decision="d1"),
    }
    if name in allowed:
        verbs[verb]()
        assert keys(root) == (["x"] if verb == "replace" else [])
    else:
        with pytest.raises(ForbiddenByPolicy):
            verbs[verb]()
        assert read(root, "x") == b"sound"


def test_what_was_deleted_can_be_deleted_again_and_made_anew(root_factory: RootFactory, put: Put) -> None:
    scratch = root_factory(RootName.SCRATCH)
    put(scratch, "a/x", b"sound", codec="gsm")
    scratch.delete("a/x")
    scratch.delete("a/x")
    scratch.delete("never/there")
    scratch.sync()
    with pytest.raises(NotFound):
        scratch.head("a/x")
    assert put(scratch, "a/x", b"other", codec="alaw") == scratch.head("a/x")


def test_what_was_withdrawn_is_gone_alone(archive: Root, put: Put) -> None:
    put(archive, "a/x", b"sound")
    put(archive, "a/y", b"sound")
    archive.withdraw("a/x", version_id=archive.head("a/x").version_id, decision="d1")
    assert keys(archive) == ["a/y"]
    with pytest.raises(NotFound):
        archive.withdraw("a/x", version_id="", decision="d1")


def test_nothing_is_withdrawn_without_a_decision(archive: Root, put: Put) -> None:
    put(archive, "x", b"sound")
    with pytest.raises(ForbiddenByPolicy, match="journal the decision first"):
        archive.withdraw("x", version_id=archive.head("x").version_id, decision="")
    assert keys(archive) == ["x"]


def test_a_version_that_never_was_is_not_withdrawn(archive: Root, put: Put) -> None:
    put(archive, "x", b"sound")
    with pytest.raises(NotFound):
        archive.withdraw("x", version_id="no-such-version", decision="d1")
    assert keys(archive) == ["x"]


def test_a_batch_of_many_threads_is_synced(archive: Root, put: Put) -> None:
    def batch(number: int) -> None:
        for leg in range(10):
            put(archive, f"audio/day={number}/{leg}.wav", b"sound")
        archive.sync()

    with ThreadPoolExecutor(8) as threads:
        list(threads.map(batch, range(8)))
    assert len(keys(archive)) == 80


@pytest.mark.parametrize(
    "error",
    [
        NotFound("reading", "archive/x", "look again"),
        AlreadyExists("storing", "archive/x", "look", Stored(RootName.ARCHIVE, "", "x", 1, "ab", "c", "")),
        Held("withdrawing", "archive/x", "wait", datetime(2033, 1, 1, tzinfo=UTC)),
    ],
)
def test_an_error_says_what_to_which_key_and_what_next_and_travels_between_processes(error: StorageError) -> None:
    again = pickle.loads(pickle.dumps(error))
    assert vars(again) == vars(error)
    assert all(part in str(again) for part in (error.doing, error.key, error.what, error.hint))
