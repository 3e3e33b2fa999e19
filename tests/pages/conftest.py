"""Fixtures of the page tests."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from django.utils import timezone

from clusters.gateway import ClientEventList, GetNodeState, ListClientEvents, NodeState
from clusters.models import Cluster, Node
from tests.cast import FakeGateway
from tests.live_console import LiveConsole, running_console


@pytest.fixture
def runtime(monkeypatch: pytest.MonkeyPatch) -> FakeGateway:
    """The runtime of every cluster: it started two hours ago and nothing happened yet."""
    started_ms = int(timezone.now().timestamp() - 7200) * 1000
    gateway = FakeGateway(
        {
            GetNodeState: NodeState(
                cluster_id="mqtt-00000001",
                node_id="mqtt-00000001-n0",
                revision=1,
                ready=True,
                reason="",
                started_ms=started_ms,
                connections=7,
                listeners=("tcp://127.0.0.1:1883",),
            ),
            ListClientEvents: ClientEventList(events=()),
        }
    )
    monkeypatch.setattr("clusters.nodes.gateway_of", lambda node: gateway)
    return gateway


@pytest.fixture
def applied_cluster(running_cluster: Cluster) -> Cluster:
    """The owner's cluster, whose runtime holds the newest configuration."""
    Node.objects.filter(cluster=running_cluster).update(
        applied_revision=running_cluster.revision, applied_at=timezone.now()
    )
    return running_cluster


@pytest.fixture(scope="session")
def live_console(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveConsole]:
    """A console for real browsers; one for all tests of a worker."""
    with running_console(tmp_path_factory.mktemp("console")) as console:
        yield console
