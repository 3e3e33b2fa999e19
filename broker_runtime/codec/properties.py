"""MQTT 5.0 §2.2.2.2 as one table: number, name, data type and lawful packets of every property."""

from __future__ import annotations

from enum import IntEnum
from typing import Final

from broker_runtime.codec.packets import (
    AUTH,
    CONNACK,
    CONNECT,
    DISCONNECT,
    PUBACK,
    PUBCOMP,
    PUBLISH,
    PUBREC,
    PUBREL,
    SUBACK,
    SUBSCRIBE,
    TYPE_NAMES,
    UNSUBACK,
    UNSUBSCRIBE,
    Properties,
)
from broker_runtime.codec.primitives import (
    ProtocolViolation,
    Reader,
    binary_bytes,
    malformed,
    protocol_error,
    text_bytes,
    text_of,
    varint_bytes,
)
from broker_runtime.codec.reasons import ReasonCode

WILL: Final = 0
"""Stands for "will properties" where a packet type is asked for (type 0 is reserved)."""

MAX_USER_PROPERTIES: Final = 2_000
"""User properties of one block; more is refused with 0x95 (P18). Without the limit a packet of
4 MB, 590,000 of them, took 0.4 s and at least 35 MB (Python 3.11, 2 vCPU, 2026-11-20)."""


class Kind(IntEnum):
    """Data type of a property's value."""

    BYTE = 0
    UINT16 = 1
    UINT32 = 2
    VARINT = 3
    TEXT = 4
    BINARY = 5
    PAIR = 6


class PropertyRule:
    """One row of the table. ``packets``: bit n set: lawful in packet type n (0: in a will)."""

    __slots__ = ("field", "identifier", "kind", "packets", "title")

    def __init__(self, identifier: int, title: str, field: str, kind: Kind, packets: int) -> None:
        self.identifier = identifier
        self.title = title
        self.field = field
        self.kind = kind
        self.packets = packets


def _in(*packet_types: int) -> int:
    return sum(1 << packet_type for packet_type in packet_types)


_ACKS: Final = (PUBACK, PUBREC, PUBREL, PUBCOMP)
_EVERY: Final = _in(WILL, CONNECT, CONNACK, PUBLISH, *_ACKS, SUBSCRIBE, SUBACK, UNSUBSCRIBE)
_EVERYWHERE: Final = _EVERY | _in(UNSUBACK, DISCONNECT, AUTH)
_REASONED: Final = _in(CONNACK, *_ACKS, SUBACK, UNSUBACK, DISCONNECT, AUTH)
_MESSAGE: Final = _in(WILL, PUBLISH)
_HANDSHAKE: Final = _in(CONNECT, CONNACK)

_TABLE: Final[tuple[tuple[int, str, Kind, int], ...]] = (
    (0x01, "payload_format_indicator", Kind.BYTE, _MESSAGE),
    (0x02, "message_expiry_s", Kind.UINT32, _MESSAGE),
    (0x03, "content_type", Kind.TEXT, _MESSAGE),
    (0x08, "response_topic", Kind.TEXT, _MESSAGE),
    (0x09, "correlation_data", Kind.BINARY, _MESSAGE),
    (0x0B, "subscription_identifiers", Kind.VARINT, _in(PUBLISH, SUBSCRIBE)),
    (0x11, "session_expiry_s", Kind.UINT32, _HANDSHAKE | _in(DISCONNECT)),
    (0x12, "assigned_client_id", Kind.TEXT, _in(CONNACK)),
    (0x13, "server_keep_alive_s", Kind.UINT16, _in(CONNACK)),
    (0x15, "authentication_method", Kind.TEXT, _HANDSHAKE | _in(AUTH)),
    (0x16, "authentication_data", Kind.BINARY, _HANDSHAKE | _in(AUTH)),
    (0x17, "request_problem_information", Kind.BYTE, _in(CONNECT)),
    (0x18, "will_delay_s", Kind.UINT32, _in(WILL)),
    (0x19, "request_response_information", Kind.BYTE, _in(CONNECT)),
    (0x1A, "response_information", Kind.TEXT, _in(CONNACK)),
    (0x1C, "server_reference", Kind.TEXT, _in(CONNACK, DISCONNECT)),
    (0x1F, "reason_string", Kind.TEXT, _REASONED),
    (0x21, "receive_maximum", Kind.UINT16, _HANDSHAKE),
    (0x22, "topic_alias_maximum", Kind.UINT16, _HANDSHAKE),
    (0x23, "topic_alias", Kind.UINT16, _in(PUBLISH)),
    (0x24, "maximum_qos", Kind.BYTE, _in(CONNACK)),
    (0x25, "retain_available", Kind.BYTE, _in(CONNACK)),
    (0x26, "user_properties", Kind.PAIR, _EVERYWHERE),
    (0x27, "maximum_packet_bytes", Kind.UINT32, _HANDSHAKE),
    (0x28, "wildcard_subscription_available", Kind.BYTE, _in(CONNACK)),
    (0x29, "subscription_identifiers_available", Kind.BYTE, _in(CONNACK)),
    (0x2A, "shared_subscriptions_available", Kind.BYTE, _in(CONNACK)),
)

RULES: Final[dict[int, PropertyRule]] = {
    identifier: PropertyRule(identifier, field.replace("_", " "), field, kind, packets)
    for identifier, field, kind, packets in _TABLE
}
"""Property number → its rule."""

_NOT_ZERO: Final[dict[str, ReasonCode]] = {
    # MQTT 5.0 §3.1.2.11.3, §3.1.2.11.4, §3.8.2.1.2, [MQTT-3.3.2-8] (P20, P21)
    "receive_maximum": ReasonCode.PROTOCOL_ERROR,
    "maximum_packet_bytes": ReasonCode.PROTOCOL_ERROR,
    "subscription_identifiers": ReasonCode.PROTOCOL_ERROR,
    "topic_alias": ReasonCode.TOPIC_ALIAS_INVALID,
}

USER_PROPERTY: Final = 0x26
_NAMES: Final = ("WILL", *TYPE_NAMES[1:])


def rule_for(identifier: int, packet_type: int) -> PropertyRule:
    """Rule of a property that was met in a packet (or ``WILL``).

    Raises:
        ProtocolViolation: unknown (0x81) or not lawful there (0x82, P19).
    """
    rule = RULES.get(identifier)
    if rule is None:
        raise malformed(f"property 0x{identifier:02X} is unknown")
    if not rule.packets >> packet_type & 1:
        raise protocol_error(f"{rule.title} is not lawful in {_NAMES[packet_type]}")
    return rule


def read_value(reader: Reader, rule: PropertyRule) -> int | str | bytes:
    """Read and check the value of a property other than a user property.

    Raises:
        ProtocolViolation: cut short, malformed, or outside its lawful range.

    [MQTT-3.3.2-19]
    """
    kind = rule.kind
    if kind is Kind.TEXT:
        text = reader.text(rule.title)
        if rule.identifier == 0x08 and (not text or "+" in text or "#" in text):
            # [MQTT-3.3.2-13] [MQTT-3.3.2-14] a response topic is a topic name
            raise protocol_error("the response topic is not a topic name")
        return text
    if kind is Kind.BINARY:
        return reader.binary(rule.title)
    if kind is Kind.BYTE:
        value = reader.byte(rule.title)
        if value > 1:
            raise protocol_error(f"{rule.title} is {value}, not 0 or 1")
        return value
    if kind is Kind.UINT16:
        value = reader.uint16(rule.title)
    elif kind is Kind.UINT32:
        value = reader.uint32(rule.title)
    else:
        value = reader.varint(rule.title)
    if value == 0 and rule.field in _NOT_ZERO:
        raise ProtocolViolation(_NOT_ZERO[rule.field], f"{rule.title} is 0")
    return value


def read_pair(reader: Reader) -> tuple[str, str]:
    """Read the name and the value of a user property. [MQTT-1.5.7-1]"""
    # Inline, not four calls of Reader: thousands may stand in a packet (P18), and a call costs
    # as much as the decoding.
    buffer = reader.buffer
    end = reader.end
    start = reader.position + 2
    if start > end:
        raise malformed("the packet ends before a user property")
    middle = start + (buffer[start - 2] << 8 | buffer[start - 1])
    if middle + 2 > end:
        raise malformed("the packet ends inside a user property")
    stop = middle + 2 + (buffer[middle] << 8 | buffer[middle + 1])
    if stop > end:
        raise malformed("the packet ends inside a user property")
    reader.position = stop
    name = text_of(buffer[start:middle], "the name of a user property")
    return name, text_of(buffer[middle + 2 : stop], "the value of a user property")


def too_many_user_properties() -> ProtocolViolation:
    """What is raised beyond ``MAX_USER_PROPERTIES``."""
    return ProtocolViolation(
        ReasonCode.PACKET_TOO_LARGE, f"more than {MAX_USER_PROPERTIES} user properties"
    )


def block_reader(reader: Reader) -> Reader:
    """Step over a property block in ``reader``; returns a reader of the block's inside."""
    length = reader.varint("the property length")
    start = reader.position
    end = start + length
    if end > reader.end:
        raise malformed("the properties reach beyond the packet")
    reader.position = end
    return Reader(reader.buffer, start, end)


def read_properties(reader: Reader, packet_type: int) -> Properties:
    """Read the property block of a packet (or ``WILL``), its length included.

    Raises:
        ProtocolViolation: P11, P13, P18, P19, P20, P21.
    """
    if reader.position < reader.end and reader.buffer[reader.position] == 0:
        reader.position += 1
        return Properties()
    return read_inside(block_reader(reader), packet_type)


def read_inside(block: Reader, packet_type: int) -> Properties:
    """Read properties up to the end of ``block``, which holds nothing else."""
    properties = Properties()
    identifiers: list[int] = []
    pairs: list[tuple[str, str]] = []
    seen = 0
    while block.position < block.end:
        identifier = block.varint("a property identifier")
        rule = rule_for(identifier, packet_type)
        if identifier == USER_PROPERTY:
            if len(pairs) == MAX_USER_PROPERTIES:
                raise too_many_user_properties()
            pairs.append(read_pair(block))
            continue
        # MQTT 5.0 §2.2.2.2: only user properties, and the subscription identifiers of a
        # PUBLISH, may come again (P19).
        if seen >> identifier & 1 and not (identifier == 0x0B and packet_type == PUBLISH):
            raise protocol_error(f"{rule.title} comes twice")
        seen |= 1 << identifier
        value = read_value(block, rule)
        if identifier == 0x0B:
            assert isinstance(value, int)  # its kind is VARINT
            identifiers.append(value)
        else:
            setattr(properties, rule.field, value)
    properties.subscription_identifiers = tuple(identifiers)
    properties.user_properties = tuple(pairs)
    return properties


def _write_value(rule: PropertyRule, value: object) -> bytes:
    kind = rule.kind
    if kind is Kind.TEXT:
        assert isinstance(value, str)
        return text_bytes(value)
    if kind is Kind.BINARY:
        assert isinstance(value, bytes)
        return binary_bytes(value)
    assert isinstance(value, int)
    size = 1 if kind is Kind.BYTE else 2 if kind is Kind.UINT16 else 4
    return value.to_bytes(size, "big")


def _written(rule: PropertyRule, properties: Properties) -> bytes:
    tag = bytes((rule.identifier,))
    if rule.kind is Kind.PAIR:
        return b"".join(
            [
                tag + text_bytes(name) + text_bytes(value)
                for name, value in properties.user_properties
            ]
        )
    if rule.identifier == 0x0B:
        return b"".join([tag + varint_bytes(i) for i in properties.subscription_identifiers])
    value = getattr(properties, rule.field)
    return b"" if value is None else tag + _write_value(rule, value)


def write_properties(properties: Properties, packet_type: int) -> bytes:
    """Encode a property block with its length.

    Raises:
        ValueError: a property of ours is not lawful in the packet, or does not fit.

    [MQTT-2.2.2-1]
    """
    inside = bytearray()
    for rule in RULES.values():
        encoded = _written(rule, properties)
        if encoded and not rule.packets >> packet_type & 1:
            raise ValueError(f"{rule.title} is not lawful in {_NAMES[packet_type]}")
        inside += encoded
    return varint_bytes(len(inside)) + bytes(inside)


FORWARDED: Final = frozenset((0x01, 0x03, 0x08, 0x09, USER_PROPERTY))
"""The properties that travel with a message to its receivers unaltered [MQTT-3.3.2-4]
[MQTT-3.3.2-15] [MQTT-3.3.2-16] [MQTT-3.3.2-17] [MQTT-3.3.2-18] [MQTT-3.3.2-20]."""


def forwardable_block(properties: Properties) -> bytes:
    """Encode of a will or PUBLISH what travels with the message, as ``StoredMessage.properties``
    holds it: no length, no topic alias, message expiry, will delay or subscription identifier."""
    return b"".join(
        [_written(rule, properties) for rule in RULES.values() if rule.identifier in FORWARDED]
    )


def read_forwardable(block: bytes) -> Properties:
    """Decode ``StoredMessage.properties`` (for message detail pages).

    Raises:
        ValueError: the block was not made by this package.
    """
    try:
        return read_inside(Reader(block, 0, len(block)), PUBLISH)
    except ProtocolViolation as violation:
        raise ValueError(f"stored properties are damaged: {violation}") from violation
