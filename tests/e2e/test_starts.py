"""Starts and ends of the whole product; a product of its own, for it dies often here."""

from __future__ import annotations

import signal
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.cloud import Cloud, CloudCluster
from tests.e2e.product import START_S, Product, accepts, eventually
from tests.node.devices import Device

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(240)]


@pytest.fixture
def own_product() -> Iterator[Product]:
    """Not started yet."""
    with tempfile.TemporaryDirectory(prefix="sb-", dir="/tmp") as folder:
        product = Product(Path(folder) / "home")
        yield product
        product.close()


def test_every_end_leaves_nothing_behind_and_every_start_finds_what_was_there(
    own_product: Product,
) -> None:
    first_s = own_product.start()
    cluster = Cloud(own_product).create_running_cluster("kept")
    cluster.let_in("device", "secret")
    leave_a_message(cluster)
    stop_as_with_ctrl_c(own_product, cluster)

    second_s = own_product.start()
    times = f"first start {first_s:.1f} s, second start {second_s:.1f} s"
    print(times)  # noqa: T201  # worth to be seen
    assert second_s < START_S
    find_the_message(cluster)
    kill_the_supervisor(own_product, cluster)

    own_product.start()
    find_the_message(cluster)
    own_product.stop()


def leave_a_message(cluster: CloudCluster) -> None:
    device = Device(cluster.port, "keeper").connect()
    assert device.publish("plant/kept", "still here", 1, retain=True)
    device.disconnect()


def find_the_message(cluster: CloudCluster) -> None:
    device = Device(cluster.port, "finder").connect()
    device.subscribe("plant/kept", 1)
    assert device.received.get(timeout=10) == "still here"
    device.disconnect()


def stop_as_with_ctrl_c(product: Product, cluster: CloudCluster) -> None:
    port = cluster.port
    names = [process.name() for process in product.processes()]
    assert len(names) >= 6, f"supervisor, Valkey, web, worker, beat and a runtime: {names}"
    product.stop()
    assert not accepts(port)
    assert "nothing is left running" in product.said()


def kill_the_supervisor(product: Product, cluster: CloudCluster) -> None:
    port = cluster.port
    assert product.signal(signal.SIGKILL) == -signal.SIGKILL
    eventually(lambda: not product.processes(), "every process has ended", within_s=10)
    assert not accepts(port)
