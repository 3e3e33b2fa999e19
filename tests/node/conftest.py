"""Nodes as processes of their own."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.control.fakes import whole
from tests.node.process import NodeProcess


@pytest.fixture
def new_node(tmp_path: Path) -> Iterator[Callable[[str], NodeProcess]]:
    """Makes nodes, not started, each in a folder of its own; ends them after the test."""
    nodes: list[NodeProcess] = []

    def make(name: str) -> NodeProcess:
        (tmp_path / name).mkdir()
        nodes.append(NodeProcess(tmp_path / name))
        return nodes[-1]

    yield make
    for node in nodes:
        node.close()


@pytest.fixture
def node(new_node: Callable[[str], NodeProcess]) -> NodeProcess:
    """A node that was not started."""
    return new_node("n0")


@pytest.fixture
def running_node(node: NodeProcess) -> NodeProcess:
    """A node of a console, configured at revision 1, open to everybody with a username."""
    node.start(node.managed)
    node.configure(whole(1, node.mqtt_port))
    node.wait_ready()
    return node
