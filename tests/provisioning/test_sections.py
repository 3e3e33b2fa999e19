"""What the rows become in the configuration of a node."""

from __future__ import annotations

import hashlib
import hmac

import msgspec
import pytest

from authn.models import MqttUser
from authn.services import create_user
from broker_runtime.contract.configuration import Configuration, Policy
from clusters.models import SECTIONS, Cluster, Endpoint
from console.core.actors import Actor
from console.provisioning import BUILDERS, configuration_for
from policies.models import AuthorizationPolicy
from topics.models import Topic

pytestmark = [pytest.mark.django_db, pytest.mark.database]


def test_every_section_has_a_builder() -> None:
    assert tuple(BUILDERS) == SECTIONS


def test_the_whole_configuration_survives_the_wire(running_cluster: Cluster) -> None:
    Topic.objects.create(cluster=running_cluster, name="home")
    whole = configuration_for(running_cluster, base_revision=0)
    read = msgspec.json.decode(msgspec.json.encode(whole), type=Configuration)
    assert read == whole


def test_the_cluster_section_carries_the_limits(running_cluster: Cluster) -> None:
    running_cluster.message_rate = 7
    section = configuration_for(running_cluster, base_revision=0).sections.cluster
    assert section is not None
    assert section.cluster_id == running_cluster.public_id
    assert (section.tps_limit, section.max_connections, section.max_topics) == (2000, 2000, 100)
    assert (section.max_subscriptions, section.max_subscriptions_per_client) == (60_000, 30)
    assert section.client_message_rate == 7
    assert section.authorization_enabled
    assert section.auto_create_topics
    assert not section.isolated


def test_an_isolated_cluster_refuses_clients(running_cluster: Cluster) -> None:
    running_cluster.state = Cluster.State.OVERDUE
    section = configuration_for(running_cluster, base_revision=0).sections.cluster
    assert section is not None
    assert section.isolated


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        (Endpoint.Kind.TCP, "tcp"),
        (Endpoint.Kind.TLS, "tls"),
        (Endpoint.Kind.WS, "ws"),
        (Endpoint.Kind.WSS, "wss"),
    ],
)
def test_a_listener_binds_the_bind_address_not_the_one_clients_write(
    running_cluster: Cluster, kind: str, expected: str
) -> None:
    running_cluster.endpoints.update(
        kind=kind, host="broker.example", bind_host="0.0.0.0", port=1883
    )
    section = configuration_for(running_cluster, base_revision=0).sections.listeners
    assert section is not None
    (listener,) = section.listeners
    assert (listener.kind, listener.host, listener.port) == (expected, "0.0.0.0", 1883)


def test_users_carry_verifiers_and_no_password_decisions_14(
    owner: Actor, running_cluster: Cluster
) -> None:
    create_user(owner, cluster=running_cluster, username="sensor", password="correct-horse")
    MqttUser.objects.filter(username="sensor").update(enabled=False)
    running_cluster.refresh_from_db()
    configuration = configuration_for(running_cluster, base_revision=1)
    section = configuration.sections.users
    assert section is not None
    (user,) = section.users
    key = bytes.fromhex(section.verifier_key)
    expected = hmac.new(key, b"sensor\0correct-horse", hashlib.sha256).hexdigest()
    assert (user.username, user.verifier, user.enabled) == ("sensor", expected, False)
    assert b"correct-horse" not in msgspec.json.encode(configuration)


def test_policies_come_in_the_order_of_their_priority_z7(running_cluster: Cluster) -> None:
    for name, priority in (("last", 9), ("first", 1), ("middle", 5)):
        AuthorizationPolicy.objects.create(
            cluster=running_cluster, name=name, priority=priority, effect="deny", actions=["pub"]
        )
    section = configuration_for(running_cluster, base_revision=0).sections.policies
    assert section is not None
    assert [policy.name for policy in section.policies] == ["first", "middle", "last"]


@pytest.mark.parametrize(("retain", "expected"), [(1, True), (2, False), (3, None)])
def test_a_policy_says_the_same_as_its_row(
    running_cluster: Cluster, retain: int, expected: bool | None
) -> None:
    row = AuthorizationPolicy.objects.create(
        cluster=running_cluster,
        name="sensors",
        priority=1,
        effect="allow",
        actions=["connect", "sub"],
        topics=["home/#"],
        client_id="${Username}*",
        username="sensor?",
        ip="192.0.2.0/24",
        qos=[0, 1],
        retain=retain,
    )
    section = configuration_for(running_cluster, base_revision=0).sections.policies
    assert section is not None
    assert section.policies == (
        Policy(
            id=row.pk,
            name="sensors",
            effect="allow",
            actions=("connect", "sub"),
            topics=("home/#",),
            client_id="${Username}*",
            username="sensor?",
            ip="192.0.2.0/24",
            qos=(0, 1),
            retain=expected,
        ),
    )
