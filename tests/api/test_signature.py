"""TC3-HMAC-SHA256: the documentation's vector, the SDK's own signatures, and every change."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tencentcloud.common import credential
from tencentcloud.common.http.request import RequestInternal
from tencentcloud.common.profile.client_profile import ClientProfile
from tencentcloud.common.profile.http_profile import HttpProfile
from tencentcloud.mqtt.v20240516.mqtt_client import MqttClient

from console.api.signature import (
    Authorization,
    AuthorizationInvalid,
    SignedRequest,
    is_in_time,
    is_signed,
    parse_authorization,
    signature_of,
)

# The example of https://www.tencentcloud.com/document/product/213/31575, "Signature v3".
DOCUMENTED_KEY = "Gu5t9xGARNpq86cd98joQYCN3EXAMPLE"
DOCUMENTED = SignedRequest(
    method="POST",
    path="/",
    query="",
    headers={
        "content-type": "application/json; charset=utf-8",
        "host": "cvm.tencentcloudapi.com",
    },
    body=rb'{"Limit": 1, "Filters": [{"Values": ["\u672a\u547d\u540d"], "Name": "instance-name"}]}',
    timestamp_s=1_551_113_065,
)
DOCUMENTED_HEADER = (
    "TC3-HMAC-SHA256 "
    "Credential=AKIDz8krbsJ5yKBZQpn74WFkmLPx3EXAMPLE/2019-02-25/cvm/tc3_request, "
    "SignedHeaders=content-type;host, "
    "Signature=72e494ea809ad7a8c8f7a4507b9bddcbaa8e581f516e8da2f66e2c5a96525168"
)

SECRET = "Gu5t9xGARNpq86cd98joQYCN3Cozk1qA"
NOW = 1_791_662_778


def test_the_documented_example_is_right() -> None:
    authorization = parse_authorization(DOCUMENTED_HEADER)
    assert is_signed(DOCUMENTED, authorization, DOCUMENTED_KEY)
    assert is_in_time(authorization, DOCUMENTED.timestamp_s, now_s=DOCUMENTED.timestamp_s)


def sdk_request(params: dict[str, Any], **profile: Any) -> SignedRequest:
    """What the unmodified SDK would send, at its own time."""
    settings = ClientProfile(httpProfile=HttpProfile(protocol="http", endpoint="127.0.0.1:8080"))
    for name, value in profile.items():
        setattr(settings, name, value)
    client = MqttClient(credential.Credential("AKIDexample", SECRET), "local", settings)
    request = RequestInternal("127.0.0.1:8080", "POST", "/", header={})
    client._build_req_inter("DescribeInstanceList", params, request)
    headers = {name.lower(): value for name, value in request.header.items()}
    return SignedRequest(
        method="POST",
        path="/",
        query="",
        headers=headers,
        body=request.data.encode(),
        timestamp_s=int(headers["x-tc-timestamp"]),
    )


@pytest.mark.parametrize("profile", [{}, {"unsignedPayload": True}, {"language": "zh-CN"}])
def test_what_the_sdk_signs_is_accepted(profile: dict[str, Any]) -> None:
    request = sdk_request({"Limit": 20, "Filters": [{"Name": "名字"}]}, **profile)
    authorization = parse_authorization(request.headers["authorization"])
    assert is_signed(request, authorization, SECRET)
    assert is_in_time(authorization, request.timestamp_s, now_s=request.timestamp_s)


def signed(request: SignedRequest, *names: str) -> Authorization:
    unsigned = Authorization("AKIDexample", "2026-10-10", "mqtt", names, "")
    return dataclasses.replace(
        unsigned, signature=signature_of(request, unsigned, SECRET, lower=False)
    )


REQUEST = SignedRequest(
    method="POST",
    path="/",
    query="",
    headers={
        "content-type": "application/json",
        "host": "mq.example:8080",
        "x-tc-action": "DescribeTopic",
    },
    body=b'{"InstanceId": "mqtt-00000001"}',
    timestamp_s=NOW,
)


@pytest.mark.parametrize(
    "change",
    [
        {"method": "GET"},
        {"path": "/other"},
        {"query": "a=1"},
        {"body": b'{"InstanceId": "mqtt-00000002"}'},
        {"body": b""},
        {"timestamp_s": NOW + 1},
        {"headers": {**REQUEST.headers, "host": "other.example"}},
        {"headers": {**REQUEST.headers, "content-type": "application/xml"}},
        {"headers": {**REQUEST.headers, "x-tc-action": "DeleteTopic"}},
        {"headers": {"content-type": "application/json", "host": "mq.example:8080"}},
        {"headers": {**REQUEST.headers, "x-tc-content-sha256": "UNSIGNED-PAYLOAD"}},
    ],
    ids=str,
)
def test_what_was_changed_after_signing_is_refused(change: dict[str, Any]) -> None:
    authorization = signed(REQUEST, "content-type", "host", "x-tc-action")
    assert is_signed(REQUEST, authorization, SECRET)
    assert not is_signed(dataclasses.replace(REQUEST, **change), authorization, SECRET)


@pytest.mark.parametrize(
    "change",
    [
        {"date": "2026-10-11"},
        {"service": "cvm"},
        {"signed_headers": ("content-type", "host")},
        {"signed_headers": ("host", "content-type", "x-tc-action")},
        {"signature": "0" * 64},
    ],
    ids=str,
)
def test_a_changed_scope_is_refused(change: dict[str, Any]) -> None:
    authorization = signed(REQUEST, "content-type", "host", "x-tc-action")
    assert not is_signed(REQUEST, dataclasses.replace(authorization, **change), SECRET)


def test_another_secret_is_refused() -> None:
    assert not is_signed(REQUEST, signed(REQUEST, "content-type", "host"), SECRET + "x")


def test_header_values_may_be_signed_in_lower_case_and_trimmed() -> None:
    """As the documentation says; the Python SDK does not."""
    sent = dataclasses.replace(
        REQUEST, headers={**REQUEST.headers, "content-type": " Application/JSON "}
    )
    assert is_signed(sent, signed(REQUEST, "content-type", "host"), SECRET)


@pytest.mark.parametrize(
    ("off_s", "fits"), [(0, True), (300, True), (301, False), (-300, True), (-301, False)]
)
def test_a_request_is_valid_for_five_minutes_either_way(off_s: int, fits: bool) -> None:
    authorization = Authorization("AKIDexample", "2026-10-10", "mqtt", (), "")
    assert is_in_time(authorization, NOW, now_s=NOW + off_s) is fits


def test_the_date_of_the_credential_is_the_utc_date_of_the_timestamp() -> None:
    midnight = 1_791_676_800
    for timestamp_s, date in ((midnight - 1, "2026-10-10"), (midnight, "2026-10-11")):
        for claimed in ("2026-10-10", "2026-10-11"):
            authorization = Authorization("AKIDexample", claimed, "mqtt", (), "")
            assert is_in_time(authorization, timestamp_s, now_s=midnight) is (claimed == date)


GOOD = (
    "TC3-HMAC-SHA256 Credential=AKIDx/2026-10-10/mqtt/tc3_request, "
    "SignedHeaders=content-type;host, Signature=" + "a" * 64
)


@pytest.mark.parametrize(
    "header",
    [
        "",
        "SKIP",
        "Bearer x",
        GOOD.replace("TC3-", "TC4-"),
        GOOD.replace("tc3_request", "aws4_request"),
        GOOD.replace("2026-10-10", "20261010"),
        GOOD.replace("2026-10-10", "٢٠٢٦-10-10"),
        GOOD.replace("content-type;host", "host"),
        GOOD.replace("content-type;host", "content-type"),
        GOOD.replace("content-type;host", "content-type;host;host"),
        GOOD.replace("content-type;host", "content-type;;host"),
        GOOD.replace("content-type;host", "Content-Type;Host"),
        GOOD.replace("a" * 64, "a" * 63),
        GOOD.replace("a" * 64, "A" * 64),
        GOOD + ", Signature=" + "b" * 64,
        GOOD.replace("AKIDx", "AKID/x"),
        GOOD.replace("AKIDx", "x" * 65),
        GOOD.replace(", ", "\n"),
    ],
)
def test_a_header_of_another_form_is_refused(header: str) -> None:
    with pytest.raises(AuthorizationInvalid, match="SignedHeaders=content-type;host"):
        parse_authorization(header)


@given(st.text(max_size=300))
def test_any_header_is_read_or_refused(header: str) -> None:
    try:
        parse_authorization(header)
    except AuthorizationInvalid:
        return
