"""Call control over the wire: what goes out, what comes back."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from noojee_ingest.noojee import BadAnswer, Dialled, Done, ExtensionState, Noojee, Refused, auto_answer
from tests.functional.conftest import KEY

CM = "/servicemanager/rest/CallManagementAPI"

Client = Callable[..., Noojee]
Ask = Callable[[Noojee], Any]


@pytest.mark.parametrize(
    ("ask", "path", "parameters"),
    [
        (lambda n: n.calls.dial("0355 500 123", "SIP/205"), "dial", "number=0355500123&extenOrUniqueId=SIP/205"),
        (lambda n: n.calls.dial("210", "205"), "dial", "number=210&extenOrUniqueId=SIP/205"),
        (lambda n: n.calls.dial("210", "PJSIP/205"), "dial", "number=210&extenOrUniqueId=PJSIP/205"),
        (
            lambda n: n.calls.dial(
                "210",
                "205",
                caller_id="0355500000",
                caption="INV 77",
                auto_answer=auto_answer("yealink"),
                monitored=True,
                record=True,
                tag="INV/77&leg=1",
            ),
            "dial",
            "number=210&extenOrUniqueId=SIP/205&autoAnswer=Call-Info%3A%5C%3B%20answer-after%3D0&callerId=0355500000"
            "&phoneCaption=INV%2077&monitored=yes&record=true&tag=INV/77%26leg%3D1",
        ),
        (lambda n: n.calls.hangup("1700000123.10"), "hangup", "extenOrUniqueId=1700000123.10"),
        (lambda n: n.calls.hangup("1700-0123.10"), "hangup", "extenOrUniqueId=1700-0123.10"),
        (lambda n: n.calls.hangup("SIP/205"), "hangup", "extenOrUniqueId=205"),
        (
            lambda n: n.calls.answer("1700000123.10", "SIP/205", auto_answer="Alert-Info: Ring Answer"),
            "answer",
            "uniqueId=1700000123.10&exten=SIP/205&answerString=Alert-Info%3A%20Ring%20Answer",
        ),
        (lambda n: n.recordings.start("205"), "start", "extenOrUniqueId=205"),
        (
            lambda n: n.recordings.start("SIP/205", agent="kim", tag="INV-77"),
            "start",
            "extenOrUniqueId=SIP/205&agentLoginName=kim&tag=INV-77",
        ),
        (lambda n: n.recordings.stop("1.7", agent="kim"), "stop", "extenOrUniqueId=1.7&agentLoginName=kim"),
        (
            lambda n: n.recordings.tag("1.7", " a=b&c ", agent="kim"),
            "tag",
            "extenOrUniqueId=1.7&tag=%20a%3Db%26c%20&agentLoginName=kim",
        ),
    ],
)
def test_a_change_goes_out_as_the_reference_has_it(
    phone: Any, client: Client, ask: Ask, path: str, parameters: str
) -> None:
    phone.answers('{"Code":0}')

    ask(client())

    (asked,) = phone.asked
    assert asked.method == "POST"
    assert asked.target == f"{CM}/{path}?apiKey={KEY}&{parameters}"
    assert asked.body == b""
    assert asked.headers["content-type"].startswith("application/x-www-form-urlencoded")


@pytest.mark.parametrize(
    ("body", "session_id"),
    [
        ('{"SessionID": 417, "Message": "Dialling", "Code": 0}', "417"),
        ('{"SessionID": "417", "Message": "Dialling", "Code": 0}', "417"),
        ('{"Code": 0, "Message": "Dialling"}', ""),
        ('{"Code": 0, "Message": "Dialling", "SessionID": null}', ""),
        ('{"Code": 0, "Message": "Dialling", "SessionID": {"a": 1}}', ""),
    ],
)
def test_a_session_id_is_text_whatever_its_type(phone: Any, client: Client, body: str, session_id: str) -> None:
    phone.answers(body)

    assert client().calls.dial("210", "205") == Dialled(0, "Dialling", session_id)


def test_a_hangup_tells_what_the_phone_system_said(phone: Any, client: Client) -> None:
    phone.answers('{"Message":"Channel Hungup","Code":0}')

    assert client().calls.hangup("1.7") == Done(0, "Channel Hungup")


def test_states_are_read_by_extension(phone: Any, client: Client) -> None:
    phone.answers(
        '{"State": {"205": {"uniqueCallId": 1500000123.10, "Message": "Ringing Client", "Code": 0},'
        ' "206": {"Code": 0}, "207": {}, "208": {"Code": "4", "Message": null}}, "Code": 0}'
    )

    states = client().calls.state(["205", "SIP/206", " 207,208", "205"], timeout=2.5)

    assert states == {
        "205": ExtensionState("1500000123.10", "Ringing Client", 0),
        "206": ExtensionState("", "", 0),
        "207": ExtensionState("", "", None),
        "208": ExtensionState("", "", 4),
    }
    assert states.warning == ""
    assert phone.asked[0].query[1:] == [("extenOrUniqueId", "205,206,207,208"), ("timeOut", "3")]


def test_one_extension_may_be_given_as_it_is(phone: Any, client: Client) -> None:
    phone.answers('{"State": {}, "Code": 0}')

    assert client().calls.state("205", timeout=0.0) == {}
    assert phone.asked[0].query[1:] == [("extenOrUniqueId", "205"), ("timeOut", "0")]


def test_states_that_may_be_wrong_come_with_the_warning(phone: Any, client: Client) -> None:
    phone.answers('{"State": {"205": {"Code": 0}}, "Code": 2, "Message": "timed out"}')

    assert client().calls.state(["205"]).warning == "code 2, 'timed out'"


@pytest.mark.parametrize(
    "body", ["[]", "{}", '{"Code":0}', '{"Code":0,"State":[]}', '{"Code":0,"State":{"205":"On Call"}}', "", "OK"]
)
def test_what_holds_no_state_is_no_answer(phone: Any, client: Client, body: str) -> None:
    phone.answers(body)

    with pytest.raises(BadAnswer):
        client().calls.state(["205"])


def test_a_state_is_asked_again_as_it_changes_nothing(phone: Any, client: Client) -> None:
    phone.answers("", status=500).answers('{"State": {}, "Code": 0}')

    client().calls.state(["205"])

    assert len(phone.asked) == 2


def test_an_answer_may_take_as_long_as_it_was_allowed_to(phone: Any, client: Client) -> None:
    phone.answers('{"State": {}, "Code": 0}', every=0.5, drop=1_000)

    client(read_timeout=0.1).calls.state(["205"], timeout=1.0)


def test_an_unknown_extension_is_refused(phone: Any, client: Client) -> None:
    phone.answers('{"Code":-3,"Message":"No such extension"}')

    with pytest.raises(Refused, match=r"Could not check the state of extensions .999.*No such extension"):
        client().calls.state(["999"])
