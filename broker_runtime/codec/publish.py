"""The hot path of PUBLISH: offsets instead of objects, properties forwarded as received."""

from __future__ import annotations

from broker_runtime.codec.packets import Properties
from broker_runtime.codec.reasons import Violation


class PublishProperties:
    """The properties of an MQTT 5 PUBLISH, split.

    ``forwardable``: payload format, response topic, correlation data, content type and user properties, as received, in
    order, without length prefix: what ``StoredMessage.properties`` holds. ``topic_alias`` 0: none.
    ``message_expiry_s`` None: none. ``identifiers``: subscription identifiers (from a server only).
    """

    __slots__ = ("forwardable", "identifiers", "message_expiry_s", "topic_alias")
    forwardable: bytes
    topic_alias: int
    message_expiry_s: int | None
    identifiers: tuple[int, ...]


def scan_publish(
    buffer: bytes, start: int, end: int, flags: int, version: int
) -> tuple[bytes, int, int, int, int] | Violation:
    """Find the parts of a PUBLISH whose body is ``buffer[start:end]``.

    Args:
        flags: low four bits of the first byte: ``qos = flags >> 1 & 3``, ``retain = flags & 1``, ``dup = flags & 8``.

    Returns:
        ``(topic, packet id, properties start, properties end, payload start)``. The topic is the bytes received, not
        validated: use it as a cache key, and call ``topic_of`` when the cache does not know it. Packet id 0 at QoS 0.
        ``properties start == properties end``: no properties (always so before MQTT 5).
    """
    raise NotImplementedError


def topic_of(topic: bytes) -> str | Violation:
    """Decode and validate a topic name (P12, P13, P15)."""
    raise NotImplementedError


def split_properties(buffer: bytes, start: int, end: int) -> PublishProperties | Violation:
    """Validate the properties ``buffer[start:end]`` of a PUBLISH and split them; call when ``start < end``."""
    raise NotImplementedError


def forwardable_block(properties: Properties) -> bytes:
    """Encode of a will or PUBLISH what travels with the message, as ``StoredMessage.properties`` holds it."""
    raise NotImplementedError


def read_forwardable(block: bytes) -> Properties:
    """Decode ``StoredMessage.properties`` (for message detail pages)."""
    raise NotImplementedError
