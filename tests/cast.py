"""The cast of the console's tests: people with real rows, clusters, and a runtime that only
remembers.

The fixtures of ``tests/conftest.py`` give the usual ones; tests that need more call these
functions.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import msgspec
from django.test import Client

from clusters.gateway import Command, Configuration, ConfigurationApplied, Query
from clusters.models import Cluster, Endpoint, Node
from clusters.skus import SKU_BY_CODE
from console.accounts.actors import actor_of
from console.accounts.models import PolicyAttachment, User
from console.core.actors import Actor, Entrance

_numbers = itertools.count(1)


def make_owner(username: str = "") -> User:
    """The owner of a new account; has no password."""
    number = next(_numbers)
    return User.objects.create_user(
        username or f"owner-{number}", None, uin=f"{100_000_000_000 + number}"
    )


def make_sub_user(owner: User, *policies: str, username: str = "") -> User:
    """A sub-user of ``owner`` with the named rights policies; has no password."""
    number = next(_numbers)
    user = User.objects.create_user(
        username or f"sub-user-{number}", None, uin=f"{200_000_000_000 + number}", owner=owner
    )
    for policy in policies:
        PolicyAttachment.objects.create(user=user, policy_name=policy)
    return user


def acting(user: User, *, entrance: Entrance = "page") -> Actor:
    """The user as an actor, with the rights it has now."""
    return actor_of(user, entrance=entrance, source_ip="192.0.2.10")


def user_of(actor: Actor) -> User:
    """The row of an actor."""
    return User.objects.get(uin=actor.uin)


def browser_of(actor: Actor) -> Client:
    """A browser in which the actor is signed in; it checks CSRF tokens only when asked to."""
    browser = Client()
    browser.force_login(user_of(actor))
    return browser


def make_cluster(
    account_uin: str,
    *,
    name: str = "north",
    state: str = Cluster.State.RUNNING,
    sku_code: str = "basic_2k",
    **changes: Any,
) -> Cluster:
    """A cluster with one node and one TCP endpoint; nothing runs behind it."""
    number = next(_numbers)
    sku = SKU_BY_CODE[sku_code]
    public_id = f"mqtt-{number:08d}"
    values: dict[str, Any] = {
        "public_id": public_id,
        "account_uin": account_uin,
        "name": name,
        "edition": sku.edition,
        "sku_code": sku.code,
        "region": "local",
        "state": state,
        "tps_limit": sku.tps,
        "max_connections": sku.connections,
        "max_topics": sku.topics,
        "max_subscriptions_per_client": sku.subscriptions_per_client,
        "max_policies": sku.policies,
        "verifier_key": "5a" * 32,
    }
    cluster = Cluster.objects.create(**{**values, **changes})
    Node.objects.create(
        cluster=cluster,
        node_id=f"{cluster.public_id}-n0",
        cluster_public_id=cluster.public_id,
        control_host="127.0.0.1",
        control_port=40_000 + number,
    )
    Endpoint.objects.create(
        cluster=cluster,
        kind=Endpoint.Kind.TCP,
        host="127.0.0.1",
        bind_host="127.0.0.1",
        port=20_000 + number,
    )
    return cluster


class FakeGateway:
    """A node that remembers what it was told and answers what the test laid out.

    ``answers`` maps a command's or query's type to the answer, to an exception to raise, or to a
    function of the command or query.
    """

    def __init__(
        self, answers: dict[type[msgspec.Struct], msgspec.Struct | Exception | Callable[..., Any]]
    ) -> None:
        self.answers = answers
        self.received: list[msgspec.Struct] = []
        self.is_closed = False

    def configure(self, configuration: Configuration, *, timeout_s: float) -> ConfigurationApplied:
        """Remember the configuration; answer as laid out."""
        answer = self._answer(configuration)
        assert isinstance(answer, ConfigurationApplied)
        return answer

    def command(self, command: Command, *, timeout_s: float) -> Any:
        """Remember the command; answer as laid out."""
        return self._answer(command)

    def query(self, query: Query, *, timeout_s: float) -> msgspec.Struct:
        """Remember the query; answer as laid out."""
        return self._answer(query)

    def close(self) -> None:
        """Remember that the gateway was closed."""
        self.is_closed = True

    def _answer(self, message: msgspec.Struct) -> msgspec.Struct:
        self.received.append(message)
        answer = self.answers[type(message)]
        if isinstance(answer, Exception):
            raise answer
        if isinstance(answer, msgspec.Struct):
            return answer
        found = answer(message)
        assert isinstance(found, msgspec.Struct)
        return found
