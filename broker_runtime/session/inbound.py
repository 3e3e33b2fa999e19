"""What a client has sent and is owed an answer for."""

from __future__ import annotations

from collections import deque
from typing import Generic, TypeVar

M = TypeVar("M")


class Answers:
    """A place in the order of the acknowledgements of a connection, for one PUBLISH or for many
    that become durable together. ``batch`` names those (0: one alone)."""

    __slots__ = ("batch", "count", "is_ready", "packets")

    def __init__(self, batch: int) -> None:
        self.batch = batch
        self.count = 0
        self.packets: list[bytes] = []
        self.is_ready = False


_NO_PLACES: deque[Answers] = deque()
"""Stands in for the places of a connection that has none: an empty deque takes 760 bytes."""


class OrderedAnswers:
    """Acknowledgements leave in the order of the PUBLISHes [MQTT-4.6.0-2] [MQTT-4.6.0-3], although
    some messages become durable later than others.

    ``count``: PUBLISHes that await an answer that is not sent yet.

    [MQTT3-4.6.0-2] [MQTT3-4.6.0-3]
    """

    __slots__ = ("_places", "count")

    def __init__(self) -> None:
        self._places = _NO_PLACES
        self.count = 0

    def __len__(self) -> int:
        """How many PUBLISHes await an answer that is not sent yet."""
        return self.count

    def reserve(self) -> Answers:
        """A place in the order for one PUBLISH, to be filled by ``fill``."""
        place = Answers(0)
        place.count = 1
        self.count += 1
        self._append(place)
        return place

    def _append(self, place: Answers) -> None:
        if self._places is _NO_PLACES:
            self._places = deque()
        self._places.append(place)

    def newest(self) -> Answers | None:
        """The last place in the order."""
        return self._places[-1] if self._places else None

    def reserve_batch(self, batch: int) -> Answers:
        """A place for many: the caller adds packets and counts, here and there, and ``complete``
        ends it."""
        place = Answers(batch)
        self._append(place)
        return place

    def fill(self, place: Answers, answer: bytes) -> list[bytes]:
        """Fill a place; returns the answers that may be sent now, in order."""
        place.packets.append(answer)
        return self.complete(place)

    def complete(self, place: Answers) -> list[bytes]:
        """Everything of a place is durable; returns the answers that may be sent now, in order."""
        place.is_ready = True
        ready: list[bytes] = []
        while self._places and self._places[0].is_ready:
            first = self._places.popleft()
            self.count -= first.count
            ready += first.packets
        return ready


class Received(Generic[M]):
    """Inbound QoS 2 messages by packet id, from PUBLISH to PUBREL [MQTT-4.3.3-10].

    A message that was refused with a positive PUBREC (before MQTT 5 there is no other) is kept as
    None, so that its PUBREL is answered too.

    [MQTT3-4.3.3-2]
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
