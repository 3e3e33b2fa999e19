"""Results of the message queries in the cloud API's words."""

from __future__ import annotations

import base64
from typing import Any

from clusters.gateway import ClientEventList, Message, MessageList, Trace
from console.core.actors import Actor
from console.core.payloads import presents


@presents("DescribeMessageByTopic")
def described_messages(actor: Actor, answer: MessageList) -> dict[str, Any]:
    """``DescribeMessageByTopicResponse``; ``Qos`` is text there."""
    return {
        "Data": [
            {
                "MessageId": message.message_id,
                "ClientId": message.client_id,
                "Qos": str(message.qos),
                "StoreTimestamp": message.stored_ms,
                "OriginTopic": message.topic,
            }
            for message in answer.messages
        ]
    }


@presents("DescribeMessageDetails")
def described_message(actor: Actor, message: Message) -> dict[str, Any]:
    """``DescribeMessageDetailsResponse``; a body or correlation data that is not UTF-8 comes as
    base64.
    """
    return {
        "Body": _text(message.payload),
        "UserProperties": [{"Key": key, "Value": value} for key, value in message.user_properties],
        "StoreTimestamp": message.stored_ms,
        "MessageId": message.message_id,
        "ClientId": message.client_id,
        "Qos": str(message.qos),
        "OriginTopic": message.topic,
        "ContentType": message.content_type,
        "PayloadFormatIndicator": message.payload_format,
        "MessageExpiryInterval": message.expiry_s,
        "ResponseTopic": message.response_topic,
        "CorrelationData": _text(message.correlation_data),
        "Retain": message.retain,
    }


@presents("DescribeTrace")
def described_trace(actor: Actor, trace: Trace) -> dict[str, Any]:
    """Console-only: the steps in time order."""
    return {
        "Data": [
            {
                "Stage": step.stage,
                "Timestamp": step.at_ms,
                "ClientId": step.client_id,
                "PacketType": step.packet_type,
                "Qos": step.qos,
                "Result": step.result,
            }
            for step in trace.steps
        ]
    }


@presents("DescribeEvent")
def described_events(actor: Actor, answer: ClientEventList) -> dict[str, Any]:
    """Console-only: events newest first."""
    return {
        "Data": [
            {
                "Timestamp": event.at_ms,
                "ClientId": event.client_id,
                "Username": event.username,
                "ClientAddress": event.address,
                "Event": event.event,
                "Reason": event.reason,
            }
            for event in answer.events
        ]
    }


def _text(content: bytes) -> str:
    try:
        return content.decode()
    except UnicodeDecodeError:
        return base64.b64encode(content).decode()
