from __future__ import annotations

import codecs
import pickle
from collections.abc import Callable

import pytest

from noojee_ingest.audio import NotAudio
from noojee_ingest.model import Audio

Checked = Callable[[bytes], Audio]


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "empty"),
        (b'{"Code":-1,"Message":"Expired TimeStamp"}', "JSON"),
        (b'\r\n\t {"code": 101}', "JSON"),
        (b"[]", "JSON"),
        (b"[ {", "JSON"),
        (b"{}", "JSON"),
        (codecs.BOM_UTF8 + b'{"Code":0}', "JSON"),
        (codecs.BOM_UTF16_LE + '{"Code":0}'.encode("utf-16-le"), "JSON"),
        (codecs.BOM_UTF16_BE + '{"Code":0}'.encode("utf-16-be"), "JSON"),
        (b'{"Message":"' + b"x" * 5000 + b'"}', "JSON"),
        (('{"Message":"' + "é" * 300).encode(), "JSON"),
        (b"<!DOCTYPE html><html>", "HTML"),
        (b"\n\n  <!doctype HTML PUBLIC>", "HTML"),
        (codecs.BOM_UTF8 + b" <HTML lang=en>", "HTML"),
        (b"<!-- login -->\n<html>", "HTML"),
        (b'<?xml version="1.0"?>\n<!DOCTYPE html><html xmlns="x">', "HTML"),
        (b"<head><title>Sign in</title>", "HTML"),
        (b'<?xml version="1.0"?><Error><Code>AccessDenied</Code></Error>', "XML"),
        (b"<Error/>", "XML"),
        (b"<headless/>", "XML"),
        (b"No such recording", "text"),
        (b"   \r\n ", "text"),
        (b"[see the log]", "text"),
        (b"{not json}", "text"),
        ("Enregistrement supprimé".encode(), "text"),
        (b"\x00" * 1000, "unknown bytes"),
        (b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", "unknown bytes"),
        (b"\x93\xfa\x96\x7b\x8c\xea\xfe\xfd", "unknown bytes"),
        (b"RIFF", "text"),
        (b"RIFF\x10\0\0\0AVI LIST", "unknown bytes"),
        (b"Ogg", "text"),
    ],
)
def test_what_is_not_audio_is_called_what_it_looks_like(checked: Checked, data: bytes, reason: str) -> None:
    with pytest.raises(NotAudio) as caught:
        checked(data)
    assert caught.value.reason == reason
    assert caught.value.head == data[:512]


def test_the_bytes_are_in_no_message_and_the_error_travels_between_processes(checked: Checked) -> None:
    with pytest.raises(NotAudio) as caught:
        checked(b'{"echo":"apiKey=5b0f2c1e"}')
    assert "5b0f2c1e" not in str(caught.value) + repr(caught.value)
    again = pickle.loads(pickle.dumps(caught.value))
    assert (again.reason, again.head) == (caught.value.reason, caught.value.head)
