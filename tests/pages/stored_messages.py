"""What the runtime of the message pages' tests keeps: messages, and what became of them."""

from __future__ import annotations

from typing import Any

from clusters.gateway import (
    GetMessage,
    GetTrace,
    ListMessages,
    Message,
    MessageList,
    MessageSummary,
    Trace,
    TraceStep,
)

MESSAGE_ID = "0006123456789ABC"
STORED_MS = 1_700_000_000_123


def summary(number: int = 0, **changes: Any) -> MessageSummary:
    """A row of the query."""
    values: dict[str, Any] = {
        "message_id": f"{int(MESSAGE_ID, 16) + number:016X}",
        "topic": f"plant/{number}",
        "client_id": "sensor",
        "qos": 1,
        "retain": False,
        "stored_ms": STORED_MS + number,
        "payload_bytes": 9,
    }
    return MessageSummary(**{**values, **changes})


def message(**changes: Any) -> Message:
    """A stored message."""
    values: dict[str, Any] = {
        "message_id": MESSAGE_ID,
        "topic": "plant/1",
        "client_id": "sensor",
        "username": "line",
        "address": "192.0.2.1:5000",
        "qos": 1,
        "retain": True,
        "stored_ms": STORED_MS,
        "payload": b'{"t": 21}',
    }
    return Message(**{**values, **changes})


def step(stage: Any, packet_type: str, result: str = "success", **changes: Any) -> TraceStep:
    """Something that happened to it."""
    values: dict[str, Any] = {"at_ms": STORED_MS, "client_id": "sensor", "qos": 1}
    return TraceStep(**{**values, **changes}, stage=stage, packet_type=packet_type, result=result)


def consumed(packet_type: str, result: str = "success", **changes: Any) -> TraceStep:
    """Something that happened to it on its way to the client ``wall``."""
    return step("consume", packet_type, result, **{"client_id": "wall", **changes})


ANSWERS: dict[Any, Any] = {
    ListMessages: MessageList(messages=(summary(),)),
    GetMessage: message(),
    GetTrace: Trace(steps=(step("produce", "PUBLISH", "no_subscriber"),)),
}
"""One message, which nobody was subscribed to."""
