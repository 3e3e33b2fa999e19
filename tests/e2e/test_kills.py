"""``kill -9`` of one part after the other, in the middle of its work."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from tests.e2e.cloud import Cloud, CloudCluster
from tests.e2e.product import Product, accepts, eventually
from tests.node.devices import Device

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(120)]

NewDevice = Callable[..., Device]


def test_a_worker_killed_while_it_creates_a_cluster_loses_nothing(
    product: Product, cloud: Cloud
) -> None:
    def job(instance_id: str) -> list[tuple[str, int, int]]:
        return product.rows(
            "SELECT state, step, attempt FROM core_job WHERE subject = ?", instance_id
        )

    with product.held():  # no node will come up: the worker waits for it until it is killed
        order = {"InstanceType": "BASIC", "SkuCode": "basic_2k", "Name": "unlucky"}
        cluster = CloudCluster(cloud, cloud.call("CreateInstance", **order).InstanceId)
        eventually(lambda: job(cluster.id) == [("running", 2, 1)], "the job waits for the node")
        product.kill("worker")
    cluster.wait_until("RUNNING", within_s=60)
    eventually(lambda: job(cluster.id)[0][0] == "succeeded", "the job ends")
    ((_state, _step, attempt),) = job(cluster.id)
    assert attempt == 2
    nodes = product.rows(
        "SELECT node_id FROM clusters_node WHERE cluster_public_id = ?", cluster.id
    )
    assert nodes == [(cluster.node_id,)]
    assert accepts(cluster.port)
    cluster.call("DeleteInstance")


def test_a_runtime_killed_with_queued_messages_is_back_at_once_and_loses_none(
    product: Product, plant: CloudCluster, new_device: NewDevice
) -> None:
    port = plant.port
    sleeper = new_device(port, "sleeper", clean=False).connect()
    sleeper.subscribe("plant/queue", 1)
    sleeper.disconnect()
    sender = new_device(port, "sender").connect()
    sent = [f"message {number}" for number in range(50)]
    for payload in sent:
        assert sender.publish("plant/queue", payload, 1), "acknowledged"
    began_s = time.monotonic()
    before = product.kill(plant.node_id)
    assert sender.reasons.get(timeout=10).is_failure
    # The port alone would not do: a process takes connections until its last thread has ended.
    eventually(
        lambda: product.pid(plant.node_id) not in (before, None) and accepts(port),
        "the port is back",
        within_s=2,
        every_s=0.02,
    )
    back_s = time.monotonic() - began_s
    print(f"the runtime was back after {back_s:.2f} s")  # noqa: T201  # worth to be seen
    again = new_device(port, "sleeper", clean=False).connect()
    assert again.session_present
    assert [again.received.get(timeout=10) for _ in sent] == sent


def test_web_killed_while_clients_publish_refuses_none(
    product: Product, plant: CloudCluster
) -> None:
    traffic = Traffic(plant.port)
    with traffic.running():
        eventually(lambda: traffic.acknowledged > 20, "messages flow")
        before = product.kill("web")
        eventually(lambda: product.healthz()[0] == 0, "the pages are away")
        seen = traffic.acknowledged, traffic.welcomed
        eventually(lambda: traffic.acknowledged > seen[0] + 20, "messages flow on")
        eventually(lambda: traffic.welcomed > seen[1] + 2, "clients are let in")
        away = product.healthz()[0] == 0
        product.wait_until_healthy()
    assert away, "all that went on while the pages were away"
    assert product.pid("web") != before
    assert traffic.refused == []


class Traffic:
    """A client that publishes all the time, and one that comes and goes."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._stop = threading.Event()
        self.acknowledged = 0
        self.welcomed = 0
        self.refused: list[str] = []

    @contextmanager
    def running(self) -> Iterator[None]:
        """Publish and connect until the end of the block."""
        threads = [threading.Thread(target=self._publish), threading.Thread(target=self._visit)]
        for thread in threads:
            thread.start()
        try:
            yield
        finally:
            self._stop.set()
            for thread in threads:
                thread.join(30)

    def _publish(self) -> None:
        steady = Device(self._port, "steady").connect()
        while not self._stop.is_set():
            if not steady.publish("plant/steady", "x", 1):
                self.refused.append("a message was not acknowledged")
                break
            self.acknowledged += 1
        steady.disconnect()

    def _visit(self) -> None:
        while not self._stop.is_set():
            try:
                Device(self._port, "visitor").connect().disconnect()
            except (AssertionError, OSError) as failure:
                self.refused.append(f"a client was not let in: {failure}")
                return
            self.welcomed += 1


def test_healthz_names_a_runtime_that_is_down(product: Product, plant: CloudCluster) -> None:
    token = product.home / "nodes" / plant.node_id / "control.token"
    content = token.read_text()
    token.write_text("short")  # a runtime refuses to start with such a token
    try:
        product.kill(plant.node_id)
        answer = eventually(lambda: _incomplete(product), "/healthz sees it")
    finally:
        token.write_text(content)
    # Between two attempts it waits; in an attempt it runs and does not serve.
    assert answer["status"] == "unavailable"
    assert answer["missing"].keys() == {plant.node_id}
    assert answer["missing"][plant.node_id] in ("waiting", "not ready")
    product.wait_until_healthy()
    eventually(lambda: accepts(plant.port), "the port is back")


def _incomplete(product: Product) -> dict[str, Any] | None:
    status, body = product.healthz()
    return body if status == 503 else None
