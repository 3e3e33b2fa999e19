"""Counters since the process began, named as in ``contract.reports``."""

from __future__ import annotations

from collections import Counter
from typing import Final

from broker_runtime.codec.packets import TYPE_NAMES

Packets = list[int]
"""Packets by type and QoS: index ``type << 2 | QoS``; types without QoS use 0."""


def no_packets() -> Packets:
    """Nothing counted yet."""
    return [0] * 64


def of_type(packets: Packets, packet_type: int) -> int:
    """Packets of a type, of every QoS."""
    return sum(packets[packet_type << 2 : (packet_type << 2) + 4])


TALLY_BITS: Final = 32
"""Room for one type of packet in a tally: 4 * 10^9 of them."""


def tallied(tally: int, packet_type: int) -> int:
    """A tally with one more packet. Before its first message a connection counts its packets, both
    ways, in one number: 100 bytes, two lists take 1,100."""
    return tally + (1 << packet_type * TALLY_BITS)


def packets_of(tally: int, packet_type: int) -> int:
    """How many packets of a type a tally holds."""
    return tally >> packet_type * TALLY_BITS & (1 << TALLY_BITS) - 1


COUNTERS: Final = (
    "acl_connect_failure",
    "acl_connect_success",
    "acl_publish_failure",
    "acl_publish_success",
    "acl_subscribe_failure",
    "acl_subscribe_success",
    "auth_failure",
    "auth_success",
    "bytes_received",
    "bytes_sent",
    "connect_failure",
    "connect_success",
    "connect_throttled",
    "messages_received",
    "messages_sent",
    "publish_throttled",
    "takeovers",
    "tps_units",
)
"""Plain counters of ``Stats``: attributes, and names in a report, alike."""


class Stats:
    """Plain attributes, so that the hot path adds to them without a call."""

    __slots__ = (*COUNTERS, "dropped", "packets_received", "packets_sent")

    def __init__(self) -> None:
        for name in COUNTERS:
            setattr(self, name, 0)
        self.packets_received: Packets = no_packets()
        self.packets_sent: Packets = no_packets()
        self.dropped: Counter[str] = Counter()
        self.acl_connect_failure: int
        self.acl_connect_success: int
        self.acl_publish_failure: int
        self.acl_publish_success: int
        self.acl_subscribe_failure: int
        self.acl_subscribe_success: int
        self.auth_failure: int
        self.auth_success: int
        self.bytes_received: int
        self.bytes_sent: int
        self.connect_failure: int
        self.connect_success: int
        self.connect_throttled: int
        self.messages_received: int
        self.messages_sent: int
        self.publish_throttled: int
        self.takeovers: int
        self.tps_units: int

    def counters(self) -> dict[str, int]:
        """Everything by name."""
        named: dict[str, int] = {name: getattr(self, name) for name in COUNTERS}
        for number, title in enumerate(TYPE_NAMES[1:], start=1):
            name = title.lower()
            named[f"packets_received_{name}"] = of_type(self.packets_received, number)
            named[f"packets_sent_{name}"] = of_type(self.packets_sent, number)
        named.update((f"dropped_{reason}", count) for reason, count in self.dropped.items())
        return named
