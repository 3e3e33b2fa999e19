"""Fixtures of the telemetry tests."""

from __future__ import annotations

import pytest

from clusters.models import Cluster, Node
from monitoring.selectors import metrics
from tests.cast import make_cluster, make_owner
from tests.monitoring.measurements import NOW_MS


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


@pytest.fixture
def fixed_now(monkeypatch: pytest.MonkeyPatch) -> None:
    """The present of ``measurements``."""
    monkeypatch.setattr(metrics, "_now_ms", lambda: NOW_MS)
