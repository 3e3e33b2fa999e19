"""Fixtures of the telemetry tests."""

from __future__ import annotations

import pytest

from clusters.models import Cluster, Node
from tests.cast import make_cluster, make_owner


@pytest.fixture
def shown_cluster(transactional_db: None) -> Cluster:
    """A running cluster whose rows other threads see as well."""
    return make_cluster(make_owner().account_uin)


@pytest.fixture
def reporting_node(shown_cluster: Cluster) -> Node:
    """Its node; nothing runs behind it, and it holds the newest configuration."""
    node = shown_cluster.nodes.get()
    Node.objects.update(applied_revision=shown_cluster.revision)
    return node
