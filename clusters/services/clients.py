"""Orders about MQTT clients."""

from __future__ import annotations

from clusters.gateway import KickClient, Kicked
from clusters.models import Cluster
from clusters.nodes import order
from clusters.resources import cluster_resource, unknown_client
from console.core.actions import action
from console.core.actors import Actor
from console.core.errors import ResourceNotFound
from console.core.events import announce


@action("KickOutClient", resource=cluster_resource, kind="command")
def kick_out_client(
    actor: Actor, *, cluster: Cluster, client_id: str, delete_session: bool = False
) -> Kicked:
    """Disconnect a client and, when asked, forget its session (CONTRACT K10)."""
    try:
        kicked: Kicked = order(
            cluster, KickClient(client_id=client_id, delete_session=delete_session)
        )
    except ResourceNotFound as refusal:
        raise unknown_client(cluster, client_id) from refusal
    announce("clients-changed", cluster=cluster.public_id)
    return kicked
