"""What a client has sent and is owed an answer for."""

from __future__ import annotations

from collections import deque
from typing import Final, Generic, TypeVar

M = TypeVar("M")
R = TypeVar("R")


class Answers:
    """A place in the order of the acknowledgements of a connection, for one PUBLISH or for many
    that become durable together. ``batch`` names those (0: one alone)."""

    __slots__ = ("batch", "count", "is_ready", "packets")

    def __init__(self, batch: int) -> None:
        self.batch = batch
        self.count = 0
        self.packets: list[bytes] = []
        self.is_ready = False


_NO_PLACES: Final[deque[Answers]] = deque()
"""Stands in for the places of a connection that has none: an empty deque takes 760 bytes."""


class OrderedAnswers:
    """Acknowledgements leave in the order of the PUBLISHes [MQTT-4.6.0-2] [MQTT-4.6.0-3], although
    some messages become durable later than others.

    ``count``: PUBLISHes that await an answer that is not sent yet, those apart that ``Received``
    counts.

    [MQTT3-4.6.0-2] [MQTT3-4.6.0-3]
    """

    __slots__ = ("_places", "count")

    def __init__(self) -> None:
        self._places = _NO_PLACES
        self.count = 0

    def __len__(self) -> int:
        """See ``count``."""
        return self.count

    def reserve(self) -> Answers:
        """A place in the order for one PUBLISH, to be filled by ``fill``."""
        place = Answers(0)
        place.count = 1
        self.count += 1
        self._append(place)
        return place

    def reserve_uncounted(self) -> Answers:
        """The same for a QoS 2 PUBLISH, which counts in ``Received`` until its PUBREL comes."""
        place = Answers(0)
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


class Received(Generic[M, R]):
    """Inbound QoS 2 messages by packet id, from PUBLISH to PUBREL [MQTT-4.3.3-10].

    A message that was refused with a positive PUBREC (before MQTT 5 there is no other) is kept as
    None, so that its PUBREL is answered too. ``runs``: packet id to the run that the message came
    in; those of a run are there with all their ids, or it is not there at all.

    [MQTT3-4.3.3-2]
    """

    __slots__ = ("_messages", "payload_bytes", "runs")

    def __init__(self) -> None:
        self._messages: dict[int, tuple[M | None, int]] = {}
        self.runs: dict[int, R] = {}
        self.payload_bytes = 0
        """Sum of what ``keep`` and ``keep_run`` were told of the messages held."""

    def __len__(self) -> int:
        return len(self._messages) + len(self.runs)

    def __contains__(self, packet_id: int) -> bool:
        return packet_id in self._messages or packet_id in self.runs

    def unreleased(self) -> int:
        """How many messages are held; those that were refused hold none."""
        return len(self.runs) + sum([m is not None for m, _ in self._messages.values()])

    def keep(self, packet_id: int, message: M | None, payload_bytes: int) -> None:
        """A PUBLISH came."""
        self._messages[packet_id] = (message, payload_bytes)
        self.payload_bytes += payload_bytes

    def release(self, packet_id: int) -> M | None:
        """Forget a message, because its PUBREL came; None when there is none."""
        message, payload_bytes = self._messages.pop(packet_id, (None, 0))
        self.payload_bytes -= payload_bytes
        return message

    def knows_any(self, first_id: int, after_id: int) -> bool:
        """Whether one of the packet ids from ``first_id`` to before ``after_id`` is kept."""
        ids = range(first_id, after_id)
        return not (
            (not self.runs or self.runs.keys().isdisjoint(ids))
            and (not self._messages or self._messages.keys().isdisjoint(ids))
        )

    def keep_run(self, run: R, first_id: int, after_id: int, size_bytes: int) -> None:
        """PUBLISHes with these packet ids came; none of them is known."""
        self.payload_bytes += size_bytes
        if after_id - first_id == 1:
            self.runs[first_id] = run
        else:
            self.runs.update(dict.fromkeys(range(first_id, after_id), run))

    def take_run(self, first_id: int, after_id: int, size_bytes: int) -> None:
        """Forget a whole run: its PUBRELs came, or it is going to be kept in another way."""
        self.payload_bytes -= size_bytes
        runs = self.runs
        for packet_id in range(first_id, after_id):
            del runs[packet_id]
