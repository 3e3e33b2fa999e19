"""The independent model of the kill test: what was sent, acknowledged and received, and what must
hold of it.

Time is a counter of what the clients saw. A message is *owed* to a subscription that was
acknowledged before the message was first sent and that nobody has asked to end; it is *forbidden*
when it was sent after an UNSUBACK and acknowledged before the next SUBSCRIBE was sent.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass, field

FOREVER = 1 << 60


@dataclass
class Sent:
    """One message of a publisher. Its payload is ``number``; an empty one deletes."""

    topic: str
    number: int
    qos: int
    sent_at: int
    acknowledged_at: int = FOREVER
    is_deletion: bool = False


@dataclass
class Subscribed:
    """One filter of one receiver (a client, or all members of a group)."""

    qos: int
    topics: frozenset[str]
    owed_since: int = FOREVER
    off_since: int = FOREVER
    off_spans: list[tuple[int, int]] = field(default_factory=list)


class Ledger:
    """Filled by the clients; ``faults`` is the verdict."""

    def __init__(self) -> None:
        self.now = 0
        self.sent: dict[str, list[Sent]] = defaultdict(list)
        self.subscribed: dict[tuple[str, str], Subscribed] = {}
        self.received: dict[str, Counter[tuple[str, int]]] = defaultdict(Counter)
        self._newest: dict[tuple[str, str, int], int] = {}
        self.faults: list[str] = []

    def tick(self) -> int:
        """Something happened."""
        self.now += 1
        return self.now

    # -- publishers --------------------------------------------------------------------------------

    def sending(self, topic: str, qos: int, *, is_deletion: bool = False) -> Sent:
        """The next message of a topic; each topic has one publisher and one QoS."""
        message = Sent(topic, len(self.sent[topic]), qos, self.tick(), is_deletion=is_deletion)
        self.sent[topic].append(message)
        return message

    def acknowledged(self, message: Sent) -> None:
        """PUBACK or PUBCOMP came."""
        message.acknowledged_at = self.tick()

    # -- receivers ---------------------------------------------------------------------------------

    def subscription(self, receiver: str, name: str, qos: int, topics: list[str]) -> Subscribed:
        """A filter that a receiver uses, with the topics of the test it matches."""
        made = Subscribed(qos, frozenset(topics))
        self.subscribed[receiver, name] = made
        return made

    def subscribing(self, entry: Subscribed) -> None:
        """SUBSCRIBE is about to be sent."""
        if entry.off_since != FOREVER:
            entry.off_spans.append((entry.off_since, self.tick()))
            entry.off_since = FOREVER

    def is_subscribed(self, entry: Subscribed) -> None:
        """SUBACK came; a repeated one changes nothing."""
        entry.owed_since = min(entry.owed_since, self.tick())

    def unsubscribing(self, entry: Subscribed) -> None:
        """UNSUBSCRIBE is about to be sent: what was not received yet may be withheld."""
        entry.owed_since = FOREVER

    def is_unsubscribed(self, entry: Subscribed) -> None:
        """UNSUBACK came."""
        entry.off_since = min(entry.off_since, self.tick())

    def got(self, receiver: str, who: str, topic: str, payload: bytes) -> None:
        """A message arrived at a client of a receiver; checks order and exactly once."""
        self.tick()
        number = int(payload)
        times = self.received[receiver]
        times[topic, number] += 1
        message = self.sent[topic][number]
        entry = self._entry(receiver, topic)
        qos = min(message.qos, entry.qos)
        if times[topic, number] > 1:
            if qos == 2:
                self.faults.append(f"{receiver}: QoS 2 twice: {topic} {number} (now at {who})")
            return
        if who == receiver:  # members of a group share the order, none of them has all of it
            newest = self._newest.get((who, topic, qos), -1)
            # One that was first sent before the SUBACK may come late: its publisher sends it again.
            if number < newest and message.sent_at > entry.owed_since:
                self.faults.append(f"{who}: out of order: {topic} {number} after {newest}")
            self._newest[who, topic, qos] = max(newest, number)

    def _entry(self, receiver: str, topic: str) -> Subscribed:
        return next(
            entry
            for (owner, _), entry in self.subscribed.items()
            if owner == receiver and topic in entry.topics
        )

    # -- verdict -----------------------------------------------------------------------------------

    def missing(self) -> list[str]:
        """Acknowledged messages that somebody is owed and does not have."""
        found = []
        for (receiver, name), entry in self.subscribed.items():
            if entry.owed_since == FOREVER:
                continue
            times = self.received[receiver]
            for topic in entry.topics:
                for m in self.sent[topic]:
                    is_owed = m.sent_at > entry.owed_since and m.acknowledged_at != FOREVER
                    if is_owed and (topic, m.number) not in times:
                        found.append(f"{receiver} {name}: lost {topic} {m.number}")
        return found

    def unwanted(self) -> list[str]:
        """Messages received under a subscription that was not there."""
        found = []
        for (receiver, name), entry in self.subscribed.items():
            spans = [*entry.off_spans, (entry.off_since, FOREVER)]
            for topic, number in self.received[receiver]:
                if topic not in entry.topics:
                    continue
                m = self.sent[topic][number]
                if any(m.sent_at > off and m.acknowledged_at < on for off, on in spans):
                    found.append(f"{receiver} {name}: unwanted {topic} {number}")
        return found

    def wrong_retained(self, standing: dict[str, int], topics: list[str]) -> list[str]:
        """Topics whose retained message is older than the last acknowledged one.

        Args:
            standing: topic → number of the message a new subscriber was given.
        """
        found = []
        for topic in topics:
            messages = self.sent[topic]
            acknowledged = [m.number for m in messages if m.acknowledged_at != FOREVER]
            last = max(acknowledged, default=-1)
            possible = messages[max(last, 0) :]
            if topic in standing:
                fits = standing[topic] >= last and not messages[standing[topic]].is_deletion
            else:
                fits = last < 0 or any(m.is_deletion for m in possible)
            if not fits:
                found.append(f"{topic}: retained {standing.get(topic)}, acknowledged {last}")
        return found
