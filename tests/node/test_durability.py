"""``kill -9`` at random moments: nothing acknowledged is lost, nothing configured is forgotten."""

from __future__ import annotations

import queue
import random
import threading

import pytest

from broker_runtime.contract.queries import GetNodeState
from tests.control.fakes import with_topics
from tests.node.devices import Device

ROUNDS = 3


def everything(device: Device, wanted: set[str]) -> set[str]:
    """What the device received, until it has what is wanted or nothing comes any more."""
    seen: set[str] = set()
    try:
        while not wanted <= seen:
            seen.add(device.received.get(timeout=10))
    except queue.Empty:
        pass
    return seen


@pytest.mark.parametrize("version", [4, 5])
@pytest.mark.parametrize("seed", range(ROUNDS))
def test_kill_9_loses_no_acknowledged_message_of_a_persistent_session(running_node, seed, version):
    """F1 as a process: publishers have their PUBACK, the subscriber is away, the node is killed."""
    chance = random.Random(seed)
    keeper = Device(running_node.mqtt_port, "keeper", version=version, clean=False).connect()
    keeper.subscribe("plant/#", 1)
    keeper.disconnect()
    acknowledged: set[str] = set()
    enough = threading.Event()
    kill_after = chance.randint(20, 300)

    def publish(name: str) -> None:
        device = Device(running_node.mqtt_port, name).connect()
        number = 0
        while device.publish("plant/line", f"{name}-{number}", 1):
            acknowledged.add(f"{name}-{number}")
            number += 1
            if len(acknowledged) >= kill_after:
                enough.set()
        device.disconnect()

    threads = [threading.Thread(target=publish, args=(f"sensor-{n}",)) for n in range(3)]
    for thread in threads:
        thread.start()
    assert enough.wait(60)
    running_node.kill()
    for thread in threads:
        thread.join()

    running_node.start_ready(running_node.managed)
    keeper = Device(running_node.mqtt_port, "keeper", version=version, clean=False).connect()
    received = everything(keeper, acknowledged)
    keeper.disconnect()

    assert keeper.session_present
    assert acknowledged - received == set()


def test_kill_9_loses_no_retained_message_and_no_subscription(running_node):
    keeper = Device(running_node.mqtt_port, "keeper", clean=False).connect()
    keeper.subscribe("plant/+/state", 1)
    device = Device(running_node.mqtt_port, "sensor-1").connect()
    assert device.publish("plant/1/setting", "on", 1, retain=True)
    running_node.kill()
    keeper.disconnect()
    device.disconnect()

    running_node.start_ready(running_node.managed)
    device = Device(running_node.mqtt_port, "sensor-1").connect()
    keeper = Device(running_node.mqtt_port, "keeper", clean=False).connect()
    device.publish("plant/2/state", "ok", 1)
    device.subscribe("plant/1/setting", 1)

    assert device.received.get(timeout=10) == "on"
    assert keeper.received.get(timeout=10) == "ok"
    device.disconnect()
    keeper.disconnect()


@pytest.mark.parametrize("seed", range(ROUNDS))
def test_kill_9_while_configurations_are_pushed_keeps_the_last_acknowledged_one(running_node, seed):
    chance = random.Random(seed)
    acknowledged = [1]
    enough = threading.Event()
    kill_after = chance.randint(3, 40)

    def push() -> None:
        try:
            while True:
                revision = acknowledged[-1]
                change = with_topics(revision, revision + 1, f"topic-{revision}")
                acknowledged.append(running_node.configure(change))
                if len(acknowledged) >= kill_after:
                    enough.set()
        except Exception:
            enough.set()

    thread = threading.Thread(target=push)
    thread.start()
    assert enough.wait(60)
    running_node.kill()
    thread.join()

    running_node.start_ready(running_node.managed)
    held = running_node.gateway.query(GetNodeState(), timeout_s=5).revision

    assert len(acknowledged) >= kill_after
    assert held in (acknowledged[-1], acknowledged[-1] + 1)
