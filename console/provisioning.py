"""Carries desired configuration from the rows to the runtimes, and notes what they hold.

A change is pushed right after its commit; what does not arrive is pushed again by a sweep every 5 s
and whenever a node says which revision it holds. A node's row keeps the revision that the node is
believed to hold: every note of an answer replaces only the belief that the push began with, so two
pushes that race find out about each other and go on until the newest revision is in force.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from typing import Any

from celery import shared_task
from django.core.cache import cache
from django.db.models import F, QuerySet
from django.dispatch import receiver
from django.utils import timezone
from django.utils.translation import gettext_noop

from authn.models import MqttUser
from broker_runtime.contract.configuration import (
    ClusterSection,
    Configuration,
    Listener,
    ListenersSection,
    PoliciesSection,
    Policy,
    Sections,
    TopicsSection,
    User,
    UsersSection,
)
from clusters.gateway import NodeRefused, NodeUnreachable
from clusters.models import SECTIONS, Cluster, Endpoint, Node
from clusters.nodes import gateway_of
from clusters.resources import configuration_changed, node_seen
from console.core.events import announce
from policies.models import AuthorizationPolicy
from topics.models import Topic

logger = logging.getLogger(__name__)

PUSH_LIMIT_S = 1.0
"""A change of the console's waits at most this long for the runtime; the sweep does the rest."""
SWEEP_LIMIT_S = 10.0
"""The sweep waits longer: a configuration with very many users takes a while to apply."""
_SWEEPING = "provisioning.sweep"
_SWEEPING_AT_MOST_S = 30
"""A sweep that takes longer, or whose worker died, no longer keeps the next one away."""
_ROUNDS = 8
"""How often one push may find that another was faster."""


@receiver(configuration_changed)
def push_change(sender: Any, cluster_id: int, **kwargs: Any) -> None:
    """After the commit of a change: bring the cluster's nodes up to date."""
    for node in _running_nodes().filter(cluster_id=cluster_id):
        push(node.node_id, limit_s=PUSH_LIMIT_S)


@receiver(node_seen)
def push_missing(sender: Any, node_id: str, revision: int, **kwargs: Any) -> None:
    """A node said what it holds: believe it, and push what it lacks."""
    node = _running_nodes().filter(node_id=node_id).first()
    if node is None:
        return
    if node.applied_revision != revision:
        _note(node, applied_revision=revision)
    push(node_id, limit_s=PUSH_LIMIT_S)


@shared_task(name="provisioning.sweep", ignore_result=True)
def sweep() -> int:
    """Push to every node that is not up to date; beat calls it every 5 s. Returns how many.

    Sweeps do not pile up: one that finds another at work does nothing.
    """
    if not cache.add(_SWEEPING, True, timeout=_SWEEPING_AT_MOST_S):
        return 0
    try:
        behind = _running_nodes().exclude(applied_revision=F("cluster__revision"))
        node_ids = list(behind.values_list("node_id", flat=True))
        for node_id in node_ids:
            push(node_id, limit_s=SWEEP_LIMIT_S)
    finally:
        cache.delete(_SWEEPING)
    return len(node_ids)


def push(node_id: str, *, limit_s: float) -> bool:
    """Bring one node to the newest revision; return whether it holds it now.

    Args:
        limit_s: How long all of it may take; a node that does not answer in time is left to the
            sweep.
    """
    deadline_s = time.monotonic() + limit_s
    for _round in range(_ROUNDS):
        node = _running_nodes().filter(node_id=node_id).first()
        if node is None:
            return False
        if node.applied_revision == node.cluster.revision:
            return True
        remaining_s = deadline_s - time.monotonic()
        if remaining_s <= 0 or not _push_once(node, timeout_s=remaining_s):
            return False
    logger.warning("configuration_race_unsettled node=%s", node_id)
    return False


def configuration_for(cluster: Cluster, *, base_revision: int) -> Configuration:
    """What takes a node from ``base_revision`` to the revision of ``cluster``.

    The rows are read after the cluster's: they may be newer than the revision says, never older,
    and what is newer comes again with its own revision.
    """
    changed = {
        name: BUILDERS[name](cluster)
        for name in SECTIONS
        if base_revision == 0 or cluster.section_revisions.get(name, 1) > base_revision
    }
    return Configuration(
        base_revision=base_revision, revision=cluster.revision, sections=Sections(**changed)
    )


def _running_nodes() -> QuerySet[Node]:
    return Node.objects.select_related("cluster").filter(desired_state=Node.DesiredState.RUNNING)


def _push_once(node: Node, *, timeout_s: float) -> bool:
    """Send what the node is believed to lack; return whether it answered."""
    cluster = node.cluster
    # A node that holds more than was ever written lives in another history: the console's database
    # was restored from a copy. Then, as for a new node, everything is sent.
    base = node.applied_revision if node.applied_revision < cluster.revision else 0
    if base == 0 and node.applied_revision and not _note(node, applied_revision=0):
        return True
    configuration = configuration_for(cluster, base_revision=base)
    try:
        answer = gateway_of(node).configure(configuration, timeout_s=timeout_s)
    except NodeUnreachable as problem:
        logger.info("configuration_not_delivered node=%s reason=%s", node.node_id, problem)
        _note_obstacle(node, gettext_noop("The node does not answer."))
        return False
    except NodeRefused as refusal:
        logger.error("configuration_refused node=%s reason=%s", node.node_id, refusal)
        _note_obstacle(node, refusal.message)
        return False
    held = answer.revision if answer.revision >= base else 0
    if not _note(node, applied_revision=held, applied_at=timezone.now(), obstacle=""):
        _distrust(node, held)
    return True


def _note(node: Node, **columns: Any) -> bool:
    """Write what the node holds, unless another push wrote since ``node`` was read."""
    believed = Node.objects.filter(pk=node.pk, applied_revision=node.applied_revision)
    if not believed.update(**columns):
        return False
    node.applied_revision = columns.get("applied_revision", node.applied_revision)
    announce("cluster-changed", cluster=node.cluster_public_id)
    return True


def _distrust(node: Node, held: int) -> None:
    """Two pushes ended at the same time and it is unknown which the node took last: believe the
    lower answer, so that the next round sends the rest.
    """
    Node.objects.filter(pk=node.pk, applied_revision__gt=held).update(applied_revision=held)


def _note_obstacle(node: Node, obstacle: str) -> None:
    changed = Node.objects.filter(pk=node.pk).exclude(obstacle=obstacle).update(obstacle=obstacle)
    if changed:
        announce("cluster-changed", cluster=node.cluster_public_id)


def _cluster_section(cluster: Cluster) -> ClusterSection:
    return ClusterSection(
        cluster_id=cluster.public_id,
        tps_limit=cluster.tps_limit,
        max_connections=cluster.max_connections,
        max_subscriptions=cluster.max_subscriptions,
        max_subscriptions_per_client=cluster.max_subscriptions_per_client,
        max_topics=cluster.max_topics,
        auto_create_topics=cluster.auto_create_topics,
        authorization_enabled=cluster.authorization_enabled,
        client_message_rate=cluster.message_rate,
        isolated=cluster.state == Cluster.State.OVERDUE,
    )


_LISTENER_KINDS: dict[str, Any] = {
    Endpoint.Kind.TCP: "tcp",
    Endpoint.Kind.TLS: "tls",
    Endpoint.Kind.WS: "ws",
    Endpoint.Kind.WSS: "wss",
}


def _listeners_section(cluster: Cluster) -> ListenersSection:
    return ListenersSection(
        listeners=tuple(
            Listener(kind=_LISTENER_KINDS[e.kind], host=e.bind_host, port=e.port)
            for e in Endpoint.objects.filter(cluster=cluster)
        )
    )


def _users_section(cluster: Cluster) -> UsersSection:
    rows = MqttUser.objects.filter(cluster=cluster).values_list("username", "verifier", "enabled")
    return UsersSection(
        verifier_key=cluster.verifier_key,
        users=tuple(
            User(username=username, verifier=verifier, enabled=enabled)
            for username, verifier, enabled in rows.iterator()
        ),
    )


_RETAIN = {
    AuthorizationPolicy.Retain.RETAINED: True,
    AuthorizationPolicy.Retain.NOT_RETAINED: False,
    AuthorizationPolicy.Retain.ANY: None,
}


def _policies_section(cluster: Cluster) -> PoliciesSection:
    """Policies in the order in which they are checked: smaller priority first."""
    rows = AuthorizationPolicy.objects.filter(cluster=cluster).order_by("priority")
    return PoliciesSection(policies=tuple(_policy(row) for row in rows))


def _policy(row: AuthorizationPolicy) -> Policy:
    return Policy(
        id=row.pk,
        name=row.name,
        effect="allow" if row.effect == AuthorizationPolicy.Effect.ALLOW else "deny",
        actions=tuple(row.actions),
        topics=tuple(row.topics),
        client_id=row.client_id,
        username=row.username,
        ip=row.ip,
        qos=tuple(row.qos),
        retain=_RETAIN[AuthorizationPolicy.Retain(row.retain)],
    )


def _topics_section(cluster: Cluster) -> TopicsSection:
    return TopicsSection(
        names=tuple(Topic.objects.filter(cluster=cluster).values_list("name", flat=True))
    )


BUILDERS: dict[str, Callable[[Cluster], Any]] = {
    "cluster": _cluster_section,
    "listeners": _listeners_section,
    "users": _users_section,
    "policies": _policies_section,
    "topics": _topics_section,
}
"""Section name → how it is read from the rows."""
