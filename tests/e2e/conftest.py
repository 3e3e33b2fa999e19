"""The running product of the walks: one, shared, and everything runs in one process."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Generator, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.cloud import Cloud, CloudCluster
from tests.e2e.product import Product
from tests.node.devices import Device

FOLDER = Path(__file__).parent


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """All walks share the product, so one worker walks them."""
    for item in items:
        if item.path.is_relative_to(FOLDER) and item.get_closest_marker("e2e"):
            item.add_marker(pytest.mark.xdist_group("e2e"))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """A failed walk shows what the product's processes wrote last."""
    report = yield
    product = getattr(item, "funcargs", {}).get("product")
    if report.failed and isinstance(product, Product):
        report.sections.append(("what the product says", product.account()))
    return report


@pytest.fixture(scope="session")
def product() -> Iterator[Product]:
    """Signalbox, running. It is stopped as with Ctrl-C, and nothing of it may be left."""
    # Short: the private Valkey's socket is in it.
    with tempfile.TemporaryDirectory(prefix="sb-", dir="/tmp") as folder:
        product = Product(Path(folder) / "home")
        try:
            product.start()
            yield product
            product.stop()
        finally:
            product.close()


@pytest.fixture(autouse=True)
def everything_is_up(product: Product) -> None:
    """Whatever the test before has killed, each test meets a complete product."""
    product.wait_until_healthy()


@pytest.fixture(scope="session")
def cloud(product: Product) -> Cloud:
    """The SDK with the owner's key."""
    return Cloud(product)


@pytest.fixture(scope="session")
def plant(cloud: Cloud) -> CloudCluster:
    """A running cluster whose user "device" may do anything."""
    cluster = cloud.create_running_cluster("plant")
    cluster.let_in("device", "secret")
    return cluster


@pytest.fixture
def new_device() -> Iterator[Callable[..., Device]]:
    """Makes MQTT clients (``tests.node.devices.Device``); ends them after the test."""
    devices: list[Device] = []

    def make(port: int, client_id: str, **options: Any) -> Device:
        devices.append(Device(port, client_id, **options))
        return devices[-1]

    yield make
    for device in devices:
        device.disconnect()
