"""One node for the tests of a module; it lets everybody in."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.clients import with_gmqtt, with_mosquitto
from tests.node.process import NodeProcess


@pytest.fixture(scope="module")
def port(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    """The MQTT port of a node."""
    node = NodeProcess(tmp_path_factory.mktemp("node"))
    try:
        node.start_ready(node.standalone)
        yield node.mqtt_port
    finally:
        node.close()


@pytest.fixture(scope="session", autouse=True)
def _gmqtt(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Install the one library that cannot live beside our tests."""
    with_gmqtt.install(tmp_path_factory.mktemp("gmqtt"))


@pytest.fixture(autouse=True)
def _nothing_left() -> Iterator[None]:
    """A test that fails leaves no program running."""
    yield
    with_mosquitto.kill_the_rest()
