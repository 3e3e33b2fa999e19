"""Reads of topics."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from clusters.gateway import GetTopicActivity, TopicActivity, TopicActivityList
from clusters.models import Cluster
from clusters.nodes import ask
from clusters.resources import cluster_resource
from console.core.actions import action
from console.core.actors import Actor
from console.core.errors import ActionError
from topics.models import Topic
from topics.resources import find_topic

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class TopicView:
    """A topic with its live use; ``activity`` None when the runtime does not answer now."""

    topic: Topic
    activity: TopicActivity | None


@dataclass(frozen=True, slots=True)
class TopicPage:
    """One page of topics, how many match, how many can still be created (CONTRACT T6)."""

    topics: list[TopicView]
    total: int
    exist: int
    remaining: int


@action("DescribeTopic", resource=cluster_resource, kind="read")
def describe_topic(actor: Actor, *, cluster: Cluster, topic: str) -> TopicView:
    """One topic with its live use (CONTRACT T7)."""
    found = find_topic(cluster, topic)
    return TopicView(found, _activity(cluster, [found.name]).get(found.name))


@action("DescribeTopicList", resource=cluster_resource, kind="read")
def describe_topic_list(
    actor: Actor,
    *,
    cluster: Cluster,
    filters: Mapping[str, Sequence[str]] | None = None,
    offset: int | None = None,
    limit: int | None = None,
) -> TopicPage:
    """Topics by name, those whose name contains the filter ``TopicName``."""
    matching = Topic.objects.filter(cluster=cluster).select_related("cluster")
    for part in (filters or {}).get("TopicName", ()):
        matching = matching.filter(name__icontains=part)
    start = offset or 0
    rows = list(matching[start : start + (limit or 20)])
    activity = _activity(cluster, [row.name for row in rows])
    exist = cluster.topics.count()
    return TopicPage(
        topics=[TopicView(row, activity.get(row.name)) for row in rows],
        total=matching.count(),
        exist=exist,
        remaining=max(cluster.max_topics - exist, 0),
    )


def _activity(cluster: Cluster, names: list[str]) -> dict[str, TopicActivity]:
    """Live use by topic name; empty when the runtime cannot say, which must not hide the rows."""
    if not names or not cluster.is_serving:
        return {}
    try:
        answer: TopicActivityList = ask(
            cluster, GetTopicActivity(names=tuple(names)), timeout_s=1.0
        )
    except ActionError as error:
        logger.info("topic activity unknown cluster=%s reason=%s", cluster.public_id, error)
        return {}
    return {topic.name: topic for topic in answer.topics}
