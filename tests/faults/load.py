"""A publisher that notes what was acknowledged, and a durable subscriber that reads it all."""

from __future__ import annotations

import queue

from tests.node.devices import Device
from tests.node.process import NodeProcess

TOPIC = "plant/line"
PAYLOAD = "x" * 20_000


def subscribe_and_leave(node: NodeProcess) -> None:
    """A durable session that everything must be kept for."""
    keeper = Device(node.mqtt_port, "keeper", clean=False).connect()
    keeper.subscribe("plant/#", 1)
    keeper.disconnect()


class Load:
    """Numbered messages; ``acknowledged`` are those the node has promised to keep."""

    def __init__(self, node: NodeProcess) -> None:
        self.acknowledged: set[str] = set()
        self._node = node
        self._number = 0

    def publish(self, count: int) -> int:
        """Publish one after the other, QoS 1, until one is not acknowledged; how many were."""
        device = Device(self._node.mqtt_port, "sensor").connect()
        done = 0
        while done < count and device.publish(TOPIC, f"{self._number}-{PAYLOAD}", 1):
            self.acknowledged.add(str(self._number))
            self._number += 1
            done += 1
        self._number += 1
        device.disconnect()
        return done

    def assert_all_there(self) -> None:
        """Everything acknowledged reaches the durable session."""
        keeper = Device(self._node.mqtt_port, "keeper", clean=False).connect()
        assert keeper.session_present
        received: set[str] = set()
        try:
            while not self.acknowledged <= received:
                received.add(keeper.received.get(timeout=10).partition("-")[0])
        except queue.Empty:
            pass
        keeper.disconnect()
        assert self.acknowledged - received == set()
