"""``POST /``: who is let in, what is refused with which code, and what an answer looks like."""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from clusters.models import Cluster
from console.accounts.models import ApiKey
from console.accounts.services.access_keys import modify_access_key
from console.accounts.services.users import modify_sub_user
from console.api import authentication
from console.core.actions import REGISTRY
from console.core.actors import Actor
from console.core.forms import FORMS
from console.core.models import AuditEntry
from console.core.rate_limits import RateLimit
from tests.api.caller import Caller, caller_for
from tests.cast import browser_of, user_of

pytestmark = [
    pytest.mark.database,
    pytest.mark.django_db,
    pytest.mark.usefixtures("empty_cache"),
]


@pytest.fixture
def caller(owner: Actor) -> Caller:
    return caller_for(owner)


def code(response: dict[str, Any]) -> str:
    return str(response.get("Error", {}).get("Code", ""))


def test_a_signed_call_is_answered_in_the_envelope(caller: Caller, nobody: Actor) -> None:
    response = caller.call("DescribeSubUsers")
    assert response.keys() == {"TotalCount", "Data", "RequestId"}
    assert response["Data"][0]["Username"] == "nobody"


def test_the_request_id_of_the_answer_stands_in_the_audit_trail(caller: Caller) -> None:
    response = caller.call("CreateSubUser", Username="ada")
    entry = AuditEntry.objects.get(action="cam:CreateSubUser")
    assert entry.request_id == response["RequestId"]
    assert (entry.entrance, entry.source_ip) == ("api", "192.0.2.30")


def test_equal_calls_in_one_second_are_both_valid(caller: Caller) -> None:
    """The scheme has no nonce."""
    headers = caller.headers(b"{}")
    headers["X-TC-Action"] = "DescribeSubUsers"
    assert [code(caller.send(b"{}", headers)) for _ in range(2)] == ["", ""]


def test_the_action_may_be_signed_in_lower_case_as_the_documentation_does(caller: Caller) -> None:
    headers = caller.headers(b"{}", more={"x-tc-action": "describesubusers"})
    del headers["x-tc-action"]
    assert code(caller.send(b"{}", {**headers, "X-TC-Action": "DescribeSubUsers"})) == ""
    forged = caller.send(b"{}", {**headers, "X-TC-Action": "DescribeAccessKeys"})
    assert code(forged) == "AuthFailure.SignatureFailure"


def test_an_error_has_the_code_and_message_of_every_entrance(caller: Caller) -> None:
    response = caller.call("DescribeTopic", InstanceId="mqtt-unknown1", Topic="home")
    assert response["Error"]["Code"] == "ResourceNotFound.Instance"
    assert "mqtt-unknown1" in response["Error"]["Message"]
    assert response.keys() == {"Error", "RequestId"}


def test_a_key_may_do_what_its_user_may_do(reader: Actor, running_cluster: Cluster) -> None:
    """SECURITY C8."""
    caller = caller_for(reader)
    given = {"InstanceId": running_cluster.public_id, "Topic": "home"}
    assert code(caller.call("DescribeTopicList", InstanceId=running_cluster.public_id)) != (
        "UnauthorizedOperation"
    )
    assert code(caller.call("CreateTopic", **given)) == "UnauthorizedOperation"


def test_a_cluster_of_another_account_is_unknown(caller: Caller, other_cluster: Cluster) -> None:
    """SECURITY C7."""
    given = {"InstanceId": other_cluster.public_id, "Topic": "home"}
    assert code(caller.call("CreateTopic", **given)) == "ResourceNotFound.Instance"


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"secret_key": "wrong"}, "AuthFailure.SignatureFailure"),
        ({"secret_id": "AKIDunknown"}, "AuthFailure.SecretIdNotFound"),
        ({"off_s": -310}, "AuthFailure.SignatureExpire"),
        ({"off_s": 310}, "AuthFailure.SignatureExpire"),
        ({"date": "2020-01-01"}, "AuthFailure.SignatureExpire"),
        ({"service": "cvm"}, "AuthFailure.InvalidAuthorization"),
        ({"content_type": "application/x-www-form-urlencoded"}, "InvalidRequest"),
        ({"content_type": "multipart/form-data; boundary=x"}, "InvalidRequest"),
        ({"content_type": "text/plain"}, "InvalidRequest"),
    ],
    ids=str,
)
def test_a_call_that_is_signed_otherwise(
    caller: Caller, changes: dict[str, Any], expected: str
) -> None:
    headers = {**caller.headers(b"{}", **changes), "X-TC-Action": "DescribeSubUsers"}
    assert code(caller.send(b"{}", headers)) == expected


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"Authorization": ""}, "AuthFailure.InvalidAuthorization"),
        ({"Authorization": "SKIP"}, "AuthFailure.InvalidAuthorization"),
        ({"X-TC-Timestamp": ""}, "AuthFailure.SignatureExpire"),
        ({"X-TC-Timestamp": "now"}, "AuthFailure.SignatureExpire"),
        ({"X-TC-Timestamp": "-1"}, "AuthFailure.SignatureExpire"),
        ({"X-TC-Timestamp": "1e9"}, "AuthFailure.SignatureExpire"),
        ({"X-TC-Timestamp": "9" * 30}, "AuthFailure.SignatureExpire"),
        ({"X-TC-Timestamp": "٣"}, "AuthFailure.SignatureExpire"),
        ({"X-TC-Version": "2017-03-12"}, "NoSuchVersion"),
        ({"X-TC-Version": ""}, "NoSuchVersion"),
        ({"X-TC-Action": ""}, "MissingParameter"),
        ({"X-TC-Action": "DropTables"}, "InvalidAction"),
        ({"X-TC-Action": "x" * 5000}, "InvalidAction"),
        ({"X-TC-Action": "describe_sub_users"}, "InvalidAction"),
        ({"X-TC-Content-SHA256": "UNSIGNED-PAYLOAD"}, "AuthFailure.SignatureFailure"),
        ({"X-TC-Region": "ap-anywhere"}, ""),
    ],
    ids=str,
)
def test_a_header_that_was_changed(caller: Caller, changes: dict[str, str], expected: str) -> None:
    headers = {**caller.headers(b"{}"), "X-TC-Action": "DescribeSubUsers", **changes}
    assert code(caller.send(b"{}", headers)) == expected


@pytest.mark.parametrize("sent", [b"", b"{ }", b'{"Limit": 1}'])
def test_another_body_than_the_signed_one_is_refused(caller: Caller, sent: bytes) -> None:
    headers = {**caller.headers(b"{}"), "X-TC-Action": "DescribeSubUsers"}
    assert code(caller.send(sent, headers)) == "AuthFailure.SignatureFailure"


def test_an_unsigned_payload_is_taken_when_that_was_signed(caller: Caller) -> None:
    """As the SDK does with ``unsignedPayload``."""
    headers = caller.headers(b"UNSIGNED-PAYLOAD")
    headers |= {"X-TC-Content-SHA256": "UNSIGNED-PAYLOAD", "X-TC-Action": "DescribeSubUsers"}
    assert code(caller.send(b"{}", headers)) == ""


@pytest.mark.parametrize("name", sorted(n for n, r in REGISTRY.items() if r.internal))
def test_internal_actions_do_not_exist_for_callers(caller: Caller, name: str) -> None:
    assert code(caller.call(name)) == "InvalidAction"


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (b"", "InvalidParameter"),
        (b"[]", "InvalidParameter"),
        (b"null", "InvalidParameter"),
        (b'"text"', "InvalidParameter"),
        (b"{", "InvalidParameter"),
        (b"\xff{}", "InvalidParameter"),
        (b'{"a": 1, "a": 2}', "InvalidParameter"),
        (b'{"Username": NaN}', "InvalidParameter"),
        (b'{"Username": "\\ud800"}', "InvalidParameter"),
        (b'{"a":' * 10_000 + b"1" + b"}" * 10_000, "InvalidParameter"),
        (b'{"Nmae": 1}', "UnknownParameter"),
        (b'{"Username": "x' + b"y" * 6 * 1024 * 1024 + b'"}', "RequestSizeLimitExceeded"),
    ],
    ids=lambda value: str(value)[:20],
)
def test_a_bad_body_is_refused_with_its_code(caller: Caller, body: bytes, expected: str) -> None:
    headers = {**caller.headers(body), "X-TC-Action": "CreateSubUser"}
    assert code(caller.send(body, headers)) == expected


def test_a_disabled_key_is_refused_at_once(caller: Caller, owner: Actor) -> None:
    modify_access_key(owner, key=ApiKey.objects.get(), enabled=False)
    assert code(caller.call("DescribeSubUsers")) == "AuthFailure.SecretIdNotFound"


def test_a_disabled_users_key_is_refused_at_once(owner: Actor, nobody: Actor) -> None:
    caller = caller_for(nobody)
    assert code(caller.call("DescribeAccessKeys")) == ""
    modify_sub_user(owner, user=user_of(nobody), enabled=False)
    assert code(caller.call("DescribeAccessKeys")) == "AuthFailure.SecretIdNotFound"


def test_a_fault_of_ours_hides_its_details_and_logs_them_under_the_request_id(
    caller: Caller, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """ASVS 16.5.1."""

    def broken(actor: Actor) -> None:
        raise ZeroDivisionError("secret detail")

    monkeypatch.setattr(FORMS["DescribeSubUsers"], "function", staticmethod(broken))
    response = caller.call("DescribeSubUsers")
    assert code(response) == "InternalError"
    assert "secret detail" not in str(response)
    assert "secret detail" in caplog.text
    assert response["RequestId"] in caplog.text


def test_a_key_that_calls_too_often_is_slowed(
    caller: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(authentication, "KEY_RATE", RateLimit(name="x", most=2, window_s=60))
    codes = [code(caller.call("DescribeSubUsers")) for _ in range(3)]
    assert codes == ["", "", "RequestLimitExceeded"]


def test_without_the_cache_calls_are_answered(
    caller: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(self: RateLimit, subject: str) -> bool:
        raise ConnectionError("valkey is away")

    monkeypatch.setattr(RateLimit, "take", away)
    assert code(caller.call("DescribeSubUsers")) == ""


def test_messages_come_in_the_language_of_the_call(caller: Caller) -> None:
    body = b"{}"
    headers = {**caller.headers(body), "X-TC-Action": "CreateSubUser"}
    english = caller.send(body, {**headers, "X-TC-Language": "en-US"})["Error"]["Message"]
    assert english == caller.send(body, headers)["Error"]["Message"]
    assert english != caller.send(body, {**headers, "X-TC-Language": "zh-CN"})["Error"]["Message"]


def test_a_session_cookie_is_no_signature(owner: Actor) -> None:
    """SECURITY C5: another site's page could send it."""
    browser = browser_of(owner)
    answer = browser.post(
        "/",
        b"{}",
        content_type="application/json",
        headers={"X-TC-Action": "DescribeSubUsers", "X-TC-Version": "2024-05-16"},
    )
    assert answer.json()["Response"]["Error"]["Code"] == "AuthFailure.InvalidAuthorization"


def test_a_browser_is_led_to_the_console(owner: Actor) -> None:
    assert Client().get("/")["Location"] == "/sign-in/"
    assert browser_of(owner).get("/")["Location"] == reverse("overview")


def test_a_signed_get_is_told_to_post(caller: Caller) -> None:
    answer = caller.browser.get("/", headers={"X-TC-Action": "DescribeSubUsers"})
    response = json.loads(answer.content)["Response"]
    assert (answer.status_code, code(response)) == (200, "InvalidRequest")


@pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE", "OPTIONS"])
def test_other_methods_are_not_allowed(method: str) -> None:
    assert Client().generic(method, "/").status_code == 405
