"""Packets to bytes, for MQTT 3.1.1 and 5.0, both sides."""

from __future__ import annotations

from broker_runtime.codec.packets import Packet

PACKET_IDS: tuple[bytes, ...] = ()
"""Packet id → its two bytes; ``PACKET_IDS[1] == b"\\x00\\x01"``."""

PINGREQ: bytes = b"\xc0\x00"
PINGRESP: bytes = b"\xd0\x00"


def encode(packet: Packet, version: int) -> bytes:
    """Encode any packet for a connection of ``version`` (3, 4 or 5); properties are left out before 5.

    ConnAck takes an MQTT 5 reason and translates it; a SubAck's refusals become 0x80 before MQTT 5.

    Raises:
        ValueError: our own packet cannot be said in MQTT (a string over 65,535 bytes, packet over 256 MB …).
    """
    raise NotImplementedError


def encode_ack(packet_type: int, packet_id: int, reason: int, version: int) -> bytes:
    """PUBACK, PUBREC, PUBREL or PUBCOMP without properties; four bytes when ``reason`` is 0 or before MQTT 5."""
    raise NotImplementedError


def receiver_properties(
    message_expiry_s: int | None, identifiers: tuple[int, ...], topic_alias: int
) -> bytes:
    """The properties of a PUBLISH that differ by receiver, encoded without length prefix; ``b""`` when there are none."""
    raise NotImplementedError


def publish_whole(
    topic: bytes, payload: bytes, *, retain: bool, version: int, properties: bytes
) -> bytes:
    """A QoS 0 PUBLISH.

    Args:
        topic: UTF-8; empty when a topic alias stands for it.
        properties: ``receiver_properties(…) + StoredMessage.properties``; ignored before MQTT 5.
    """
    raise NotImplementedError


def publish_parts(
    topic: bytes, payload: bytes, *, qos: int, retain: bool, version: int, properties: bytes
) -> tuple[bytes, bytes]:
    """A QoS 1 or 2 PUBLISH as ``(prefix, rest)``: send ``prefix``, ``PACKET_IDS[packet_id]``, ``rest``.

    Encode once for each (version, QoS, properties) of a fan-out. The whole is ``len(prefix) + 2 + len(rest)`` bytes.
    """
    raise NotImplementedError


def as_duplicate(prefix: bytes) -> bytes:
    """The prefix (or whole packet) with the DUP flag set, for a retransmission [MQTT-3.3.1-1]."""
    raise NotImplementedError
