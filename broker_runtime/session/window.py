"""What is on its way to a client: packet ids, acknowledgements, and what waits for room.

The window belongs to the session, not to the connection: ids survive a reconnect
[MQTT-4.4.0-1]. ``Progress`` says how far a durable session has come in the log.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from typing import Final

from broker_runtime.session.outgoing import Outgoing

MAX_PACKET_ID: Final = 65_535


class Passed:
    """Messages passed on as they came, one after another, to a session that ends with its
    connection: nothing of them is kept but what an acknowledgement is told of.

    The number of the one with a packet id is ``offset`` + packet id.
    """

    __slots__ = ("offset", "qos", "topic")

    def __init__(self, topic: str, qos: int, offset: int) -> None:
        self.topic = topic
        self.qos = qos
        self.offset = offset


_NOTHING_WAITS: Final[deque[Outgoing]] = deque()
_NONE_RELEASED: Final[dict[int, int]] = {}
_NONE_PASSED: Final[dict[int, Passed]] = {}
_NOTHING_OWED: Final[set[int]] = set()
"""Stand in every window until its first message: an empty deque takes 760 bytes, a set 216. Nobody
but the methods here adds to them."""


class Window:
    """Outbound QoS 1 and 2 messages of one session.

    ``inflight``: packet id to message that awaits PUBACK or PUBREC, in the order sent.
    ``passed``: the same for messages that are not kept.
    ``released``: packet id to number of a QoS 2 message that awaits PUBCOMP, in the order of the
    PUBRECs. ``pending``: messages that wait for room, oldest first.
    """

    __slots__ = ("inflight", "next_id", "passed", "pending", "pending_bytes", "quota", "released")

    def __init__(self) -> None:
        self.quota = MAX_PACKET_ID
        """How many may be unacknowledged: the client's Receive Maximum [MQTT-3.3.4-9]."""
        self.inflight: dict[int, Outgoing] = {}
        self.passed = _NONE_PASSED
        self.released = _NONE_RELEASED
        self.pending = _NOTHING_WAITS
        self.pending_bytes = 0
        self.next_id = 1
        """Where the search for a free packet id begins."""

    def is_empty(self) -> bool:
        """Whether nothing is on its way and nothing waits."""
        return not (self.inflight or self.passed or self.pending)

    def is_unused(self) -> bool:
        """Whether nothing is held at all."""
        return self.is_empty() and not self.released

    def unacknowledged(self) -> int:
        """How many await an acknowledgement."""
        return len(self.inflight) + len(self.passed) + len(self.released)

    def has_room(self) -> bool:
        """Whether one more may be sent. [MQTT-4.9.0-1] [MQTT-4.9.0-2]"""
        return len(self.inflight) + len(self.passed) + len(self.released) < self.quota

    def are_free(self, first_id: int, after_id: int) -> bool:
        """Whether none of the packet ids from ``first_id`` to before ``after_id`` is in use."""
        ids = range(first_id, after_id)
        return (
            self.passed.keys().isdisjoint(ids)
            and (not self.inflight or self.inflight.keys().isdisjoint(ids))
            and (not self.released or self.released.keys().isdisjoint(ids))
        )

    def pass_on(self, passed: Passed, first_id: int, after_id: int) -> None:
        """Messages were sent with these packet ids, which were free; ``next_id`` moves on."""
        if self.passed is _NONE_PASSED:
            self.passed = {}
        if after_id - first_id == 1:
            self.passed[first_id] = passed
        else:
            self.passed.update(dict.fromkeys(range(first_id, after_id), passed))
        self.next_id = after_id if after_id <= MAX_PACKET_ID else 1

    def room(self) -> int:
        """How many more may be sent; negative when the client came back with a smaller window."""
        return self.quota - self.unacknowledged()

    def admit(self, outgoing: Outgoing) -> int:
        """Give a message a packet id that is not in use [MQTT-2.2.1-4]; only while ``has_room``.
        [MQTT-4.3.2-1] [MQTT-4.3.3-1] [MQTT3-2.3.1-4] [MQTT3-4.3.2-1]"""
        packet_id = self.next_id
        while packet_id in self.inflight or packet_id in self.passed or packet_id in self.released:
            packet_id = packet_id % MAX_PACKET_ID + 1
        self.next_id = packet_id % MAX_PACKET_ID + 1
        self.inflight[packet_id] = outgoing
        return packet_id

    def wait(self, outgoing: Outgoing) -> None:
        """Put a message at the end of those that wait for room."""
        if self.pending is _NOTHING_WAITS:
            self.pending = deque()
        self.pending.append(outgoing)
        self.pending_bytes += outgoing.size_bytes

    def next_waiting(self) -> Outgoing:
        """Take the message that waited longest."""
        outgoing = self.pending.popleft()
        self.pending_bytes -= outgoing.size_bytes
        return outgoing

    def forget_waiting(self) -> int:
        """Drop what waits; returns how many messages."""
        count = len(self.pending)
        self.pending.clear()
        self.pending_bytes = 0
        return count

    def _take_up(self, packet_id: int) -> None:
        """Make one of the passed messages one like the others, for an acknowledgement that is not
        one of many alike."""
        passed = self.passed.pop(packet_id, None)
        if passed is not None:
            seq = passed.offset + packet_id
            self.inflight[packet_id] = Outgoing(None, seq, passed.qos, b"", b"")

    def acknowledged(self, packet_id: int) -> Outgoing | None:
        """PUBACK: the QoS 1 message it ends, or None when there is no such message.
        [MQTT-4.3.2-3] [MQTT3-4.3.2-1]"""
        self._take_up(packet_id)
        outgoing = self.inflight.get(packet_id)
        if outgoing is None or outgoing.qos != 1:
            return None
        del self.inflight[packet_id]
        return outgoing

    def received(self, packet_id: int) -> Outgoing | None:
        """PUBREC: the QoS 2 message that is owed a PUBREL from now on; None when there is none.
        [MQTT-4.3.3-3] [MQTT-4.3.3-5] [MQTT-4.3.3-6] [MQTT-4.6.0-4] [MQTT3-4.3.3-1]
        [MQTT3-4.6.0-4]"""
        self._take_up(packet_id)
        outgoing = self.inflight.get(packet_id)
        if outgoing is None or outgoing.qos != 2:
            return None
        del self.inflight[packet_id]
        self.restore_released(packet_id, outgoing.seq)
        return outgoing

    def refused(self, packet_id: int) -> Outgoing | None:
        """PUBREC with an error: the QoS 2 message that ends with it (MQTT 5.0 §4.3.3).
        [MQTT-4.4.0-2]"""
        self._take_up(packet_id)
        outgoing = self.inflight.get(packet_id)
        if outgoing is None or outgoing.qos != 2:
            return None
        return self.inflight.pop(packet_id)

    def release_all(self, first_id: int, seqs: Iterable[int]) -> None:
        """PUBRELs are owed for messages with consecutive packet ids."""
        if self.released is _NONE_RELEASED:
            self.released = {}
        for packet_id, seq in enumerate(seqs, first_id):
            self.released[packet_id] = seq

    def restore_released(self, packet_id: int, seq: int) -> None:
        """A PUBREL is owed, or was sent, for a message."""
        if self.released is _NONE_RELEASED:
            self.released = {}
        self.released[packet_id] = seq

    def completed(self, packet_id: int) -> int | None:
        """PUBCOMP: the number of the message it ends, or None when none awaits it."""
        return self.released.pop(packet_id, None)


class Progress:
    """How far a durable session has come in the log of messages.

    ``position``: how far the log was read for the session, or passed by live. ``offered``: what it
    was given at most, also by earlier connections: a message up to it that is neither in flight
    nor ``owed`` is done with. ``owed``: messages up to it that must be offered anew. ``cursor``:
    everything up to it is done with, the log may forget it.
    """

    __slots__ = ("cursor", "offered", "owed", "position")

    def __init__(self, cursor: int) -> None:
        self.cursor = cursor
        self.position = cursor
        self.offered = cursor
        self.owed = _NOTHING_OWED

    def owe(self, seq: int) -> None:
        """A message that was offered must be offered anew."""
        if self.owed is _NOTHING_OWED:
            self.owed = set()
        self.owed.add(seq)

    def is_done(self, seq: int) -> bool:
        """Whether a message that is not in flight needs not be offered (any more)."""
        return seq <= self.offered and seq not in self.owed

    def advance(self, window: Window) -> None:
        """Work out ``offered`` and ``cursor``; linear in the window, so done when a record is
        made, never per message.

        A message that only waits was not offered: after a crash nobody would know of it. A
        released QoS 2 message does not hold the cursor back: its PUBREL needs only the packet id.
        """
        offered = self.position
        for outgoing in window.pending:
            if not (outgoing.pinned or outgoing.shared or outgoing.seq in self.owed):
                offered = min(offered, outgoing.seq - 1)
                break
        self.offered = max(self.offered, offered)
        open_seqs = [o.seq for o in window.inflight.values() if not (o.pinned or o.shared)]
        oldest = min(min(open_seqs, default=2**63), min(self.owed, default=2**63))
        self.cursor = max(self.cursor, min(self.offered, oldest - 1))
