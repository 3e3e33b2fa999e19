"""Results of the topic actions in the cloud API's words."""

from __future__ import annotations

from typing import Any

from clusters.gateway import Published
from console.core.actors import Actor
from console.core.payloads import presents
from topics.models import Topic
from topics.selectors import TopicPage, TopicView


@presents("CreateTopic")
def created_topic(actor: Actor, topic: Topic) -> dict[str, Any]:
    """``CreateTopicResponse``."""
    return {"InstanceId": topic.cluster.public_id, "Topic": topic.name}


@presents("ModifyTopic")
def modified_topic(actor: Actor, topic: Topic) -> dict[str, Any]:
    """``ModifyTopicResponse``: nothing."""
    return {}


@presents("DeleteTopic")
def deleted_topic(actor: Actor, nothing: None) -> dict[str, Any]:
    """``DeleteTopicResponse``: nothing."""
    return {}


@presents("DescribeTopic")
def described_topic(actor: Actor, view: TopicView) -> dict[str, Any]:
    """``DescribeTopicResponse``; the time in seconds, as the SDK says."""
    return {
        "InstanceId": view.topic.cluster.public_id,
        "Topic": view.topic.name,
        "Remark": view.topic.remark,
        "CreatedTime": int(view.topic.created_at.timestamp()),
    }


@presents("DescribeTopicList")
def described_topic_list(actor: Actor, page: TopicPage) -> dict[str, Any]:
    """``DescribeTopicListResponse``."""
    return {
        "TotalCount": page.total,
        "Data": [
            {
                "InstanceId": view.topic.cluster.public_id,
                "Topic": view.topic.name,
                "Remark": view.topic.remark,
            }
            for view in page.topics
        ],
    }


@presents("PublishMessage")
def published_message(actor: Actor, published: Published) -> dict[str, Any]:
    """``PublishMessageResponse`` has no fields; the message id is ours, SDKs ignore it."""
    return {"MessageId": published.message_id}
