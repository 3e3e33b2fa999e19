"""The official SDK, unmodified, as a person with an API key uses it."""

from __future__ import annotations

import json
from typing import Any

import pytest
from tencentcloud.common import credential
from tencentcloud.common.exception.tencent_cloud_sdk_exception import TencentCloudSDKException
from tencentcloud.common.profile.client_profile import ClientProfile
from tencentcloud.common.profile.http_profile import HttpProfile
from tencentcloud.mqtt.v20240516 import models
from tencentcloud.mqtt.v20240516.mqtt_client import MqttClient

from tests.e2e.product import DEADLINE_S, SECRET_ID, SECRET_KEY, Product, eventually


class Cloud:
    """Calls the cloud API of a product; remembers which actions it has called."""

    def __init__(self, product: Product, *, secret_key: str = SECRET_KEY) -> None:
        self.called: set[str] = set()
        http = HttpProfile(
            protocol="http", endpoint=product.address.removeprefix("http://"), reqTimeout=30
        )
        self.client = MqttClient(
            credential.Credential(SECRET_ID, secret_key), "local", ClientProfile(httpProfile=http)
        )

    def call(self, action: str, **parameters: Any) -> Any:
        """The SDK's answer; raises the SDK's exception for a refusal."""
        request = getattr(models, f"{action}Request")()
        request.from_json_string(json.dumps(parameters))
        self.called.add(action)
        answer = getattr(self.client, action)(request)
        assert answer.RequestId
        return answer

    def refusal(self, action: str, **parameters: Any) -> str:
        """The code with which the call is refused; fails when it is not."""
        with pytest.raises(TencentCloudSDKException) as caught:
            self.call(action, **parameters)
        assert caught.value.message
        assert caught.value.requestId
        return str(caught.value.code)

    def create_running_cluster(self, name: str, **parameters: Any) -> CloudCluster:
        """Order the smallest cluster and wait until it runs."""
        order = {"InstanceType": "BASIC", "SkuCode": "basic_2k", "Name": name, **parameters}
        cluster = CloudCluster(self, self.call("CreateInstance", **order).InstanceId)
        cluster.wait_until("RUNNING")
        return cluster


class CloudCluster:
    """One cluster, seen through the SDK."""

    def __init__(self, cloud: Cloud, instance_id: str) -> None:
        self.cloud = cloud
        self.id = instance_id
        self.node_id = f"{instance_id}-n0"

    def call(self, action: str, **parameters: Any) -> Any:
        """An action on this cluster."""
        return self.cloud.call(action, InstanceId=self.id, **parameters)

    def refusal(self, action: str, **parameters: Any) -> str:
        """Code of the refusal of an action on this cluster."""
        return self.cloud.refusal(action, InstanceId=self.id, **parameters)

    def wait_until(self, status: str, *, within_s: float = DEADLINE_S) -> None:
        """Poll, as a script would, until the cluster is in a state."""
        eventually(
            lambda: self.call("DescribeInstance").InstanceStatus == status,
            f"{self.id} is {status}",
            within_s=within_s,
        )

    @property
    def port(self) -> int:
        """Where devices connect, as the API says."""
        endpoints = self.call("DescribeInsVPCEndpoints").Endpoints
        return next(int(e.Port) for e in endpoints if e.Type == "mqtt-tcp" and e.PortEnable)

    def let_in(self, username: str, password: str) -> None:
        """Create a user who may do anything."""
        self.call("CreateUser", Username=username, Password=password)
        self.call(
            "CreateAuthorizationPolicy",
            PolicyName=f"all-for-{username}",
            Priority=self.next_priority(),
            Effect="allow",
            Actions="connect,pub,sub",
            Username=username,
        )

    def next_priority(self) -> int:
        """One after the last policy's."""
        taken = [p.Priority for p in self.call("DescribeAuthorizationPolicies").Data]
        return max(taken, default=0) + 1

    def online_clients(self) -> dict[str, Any]:
        """Client id → client, of those that are connected."""
        clients = self.call("DescribeClientList", OnlineStatus=1).Clients
        return {client.ClientId: client for client in clients}

    def messages(self, topic: str, since_ms: int) -> list[Any]:
        """The message log under a topic filter."""
        found = self.call("DescribeMessageByTopic", Topic=topic, StartTime=since_ms, MaxNumber=100)
        return list(found.Data)

    def body(self, message_id: str) -> str:
        """Payload of a message."""
        return str(self.call("DescribeMessageDetails", MessageId=message_id).Body)
