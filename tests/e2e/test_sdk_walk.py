"""The whole way through the product with the official SDK and real MQTT clients."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import pytest
from tencentcloud.common import abstract_client

from tests.e2e.cloud import Cloud, CloudCluster
from tests.e2e.product import Product, eventually
from tests.node.devices import Device

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(180)]

ACTIONS = {
    *("DescribeProductSKUList", "CreateInstance", "DescribeInstanceList", "DescribeInstance"),
    *("ModifyInstance", "DeleteInstance", "CreateTopic", "ModifyTopic", "DescribeTopic"),
    *("DescribeTopicList", "DeleteTopic", "CreateUser", "ModifyUser", "DescribeUserList"),
    *("DeleteUser", "CreateAuthorizationPolicy", "DescribeAuthorizationPolicies"),
    *("DeleteAuthorizationPolicy", "DescribeClientList", "KickOutClient", "PublishMessage"),
    *("DescribeMessageByTopic", "DescribeMessageDetails", "DescribeInsPublicEndpoints"),
    "DescribeInsVPCEndpoints",
}
"""What the SDK must be able to do; the walk ends by asking whether it did all of it."""

NewDevice = Callable[..., Device]


def test_the_sdk_walks_from_an_order_to_a_message_and_back(
    product: Product, new_device: NewDevice
) -> None:
    cloud = Cloud(product)
    cluster = order_the_smallest_cluster(cloud)
    rename_it(cluster)
    lay_out_topics(cluster)
    admit_a_device(cluster)
    sensor, listener = connect_both_versions(cluster, new_device)
    send_from_device_to_device(cluster, sensor, listener)
    send_from_the_cloud(cluster, listener)
    kick_out(cluster, sensor)
    clear_away(cluster)
    assert cloud.called == ACTIONS


def order_the_smallest_cluster(cloud: Cloud) -> CloudCluster:
    skus = cloud.call("DescribeProductSKUList").MQTTProductSkuList
    smallest = min((sku for sku in skus if sku.OnSale), key=lambda sku: sku.TpsLimit)
    order = {"InstanceType": smallest.InstanceType, "SkuCode": smallest.SkuCode}
    tags = [{"TagKey": "floor", "TagValue": "2"}]
    answer = cloud.call("CreateInstance", Name="walk", Remark="三号车间", TagList=tags, **order)
    cluster = CloudCluster(cloud, answer.InstanceId)
    cluster.wait_until("RUNNING")
    found = cluster.call("DescribeInstance")
    assert (found.InstanceName, found.Remark) == ("walk", "三号车间")
    assert (found.SkuCode, found.TpsLimit) == (smallest.SkuCode, smallest.TpsLimit)
    assert (found.ClientNumLimit, found.TopicNum) == (smallest.ClientNumLimit, 0)
    assert abs(found.CreatedTime - time.time()) < 300, "seconds, here alone"
    return cluster


def rename_it(cluster: CloudCluster) -> None:
    cluster.call("ModifyInstance", Name="walk-2", Remark="", MessageRate=500)
    by_name = [{"Name": "InstanceName", "Values": ["walk-2"]}]
    listed = cluster.cloud.call("DescribeInstanceList", Filters=by_name, Offset=0, Limit=20)
    assert [item.InstanceId for item in listed.Data] == [cluster.id]
    assert abs(listed.Data[0].CreateTime / 1000 - time.time()) < 300, "milliseconds"
    assert cluster.call("DescribeInstance").MessageRate == 500


def lay_out_topics(cluster: CloudCluster) -> None:
    cluster.call("CreateTopic", Topic="plant", Remark="all machines")
    cluster.call("CreateTopic", Topic="office")
    cluster.call("ModifyTopic", Topic="plant", Remark="所有机器")
    assert cluster.call("DescribeTopic", Topic="plant").Remark == "所有机器"
    listed = cluster.call("DescribeTopicList", Offset=0, Limit=20)
    assert {topic.Topic for topic in listed.Data} == {"plant", "office"}
    assert cluster.refusal("CreateTopic", Topic="plant") == (
        "UnsupportedOperation.ResourceAlreadyExists"
    )


def admit_a_device(cluster: CloudCluster) -> None:
    cluster.call("CreateUser", Username="sensor", Password="first-floor_7", Remark="old")
    cluster.call("ModifyUser", Username="sensor", Remark="new")
    users = cluster.call("DescribeUserList", Offset=0, Limit=20).Data
    assert [(user.Username, user.Remark) for user in users] == [("sensor", "new")]
    cluster.call(
        "CreateAuthorizationPolicy",
        PolicyName="sensor-on-plant",
        PolicyVersion=1,
        Priority=1,
        Effect="allow",
        Actions="connect,pub,sub",
        Resources="plant/#",
        Username="sensor",
        Qos="0,1,2",
        Retain=3,
    )
    (policy,) = cluster.call("DescribeAuthorizationPolicies").Data
    assert (policy.PolicyName, policy.Effect, policy.Resources) == (
        *("sensor-on-plant", "allow", "plant/#"),
    )


def connect_both_versions(cluster: CloudCluster, new_device: NewDevice) -> tuple[Device, Device]:
    public = cluster.call("DescribeInsPublicEndpoints")
    assert (public.Status, public.Endpoints) == ("CLOSE", [])
    (endpoint,) = cluster.call("DescribeInsVPCEndpoints").Endpoints
    assert (endpoint.Type, endpoint.Host, endpoint.PortEnable) == ("mqtt-tcp", "127.0.0.1", True)
    known = {"username": "sensor", "password": "first-floor_7"}
    sensor = new_device(endpoint.Port, "sensor-1", version=4, **known).connect()
    listener = new_device(endpoint.Port, "listener-1", version=5, **known).connect()
    listener.subscribe("plant/+/heat", 1)
    clients = eventually(
        lambda: len(online := cluster.online_clients()) == 2 and online, "both clients are listed"
    )
    assert isinstance(clients, dict)
    assert clients["sensor-1"].ProtocolVersion == 4
    assert clients["listener-1"].ProtocolVersion == 5
    assert clients["listener-1"].ClientAddress.startswith("127.0.0.1")
    (subscription,) = clients["listener-1"].MQTTClientSubscriptions
    assert (subscription.TopicFilter, subscription.Qos) == ("plant/+/heat", 1)
    return sensor, listener


def send_from_device_to_device(cluster: CloudCluster, sensor: Device, listener: Device) -> None:
    since_ms = now_ms()
    assert sensor.publish("plant/line-1/heat", "21.5 °C", 1)
    assert listener.received.get(timeout=10) == "21.5 °C"
    message = the_message(cluster, "plant/line-1/heat", since_ms)
    assert (message.ClientId, message.OriginTopic, message.Qos) == (
        *("sensor-1", "plant/line-1/heat", "1"),
    )
    details = cluster.call("DescribeMessageDetails", MessageId=message.MessageId)
    assert (details.Body, details.ClientId, details.Retain) == ("21.5 °C", "sensor-1", False)


def send_from_the_cloud(cluster: CloudCluster, listener: Device) -> None:
    since_ms = now_ms()
    to_topic = {"TargetTopic": "plant/line-2/heat", "Payload": "aG90", "Encoding": "base64"}
    cluster.call("PublishMessage", **to_topic, Qos=1)
    assert listener.received.get(timeout=10) == "hot"
    message = the_message(cluster, "plant/line-2/#", since_ms)
    assert cluster.body(message.MessageId) == "hot"
    cluster.call("PublishMessage", TargetClientId="listener-1", Payload="to you alone")
    assert listener.received.get(timeout=10) == "to you alone"


def kick_out(cluster: CloudCluster, sensor: Device) -> None:
    cluster.call("KickOutClient", ClientId="sensor-1")
    assert sensor.reasons.get(timeout=10).is_failure, "the line was cut, not closed by the sensor"
    eventually(lambda: "sensor-1" not in cluster.online_clients(), "sensor-1 is no longer listed")


def clear_away(cluster: CloudCluster) -> None:
    (policy,) = cluster.call("DescribeAuthorizationPolicies").Data
    cluster.call("DeleteAuthorizationPolicy", Id=policy.Id)
    cluster.call("DeleteUser", Username="sensor")
    cluster.call("DeleteTopic", Topic="office")
    assert cluster.refusal("DeleteInstance") == "ResourceInUse"
    cluster.call("DeleteTopic", Topic="plant")
    cluster.call("DeleteInstance")
    eventually(
        lambda: (
            cluster.id
            not in {
                item.InstanceId
                for item in cluster.cloud.call("DescribeInstanceList", Offset=0, Limit=100).Data
            }
        ),
        "the deleted cluster is listed no more",
    )
    assert cluster.refusal("DescribeInstance") == "ResourceNotFound.Instance"


def the_message(cluster: CloudCluster, topic: str, since_ms: int) -> Any:
    """The one message under a filter since an instant, as soon as the log has it."""
    found = eventually(lambda: cluster.messages(topic, since_ms), f"the log holds {topic}")
    (message,) = found
    return message


def now_ms() -> int:
    """The clock of this machine, which the product shares."""
    return int(time.time() * 1000)


def test_a_wrong_secret_is_refused(product: Product) -> None:
    stranger = Cloud(product, secret_key="not-the-walkers-key")
    assert stranger.refusal("DescribeInstanceList") == "AuthFailure.SignatureFailure"


@pytest.mark.parametrize("off_by_s", [-600, 600])
def test_a_call_signed_at_another_time_is_refused(
    cloud: Cloud, monkeypatch: pytest.MonkeyPatch, off_by_s: int
) -> None:
    class WrongClock:
        @staticmethod
        def time() -> float:
            return time.time() + off_by_s

    monkeypatch.setattr(abstract_client, "time", WrongClock)
    assert cloud.refusal("DescribeInstanceList") == "AuthFailure.SignatureExpire"


def test_an_unknown_action_is_refused(cloud: Cloud) -> None:
    with pytest.raises(abstract_client.TencentCloudSDKException) as caught:
        cloud.client.call_json("MakeCoffee", {})
    assert caught.value.code == "InvalidAction"
