"""Reads of messages, traces and client events, which the runtime keeps."""

from __future__ import annotations

from clusters.gateway import (
    ClientEventList,
    GetMessage,
    GetTrace,
    ListClientEvents,
    ListMessages,
    Message,
    MessageList,
    Trace,
)
from clusters.models import Cluster
from clusters.nodes import ask
from clusters.resources import cluster_resource
from console.core.actions import action
from console.core.actors import Actor
from console.core.errors import ResourceNotFound

MESSAGE_TIMEOUT_S = 15.0
DEFAULT_NUMBER = 100


@action("DescribeMessageByTopic", resource=cluster_resource, kind="read")
def describe_message_by_topic(
    actor: Actor,
    *,
    cluster: Cluster,
    topic: str,
    start_time: int,
    max_number: int | None = None,
) -> MessageList:
    """The first messages from an instant on, in strict time order (CONTRACT M1).

    Args:
        topic: Topic name or topic filter.
        start_time: Unix milliseconds.
        max_number: At most 1024; 100 when absent.
    """
    query = ListMessages(topic_filter=topic, from_ms=start_time, limit=max_number or DEFAULT_NUMBER)
    answer: MessageList = ask(cluster, query, timeout_s=MESSAGE_TIMEOUT_S)
    return answer


@action("DescribeMessageDetails", resource=cluster_resource, kind="read")
def describe_message_details(actor: Actor, *, cluster: Cluster, message_id: str) -> Message:
    """One message whole, payload and properties included (CONTRACT M4)."""
    try:
        answer: Message = ask(cluster, GetMessage(message_id=message_id))
    except ResourceNotFound as error:
        raise _no_message(error, message_id) from error
    return answer


@action("DescribeTrace", resource=cluster_resource, kind="read")
def describe_trace(actor: Actor, *, cluster: Cluster, message_id: str) -> Trace:
    """What happened to a message, in time order (CONTRACT M5)."""
    try:
        answer: Trace = ask(cluster, GetTrace(message_id=message_id))
    except ResourceNotFound as error:
        raise _no_message(error, message_id) from error
    return answer


@action("DescribeEvent", resource=cluster_resource, kind="read")
def describe_event(
    actor: Actor,
    *,
    cluster: Cluster,
    client_id: str = "",
    start_time: int | None = None,
    end_time: int | None = None,
    limit: int | None = None,
) -> ClientEventList:
    """Client events, newest first, of one client or of all (CONTRACT K8); times in Unix
    milliseconds.
    """
    query = ListClientEvents(
        client_id=client_id,
        from_ms=start_time or 0,
        until_ms=end_time or 0,
        limit=limit or DEFAULT_NUMBER,
    )
    answer: ClientEventList = ask(cluster, query)
    return answer


def _no_message(error: ResourceNotFound, message_id: str) -> ResourceNotFound:
    return ResourceNotFound(error.message, code="ResourceNotFound.Message", field="message_id")
