"""Kept messages in the words of the wire contract: rows of a list, details, traces."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Literal

from broker_runtime.codec.properties import read_forwardable
from broker_runtime.contract.queries import Message, MessageSummary, TraceStep
from broker_runtime.storage.base import StoredMessage

_ACKNOWLEDGEMENTS = {"PUBACK", "PUBREC", "PUBREL", "PUBCOMP"}
SUCCESS = "success"

Step = tuple[int, int, str, str, int, str]
"""A later step: seq, at_ms, client id, packet type, QoS, result."""


def place_of(message_id: str) -> tuple[int, int] | None:
    """Shard and sequence of a message id; None when it is none."""
    try:
        number = int(message_id, 16)
    except ValueError:
        return None
    if message_id != f"{number:016X}" or number >= 1 << 64:
        return None
    return number >> 56, number & ((1 << 56) - 1)


def summary_of(message: StoredMessage) -> MessageSummary:
    """The message as a row of the message query (CONTRACT M3)."""
    return MessageSummary(
        message_id=message.message_id,
        topic=message.topic,
        client_id=message.client_id,
        qos=message.qos,
        retain=message.retain,
        stored_ms=message.stored_ms,
        payload_bytes=len(message.payload),
    )


def detail_of(message: StoredMessage) -> Message:
    """The message whole, its MQTT 5 properties decoded (CONTRACT M4)."""
    properties = read_forwardable(message.properties)
    expiry_ms = 0 if message.expires_ms is None else message.expires_ms - message.stored_ms
    return Message(
        message_id=message.message_id,
        topic=message.topic,
        client_id=message.client_id,
        username=message.username,
        address=message.address,
        qos=message.qos,
        retain=message.retain,
        stored_ms=message.stored_ms,
        payload=message.payload,
        user_properties=properties.user_properties,
        content_type=properties.content_type or "",
        payload_format=properties.payload_format_indicator or 0,
        expiry_s=max(0, expiry_ms // 1000),
        response_topic=properties.response_topic or "",
        correlation_data=properties.correlation_data or b"",
    )


def trace_of(
    message: StoredMessage,
    deliveries: Sequence[tuple[str, int]],
    result: str,
    later: Iterable[Step],
) -> list[TraceStep]:
    """Every step of a message in time order (CONTRACT M5).

    An acknowledgement by or to the publisher belongs to the production, unless the publisher also
    receives the message. A message that was taken and reached nobody ends in ``no_subscriber``.
    """
    later = sorted(later, key=lambda step: step[1])
    receivers = {client_id for client_id, _ in deliveries}
    receivers.update(client for _, _, client, kind, _, _ in later if kind not in _ACKNOWLEDGEMENTS)
    steps = [_step("produce", message.stored_ms, message.client_id, "PUBLISH", message.qos, result)]
    steps += [
        _step("consume", message.stored_ms, client_id, "PUBLISH", qos, SUCCESS)
        for client_id, qos in deliveries
    ]
    if result == SUCCESS and not receivers:
        steps.append(_step("consume", message.stored_ms, "", "DROP", message.qos, "no_subscriber"))
    for _, at_ms, client_id, packet_type, qos, outcome in later:
        by_publisher = client_id == message.client_id and client_id not in receivers
        stage: Literal["produce", "consume"] = "produce" if by_publisher else "consume"
        steps.append(_step(stage, at_ms, client_id, packet_type, qos, outcome))
    return steps


def _step(
    stage: Literal["produce", "consume"],
    at_ms: int,
    client_id: str,
    packet_type: str,
    qos: int,
    result: str,
) -> TraceStep:
    return TraceStep(
        stage=stage,
        at_ms=at_ms,
        client_id=client_id,
        packet_type=packet_type,
        qos=qos,
        result=result,
    )
