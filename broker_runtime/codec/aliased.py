"""A PUBLISH that is encoded with its topic, made into one that uses a topic alias (MQTT 5.0
§3.3.2.3.4).

Receivers without aliases share the encoded bytes; only one that asked for aliases gets a copy."""

from __future__ import annotations

from typing import Final

from broker_runtime.codec.primitives import varint_bytes

NO_NAME: Final = b"\x00\x00"


def aliased_whole(packet: bytes, alias: int, *, known: bool) -> bytes:
    """The same QoS 0 PUBLISH with an alias.

    Args:
        packet: as ``encoder.publish_whole`` gives it for MQTT 5.
        known: the receiver has the alias already, so that the topic may be left out.
    """
    start = _body_start(packet)
    name_end = start + 2 + (packet[start] << 8 | packet[start + 1])
    rest = _with_alias(packet[name_end:], alias)
    name = NO_NAME if known else packet[start:name_end]
    return b"".join((packet[:1], varint_bytes(len(name) + len(rest)), name, rest))


def aliased_parts(prefix: bytes, rest: bytes, alias: int, *, known: bool) -> tuple[bytes, bytes]:
    """The same for the two parts of a PUBLISH at QoS 1 or 2 (``encoder.publish_parts``)."""
    name = NO_NAME if known else prefix[_body_start(prefix) :]
    rest = _with_alias(rest, alias)
    return prefix[:1] + varint_bytes(len(name) + 2 + len(rest)) + name, rest


def _body_start(encoded: bytes) -> int:
    position = 2
    while encoded[position - 1] >= 0x80:
        position += 1
    return position


def _with_alias(rest: bytes, alias: int) -> bytes:
    """``rest`` begins with the length of the properties; the alias becomes the first of them."""
    length = shift = position = 0
    while True:
        byte = rest[position]
        length |= (byte & 0x7F) << shift
        position += 1
        if byte < 0x80:
            break
        shift += 7
    head = varint_bytes(length + 3) + b"\x23" + alias.to_bytes(2, "big")
    return head + rest[position:]
