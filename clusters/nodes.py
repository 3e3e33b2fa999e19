"""Asks and orders the runtime of a cluster, and says in the console's words when it cannot."""

from __future__ import annotations

import functools
from typing import Any

from django.conf import settings
from django.utils.translation import gettext as _

from clusters.gateway import Command, NodeGateway, NodeRefused, NodeUnreachable, Query
from clusters.models import Cluster, Node
from clusters.resources import require_serving
from console.core.errors import (
    ActionError,
    FailedOperation,
    InvalidParameterValue,
    ResourceNotFound,
    ResourceUnavailable,
)

TIMEOUT_S = 5.0
_REFUSALS: dict[str, type[ActionError]] = {
    "not_found": ResourceNotFound,
    "invalid_topic": InvalidParameterValue,
    "too_large": InvalidParameterValue,
}


def gateway_of(node: Node) -> NodeGateway:
    """The gateway to a node; one per address and process, so that connections are reused."""
    token = settings.KEYRING.node_token(node.node_id)
    return _gateway(node.control_host, node.control_port, token)


@functools.lru_cache(maxsize=1024)
def _gateway(host: str, port: int, token: str) -> NodeGateway:
    return NodeGateway(host, port, token)


def ask(cluster: Cluster, query: Query, *, timeout_s: float = TIMEOUT_S) -> Any:
    """Answer of the cluster's runtime to a query; its type is ``query.Answer``.

    Raises:
        InstanceNotReady: the cluster does not run.
        ResourceUnavailable: its runtime does not answer.
        ResourceNotFound, InvalidParameterValue, FailedOperation: the runtime refused.
    """
    gateway = _gateway_to(cluster)
    return _translated(cluster, lambda: gateway.query(query, timeout_s=timeout_s))


def order(cluster: Cluster, command: Command, *, timeout_s: float = TIMEOUT_S) -> Any:
    """Have the cluster's runtime carry out a command; raises as ``ask`` does."""
    gateway = _gateway_to(cluster)
    return _translated(cluster, lambda: gateway.command(command, timeout_s=timeout_s))


def _gateway_to(cluster: Cluster) -> NodeGateway:
    require_serving(cluster)
    node = cluster.nodes.first()
    if node is None:
        raise _unavailable(cluster)
    return gateway_of(node)


def _translated(cluster: Cluster, call: Any) -> Any:
    try:
        return call()
    except NodeUnreachable as error:
        raise _unavailable(cluster) from error
    except NodeRefused as refusal:
        raise _REFUSALS.get(refusal.code, FailedOperation)(refusal.message) from refusal


def _unavailable(cluster: Cluster) -> ResourceUnavailable:
    return ResourceUnavailable(
        _("The runtime of cluster %(id)s does not answer. It is restarted by itself; try again.")
        % {"id": cluster.public_id}
    )
