"""Changes of topics, and the test message."""

from __future__ import annotations

from collections.abc import Sequence

from django.utils.translation import gettext as _

from clusters.gateway import Published, PublishMessage
from clusters.models import Cluster
from clusters.nodes import order
from clusters.resources import (
    change_configuration,
    cluster_resource,
    lock_cluster,
    require_settled,
)
from console.core.actions import action
from console.core.actors import Actor
from console.core.errors import AlreadyExists, InvalidParameterValue, LimitExceeded
from console.core.events import announce
from topics.models import Topic
from topics.resources import find_topic

CONSOLE_MESSAGE_BYTES = 4096
"""What the console may send in one test message (CONTRACT T9); clients may send 4 MB."""


@action("CreateTopic", resource=cluster_resource, kind="change")
def create_topic(actor: Actor, *, cluster: Cluster, topic: str, remark: str = "") -> Topic:
    """Create a first-level topic (CONTRACT T3–T6)."""
    cluster = lock_cluster(cluster)  # two at once must not both find the last place free
    require_settled(cluster)
    if cluster.topics.filter(name=topic).exists():
        raise AlreadyExists(
            _("Topic %(name)s exists already in this cluster.") % {"name": topic}, field="topic"
        )
    _require_room(cluster)
    created = Topic.objects.create(cluster=cluster, name=topic, remark=remark)
    _changed(cluster)
    return created


@action("ModifyTopic", resource=cluster_resource, kind="change")
def modify_topic(actor: Actor, *, cluster: Cluster, topic: str, remark: str = "") -> Topic:
    """Change the description, the only thing of a topic that can be changed (CONTRACT T11)."""
    found = find_topic(cluster, topic)
    found.remark = remark
    found.save(update_fields=["remark"])
    announce("topics-changed", cluster=cluster.public_id)
    return found


@action("DeleteTopic", resource=cluster_resource, kind="change")
def delete_topic(actor: Actor, *, cluster: Cluster, topic: str) -> None:
    """Delete a topic with its configuration (CONTRACT T13)."""
    find_topic(cluster, topic).delete()
    _changed(cluster)


@action("RegisterTopics", resource=cluster_resource, kind="change", internal=True)
def register_topics(actor: Actor, *, cluster: Cluster, names: Sequence[str]) -> int:
    """Take up topics that the runtime created by their first use; returns how many are new.

    The runtime kept the quota when it created them, so none is refused here.
    """
    known = set(cluster.topics.filter(name__in=names).values_list("name", flat=True))
    new = [Topic(cluster=cluster, name=name, auto_created=True) for name in set(names) - known]
    if not new:
        return 0
    Topic.objects.bulk_create(new, ignore_conflicts=True)
    _changed(cluster)
    return len(new)


@action("PublishMessage", resource=cluster_resource, kind="command", secret_parameters=("payload",))
def publish_message(
    actor: Actor,
    *,
    cluster: Cluster,
    payload: bytes,
    target_topic: str = "",
    target_client_id: str = "",
    qos: int = 1,
    retain: bool = False,
) -> Published:
    """Publish as the console to a topic or straight to one client (CONTRACT T9, M7).

    Returns:
        The message's id, durable by then, and how many sessions it matched.
    """
    if len(payload) > CONSOLE_MESSAGE_BYTES:
        raise InvalidParameterValue(
            _("The message has %(bytes)s bytes; from the console at most %(most)s can be sent.")
            % {"bytes": len(payload), "most": CONSOLE_MESSAGE_BYTES},
            field="payload",
        )
    command = PublishMessage(
        payload=payload,
        publisher=f"console:{actor.name}",
        topic=target_topic,
        client_id=target_client_id,
        qos=qos,
        retain=retain,
    )
    published: Published = order(cluster, command)
    return published


def _require_room(cluster: Cluster) -> None:
    if cluster.topics.count() >= cluster.max_topics:
        raise LimitExceeded(
            _(
                "This cluster may have %(most)s topics and has them all. Delete one or raise the "
                "specification."
            )
            % {"most": cluster.max_topics},
            code="LimitExceeded.TopicNum",
            field="topic",
        )


def _changed(cluster: Cluster) -> None:
    change_configuration(cluster, "topics")
    announce("topics-changed", cluster=cluster.public_id)
    announce("clusters-changed", account=cluster.account_uin)
