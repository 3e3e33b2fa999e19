"""Fixtures of the cluster tests."""

from __future__ import annotations

import dataclasses
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from clusters import lifecycle
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
from clusters.waiting import Clock
from console.core import jobs
from console.core.models import Job
from tests.cast import FakeGateway
from tests.clusters.worker import FakeClock, Killed
from tests.provisioning.fake_node import FakeNode

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


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> FakeClock:
    """The clock of the lifecycle jobs."""
    fake = FakeClock()
    monkeypatch.setattr(lifecycle, "CLOCK", Clock(now_s=lambda: fake.now, pause=fake.pause))
    return fake


@pytest.fixture
def node(monkeypatch: pytest.MonkeyPatch) -> FakeNode:
    """The node of whatever cluster is made; it runs when its row says that it should."""
    fake = FakeNode()
    monkeypatch.setattr("console.provisioning.gateway_of", lambda row: fake)
    monkeypatch.setattr("clusters.waiting.gateway_of", lambda row: fake)
    return fake


@pytest.fixture
def home(settings: Any, tmp_path: Path) -> Path:
    """A home with three MQTT ports that are free on this machine."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        first = probe.getsockname()[1]
    settings.ENVIRONMENT = dataclasses.replace(
        settings.ENVIRONMENT, home=tmp_path, mqtt_ports=range(first, first + 3)
    )
    return tmp_path


@pytest.fixture
def bindable(monkeypatch: pytest.MonkeyPatch) -> set[int]:
    """Ports that other programs hold; tests add to it."""
    held: set[int] = set()
    monkeypatch.setattr("clusters.ports.is_bindable", lambda host, port: port not in held)
    monkeypatch.setattr(
        "clusters.services.lifecycle.is_bindable", lambda host, port: port not in held
    )
    return held


@pytest.fixture
def stage(clock: FakeClock, node: FakeNode, home: Path, bindable: set[int]) -> None:
    """Nothing takes real time, real ports or a real node."""


@pytest.fixture
def killed_at(monkeypatch: pytest.MonkeyPatch) -> Callable[[int], None]:
    """Have the worker die when it announces a step."""
    advance = jobs._advance

    def arm(step: int) -> None:
        def maybe_die(job: Job, number: int, step_name: str) -> None:
            if number == step:
                monkeypatch.setattr(jobs, "_advance", advance)
                raise Killed
            advance(job, number, step_name)

        monkeypatch.setattr(jobs, "_advance", maybe_die)

    return arm
