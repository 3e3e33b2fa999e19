"""The steps of a cluster's life that the product takes by itself: what the jobs write."""

from __future__ import annotations

from django.conf import settings
from django.db import IntegrityError, transaction
from django.utils.translation import gettext as _

from clusters.models import Cluster, Endpoint, Node
from clusters.ports import CONTROL_HOST, free_control_port, free_mqtt_port, is_bindable
from clusters.resources import cluster_resource, lock_cluster
from console.core.actions import action
from console.core.actors import Actor
from console.core.errors import OperationDenied, ResourceUnavailable
from console.core.events import announce

_PORT_ATTEMPTS = 5
"""How often another cluster may snatch the chosen port before this one gives up."""


@action("ReserveInstancePorts", resource=cluster_resource, kind="change", internal=True)
def reserve_instance_ports(actor: Actor, *, cluster: Cluster) -> Node:
    """Give the cluster a node and an MQTT port; from commit on the supervisor runs the node.

    Takes what an earlier attempt reserved, unless another program holds it by now.
    """
    locked = _creating(cluster)
    if not locked.endpoints.exists():
        _reserve_mqtt_port(locked)
    node = locked.nodes.first()
    if node is None:
        node = _reserve_node(locked)
    elif node.desired_state == Node.DesiredState.STOPPED:
        _wake(node)
    announce("cluster-changed", cluster=locked.public_id)
    return node


@action("CompleteInstanceCreation", resource=cluster_resource, kind="change", internal=True)
def complete_instance_creation(actor: Actor, *, cluster: Cluster) -> None:
    """The node serves MQTT as configured: the cluster is running."""
    _write_state(_creating(cluster), Cluster.State.RUNNING)


@action("FailInstanceCreation", resource=cluster_resource, kind="change", internal=True)
def fail_instance_creation(actor: Actor, *, cluster: Cluster, reason: str) -> None:
    """Give the creation up: stop the node and free the MQTT port, so that a new attempt can choose
    another one.
    """
    locked = _creating(cluster)
    locked.nodes.update(desired_state=Node.DesiredState.STOPPED, applied_revision=0)
    locked.endpoints.all().delete()
    _write_state(locked, Cluster.State.CREATE_FAILURE, reason)


@action("StopInstanceNodes", resource=cluster_resource, kind="change", internal=True)
def stop_instance_nodes(actor: Actor, *, cluster: Cluster) -> None:
    """Have the supervisor stop the cluster's nodes."""
    locked = _deleting(cluster)
    locked.nodes.update(desired_state=Node.DesiredState.STOPPED)


@action("ReleaseInstance", resource=cluster_resource, kind="change", internal=True)
def release_instance(actor: Actor, *, cluster: Cluster) -> None:
    """Delete the cluster's rows and with them everything that belongs to it; its ports are free."""
    locked = _deleting(cluster)
    account_uin, public_id = locked.account_uin, locked.public_id
    locked.delete()
    announce("cluster-changed", cluster=public_id)
    announce("clusters-changed", account=account_uin)


@action("FailInstanceDeletion", resource=cluster_resource, kind="change", internal=True)
def fail_instance_deletion(actor: Actor, *, cluster: Cluster, reason: str) -> None:
    """Give the deletion up; it can be asked for again."""
    _write_state(_deleting(cluster), Cluster.State.DELETE_FAILURE, reason)


def _creating(cluster: Cluster) -> Cluster:
    return _in_state(cluster, Cluster.State.CREATING)


def _deleting(cluster: Cluster) -> Cluster:
    return _in_state(cluster, Cluster.State.DELETING)


def _in_state(cluster: Cluster, state: Cluster.State) -> Cluster:
    """Lock the cluster; a job whose cluster moved on without it must not move it back."""
    locked = lock_cluster(cluster)
    if locked.state != state:
        raise OperationDenied(
            _("Cluster %(id)s is %(state)s by now.")
            % {"id": locked.public_id, "state": locked.get_state_display()}
        )
    return locked


def _write_state(cluster: Cluster, state: Cluster.State, reason: str = "") -> None:
    cluster.state, cluster.state_reason = state, reason
    cluster.save(update_fields=["state", "state_reason"])
    announce("cluster-changed", cluster=cluster.public_id)
    announce("clusters-changed", account=cluster.account_uin)


def _reserve_mqtt_port(cluster: Cluster) -> Endpoint:
    environment = settings.ENVIRONMENT
    for _attempt in range(_PORT_ATTEMPTS):
        taken = set(Endpoint.objects.values_list("port", flat=True))
        port = free_mqtt_port(environment.mqtt_ports, bind_host=environment.mqtt_bind, taken=taken)
        if port is None:
            break
        try:
            with transaction.atomic():
                return Endpoint.objects.create(
                    cluster=cluster,
                    kind=Endpoint.Kind.TCP,
                    host=environment.mqtt_host,
                    bind_host=environment.mqtt_bind,
                    port=port,
                )
        except IntegrityError:
            continue
    ports = environment.mqtt_ports
    raise ResourceUnavailable(
        _(
            "No MQTT port is free between %(first)s and %(last)s. Delete a cluster, stop the "
            "program that holds one, or widen SIGNALBOX_MQTT_PORTS."
        )
        % {"first": ports[0], "last": ports[-1]}
    )


def _reserve_node(cluster: Cluster) -> Node:
    for _attempt in range(_PORT_ATTEMPTS):
        port = free_control_port(taken=_taken_control_ports())
        if port is None:
            break
        try:
            with transaction.atomic():
                return Node.objects.create(
                    cluster=cluster,
                    node_id=f"{cluster.public_id}-n0",
                    cluster_public_id=cluster.public_id,
                    control_host=CONTROL_HOST,
                    control_port=port,
                )
        except IntegrityError:
            continue
    raise _no_control_port()


def _wake(node: Node) -> None:
    """Let a node run again that an attempt before stopped, at its port if that is still free."""
    if not is_bindable(node.control_host, node.control_port):
        port = free_control_port(taken=_taken_control_ports())
        if port is None:
            raise _no_control_port()
        node.control_port = port
    node.desired_state, node.obstacle = Node.DesiredState.RUNNING, ""
    node.save(update_fields=["control_port", "desired_state", "obstacle"])


def _taken_control_ports() -> set[int]:
    """Ports of all nodes, and those that MQTT listeners and the console itself use."""
    environment = settings.ENVIRONMENT
    nodes = Node.objects.values_list("control_port", flat=True)
    return {*nodes, *environment.mqtt_ports, environment.port}


def _no_control_port() -> ResourceUnavailable:
    return ResourceUnavailable(
        _("No port is free for the control API of a node. Stop what holds the ports and try again.")
    )
