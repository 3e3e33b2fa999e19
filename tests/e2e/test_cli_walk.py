"""The same way once more from the command line, in processes of its own."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.e2e.cloud import CloudCluster
from tests.e2e.product import Product, eventually
from tests.node.devices import Device

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(120)]

UNKNOWN = "mqtt-00000000"


def test_what_the_command_line_does_the_devices_and_the_sdk_see(
    product: Product, plant: CloudCluster, new_device: Callable[..., Device]
) -> None:
    assert done(product, "CreateTopic", InstanceId=plant.id, Topic="by-hand", Remark="命令行") == {
        "InstanceId": plant.id,
        "Topic": "by-hand",
    }
    assert plant.call("DescribeTopic", Topic="by-hand").Remark == "命令行"

    device = new_device(plant.port, "listener").connect()
    device.subscribe("by-hand/#", 1)
    message = {"TargetTopic": "by-hand/1", "Payload": "from a terminal"}
    message_id = done(product, "PublishMessage", InstanceId=plant.id, **message)["MessageId"]
    assert device.received.get(timeout=10) == "from a terminal"
    eventually(lambda: plant.messages("by-hand/#", 0), "the log holds it")
    assert plant.body(message_id) == "from a terminal"

    done(product, "KickOutClient", InstanceId=plant.id, ClientId="listener")
    assert device.reasons.get(timeout=10).is_failure
    done(product, "DeleteTopic", InstanceId=plant.id, Topic="by-hand")
    assert plant.refusal("DescribeTopic", Topic="by-hand") == "ResourceNotFound.Topic"


@pytest.mark.parametrize(
    ("action", "parameters"),
    [
        ("CreateTopic", {"InstanceId": UNKNOWN, "Topic": "home"}),
        ("KickOutClient", {"ClientId": "nobody-of-this-name"}),
        ("DescribeMessageDetails", {"MessageId": "0006000000000000"}),
    ],
)
def test_the_command_line_is_refused_with_the_code_of_the_api(
    product: Product, plant: CloudCluster, action: str, parameters: dict[str, str]
) -> None:
    """Refusals of the gate and of the runtime; ``tests/api/test_same_refusals.py`` has more."""
    named = {"InstanceId": plant.id, **parameters}
    status, answer = product.act(action, **named)
    assert status == 1
    assert answer["Error"]["Code"] == plant.cloud.refusal(action, **named)


def done(product: Product, action: str, **parameters: str) -> dict[str, Any]:
    """The answer of an action that is carried out, without its request id."""
    status, answer = product.act(action, **parameters)
    assert status == 0, answer
    del answer["RequestId"]
    return answer
