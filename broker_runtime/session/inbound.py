"""What a client has sent and is owed an answer for."""

from __future__ import annotations

from collections import deque
from typing import Generic, TypeVar

M = TypeVar("M")

_NO_SLOTS: deque[list[bytes]] = deque()
"""Stands in for the slots of a connection that has none: an empty deque takes 760 bytes."""


class OrderedAnswers:
    """Acknowledgements leave in the order of the PUBLISHes [MQTT-4.6.0-2] [MQTT-4.6.0-3], although
    some messages become durable later than others."""

    __slots__ = ("_slots",)

    def __init__(self) -> None:
        self._slots = _NO_SLOTS

    def __len__(self) -> int:
        """How many PUBLISHes await an answer that is not sent yet."""
        return len(self._slots)

    def reserve(self) -> list[bytes]:
        """A place in the order, to be filled by ``fill``."""
        slot: list[bytes] = []
        if self._slots is _NO_SLOTS:
            self._slots = deque()
        self._slots.append(slot)
        return slot

    def fill(self, slot: list[bytes], answer: bytes) -> list[bytes]:
        """Fill a place; returns the answers that may be sent now, in order."""
        slot.append(answer)
        ready: list[bytes] = []
        while self._slots and self._slots[0]:
            ready += self._slots.popleft()
        return ready


class Received(Generic[M]):
    """Inbound QoS 2 messages by packet id, from PUBLISH to PUBREL [MQTT-4.3.3-10].

    A message that was refused with a positive PUBREC (before MQTT 5 there is no other) is kept as
    None, so that its PUBREL is answered too.
    """

    __slots__ = ("_messages", "payload_bytes")

    def __init__(self) -> None:
        self._messages: dict[int, tuple[M | None, int]] = {}
        self.payload_bytes = 0
        """Sum of what ``keep`` was told of the messages held."""

    def __len__(self) -> int:
        return len(self._messages)

    def __contains__(self, packet_id: int) -> bool:
        return packet_id in self._messages

    def keep(self, packet_id: int, message: M | None, payload_bytes: int) -> None:
        """A PUBLISH came."""
        self._messages[packet_id] = (message, payload_bytes)
        self.payload_bytes += payload_bytes

    def release(self, packet_id: int) -> M | None:
        """Forget a message, because its PUBREL came; None when there is none."""
        message, payload_bytes = self._messages.pop(packet_id, (None, 0))
        self.payload_bytes -= payload_bytes
        return message
