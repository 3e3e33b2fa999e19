"""Fixtures of the cluster tests."""

from __future__ import annotations

import pytest

from clusters.gateway import (
    Client,
    ClientPage,
    GetClient,
    KickClient,
    Kicked,
    ListClients,
    NodeRefused,
    Subscription,
)
from tests.cast import FakeGateway

THERMOMETER = Client(
    client_id="thermometer",
    username="sensor",
    address="192.0.2.7:50000",
    protocol_version=5,
    keep_alive_s=60,
    connected=True,
    clean_start=False,
    session_expiry_s=3600,
    created_ms=1_700_000_000_000,
    connected_ms=1_700_000_001_000,
    disconnected_ms=0,
    subscriptions=(Subscription(topic_filter="home/#", qos=1, unacknowledged=2, backlog=3),),
)


def _only(client_id: str) -> None:
    if client_id != THERMOMETER.client_id:
        raise NodeRefused("not_found", "no such session")


@pytest.fixture
def runtime(monkeypatch: pytest.MonkeyPatch) -> FakeGateway:
    """The runtime of every cluster: one client, ``thermometer``."""

    def get(query: GetClient) -> Client:
        _only(query.client_id)
        return THERMOMETER

    def kick(command: KickClient) -> Kicked:
        _only(command.client_id)
        return Kicked(was_connected=True, session_deleted=command.delete_session)

    gateway = FakeGateway(
        {
            ListClients: ClientPage(clients=(THERMOMETER,), total=1),
            GetClient: get,
            KickClient: kick,
        }
    )
    monkeypatch.setattr("clusters.nodes.gateway_of", lambda node: gateway)
    return gateway
