"""A cluster whose node is a fake that keeps the contract."""

from __future__ import annotations

import pytest

from clusters.models import Cluster
from tests.provisioning.fake_node import FakeNode


@pytest.fixture
def node(running_cluster: Cluster, monkeypatch: pytest.MonkeyPatch) -> FakeNode:
    """The node of ``running_cluster``, empty."""
    fake = FakeNode()
    monkeypatch.setattr("console.provisioning.gateway_of", lambda row: fake)
    return fake
