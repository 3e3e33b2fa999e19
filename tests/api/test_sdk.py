"""The unmodified SDK against the running console."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from pytest_django.live_server_helper import LiveServer
from tencentcloud.common import credential
from tencentcloud.common.exception.tencent_cloud_sdk_exception import TencentCloudSDKException
from tencentcloud.common.profile.client_profile import ClientProfile
from tencentcloud.common.profile.http_profile import HttpProfile
from tencentcloud.mqtt.v20240516 import models
from tencentcloud.mqtt.v20240516.mqtt_client import MqttClient

from clusters.models import Cluster
from console.accounts.services.access_keys import create_access_key
from console.core.actors import Actor
from tests.cast import user_of

pytestmark = [pytest.mark.database, pytest.mark.django_db(transaction=True)]


def client_of(actor: Actor, address: str, **profile: Any) -> MqttClient:
    """A client of the SDK with a new key of the actor's; ``profile`` sets attributes of its own."""
    new = create_access_key(actor, user=user_of(actor))
    http = HttpProfile(protocol="http", endpoint=address.removeprefix("http://"))
    settings = ClientProfile(httpProfile=http)
    for name, value in profile.items():
        setattr(settings, name, value)
    return MqttClient(credential.Credential(new.key.secret_id, new.secret_key), "local", settings)


@pytest.fixture
def sdk(live_server: LiveServer, owner: Actor) -> Iterator[MqttClient]:
    yield client_of(owner, live_server.url)


def request(name: str, **values: Any) -> Any:
    """A request of the SDK; its connection closes with the answer, so that no thread of the server
    waits for another one while the test's database goes.
    """
    built = getattr(models, f"{name}Request")()
    built.headers = {"Connection": "close"}
    for key, value in values.items():
        setattr(built, key, value)
    return built


def test_the_sdk_lists_what_can_be_bought(sdk: MqttClient) -> None:
    answer = sdk.DescribeProductSKUList(request("DescribeProductSKUList"))
    assert answer.RequestId
    assert answer.TotalCount == len(answer.MQTTProductSkuList)


def test_the_sdk_creates_a_topic_and_reads_it_back(
    sdk: MqttClient, running_cluster: Cluster
) -> None:
    named = {"InstanceId": running_cluster.public_id, "Topic": "home"}
    sdk.CreateTopic(request("CreateTopic", **named, Remark="客厅"))
    assert sdk.DescribeTopic(request("DescribeTopic", **named)).Remark == "客厅"


def test_the_sdk_raises_a_refusal_with_its_code(sdk: MqttClient, other_cluster: Cluster) -> None:
    with pytest.raises(TencentCloudSDKException) as caught:
        sdk.DescribeInstance(request("DescribeInstance", InstanceId=other_cluster.public_id))
    assert caught.value.code == "ResourceNotFound.Instance"
    assert caught.value.requestId


def test_the_sdk_may_leave_the_payload_unsigned(live_server: LiveServer, owner: Actor) -> None:
    sdk = client_of(owner, live_server.url, unsignedPayload=True)
    assert sdk.DescribeProductSKUList(request("DescribeProductSKUList")).RequestId


def test_the_sdk_with_a_wrong_secret_is_refused(live_server: LiveServer, owner: Actor) -> None:
    sdk = client_of(owner, live_server.url)
    sdk.credential.secret_key = "wrong"
    with pytest.raises(TencentCloudSDKException) as caught:
        sdk.DescribeProductSKUList(request("DescribeProductSKUList"))
    assert caught.value.code == "AuthFailure.SignatureFailure"


@pytest.mark.parametrize("method", ["HmacSHA256", "HmacSHA1"])
def test_older_ways_to_sign_are_refused_with_a_reason(
    live_server: LiveServer, owner: Actor, method: str
) -> None:
    sdk = client_of(owner, live_server.url, signMethod=method)
    with pytest.raises(TencentCloudSDKException, match="application/json") as caught:
        sdk.DescribeProductSKUList(request("DescribeProductSKUList"))
    assert caught.value.code == "InvalidRequest"
