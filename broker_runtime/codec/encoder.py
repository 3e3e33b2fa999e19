"""Packets to bytes, for MQTT 3.1, 3.1.1 and 5.0, both sides."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from broker_runtime.codec import packets
from broker_runtime.codec.packets import (
    CONNACK,
    CONNECT,
    DISCONNECT,
    PUBLISH,
    PUBREL,
    SUBACK,
    SUBSCRIBE,
    UNSUBACK,
    UNSUBSCRIBE,
    V5,
    V31,
    Packet,
    Properties,
)
from broker_runtime.codec.primitives import binary_bytes, text_bytes, varint_bytes
from broker_runtime.codec.properties import WILL, write_properties
from broker_runtime.codec.reasons import connack_return_code, suback_code

PACKET_IDS: Final[list[bytes]] = [packet_id.to_bytes(2, "big") for packet_id in range(0x10000)]
"""Packet id to its two bytes. 3 MB, so that a fan-out at QoS 1 or 2 makes no object per
receiver."""


def _acks(first_byte: int) -> bytes:
    table = bytearray(bytes((first_byte, 2, 0, 0)) * 0x10000)
    low_bytes = bytes(range(256))
    table[2::4] = b"".join([bytes((high,)) * 256 for high in low_bytes])
    table[3::4] = low_bytes * 256
    return bytes(table)


PUBACKS: Final[bytes] = _acks(0x40)
"""Acknowledgements without a reason of every packet id, four bytes each, one after another: those
of consecutive ids are one slice, to send and to recognise. 256 KB each."""
PUBRECS: Final[bytes] = _acks(0x50)
PUBRELS: Final[bytes] = _acks(0x62)
PUBCOMPS: Final[bytes] = _acks(0x70)

PINGREQ: Final = b"\xc0\x00"
PINGRESP: Final = b"\xd0\x00"


def encode(packet: Packet, version: int) -> bytes:
    """Encode any packet for a connection of ``version`` (3, 4 or 5); properties are left out before
    5.

    A ConnAck holds an MQTT 5 reason, which becomes a return code before 5; refusals in a SubAck
    become 0x80. A Connect is encoded for its own ``protocol_version``.

    Raises:
        ValueError: our own packet cannot be said: a string too long, a property that is not lawful,
            a reason that 3.1.1 has no word for, an AUTH before MQTT 5.
    """
    return _ENCODERS[type(packet)](packet, version)


def encode_ack(packet_type: int, packet_id: int, reason: int, version: int) -> bytes:
    """PUBACK, PUBREC, PUBREL or PUBCOMP without properties: four bytes, five with a reason.
    [MQTT-2.2.1-5] [MQTT3-2.3.1-6]"""
    first_byte = packet_type << 4 | (2 if packet_type == PUBREL else 0)  # [MQTT-3.6.1-1]
    if reason and version >= V5:
        return bytes((first_byte, 3, packet_id >> 8, packet_id & 0xFF, reason))
    return bytes((first_byte, 2, packet_id >> 8, packet_id & 0xFF))


def receiver_properties(
    message_expiry_s: int | None, identifiers: tuple[int, ...], topic_alias: int
) -> bytes:
    """Encode the properties of a PUBLISH that differ by receiver, without length prefix.

    Args:
        message_expiry_s: what is left of it [MQTT-3.3.2-6]; None: none.
        identifiers: of the subscriptions that matched [MQTT-3.3.4-3] [MQTT-3.3.4-4].
        topic_alias: 0: none.
    """
    encoded = b""
    if message_expiry_s is not None:
        encoded = b"\x02" + message_expiry_s.to_bytes(4, "big")
    for identifier in identifiers:
        encoded += b"\x0b" + varint_bytes(identifier)
    if topic_alias:
        encoded += b"\x23" + topic_alias.to_bytes(2, "big")
    return encoded


def publish_whole(
    topic: bytes, payload: bytes, *, retain: bool, version: int, properties: bytes
) -> bytes:
    """Encode a QoS 0 PUBLISH.

    Args:
        topic: UTF-8; empty when a topic alias stands for it.
        properties: ``receiver_properties(…) + StoredMessage.properties``; ignored before MQTT 5.

    Raises:
        ValueError: topic or packet too large.

    [MQTT-2.2.1-2] [MQTT-4.3.1-1] [MQTT3-2.3.1-5] [MQTT3-4.3.1-1]
    """
    head = binary_bytes(topic)
    if version >= V5:
        head += varint_bytes(len(properties)) + properties
    length = varint_bytes(len(head) + len(payload))
    return b"".join((b"\x31" if retain else b"\x30", length, head, payload))


def publish_parts(
    topic: bytes, payload: bytes, *, qos: int, retain: bool, version: int, properties: bytes
) -> tuple[bytes, bytes]:
    """Encode a QoS 1 or 2 PUBLISH as (prefix, rest): send prefix, ``PACKET_IDS[packet_id]``, rest.

    Encode once for each (version, QoS, properties) of a fan-out. The whole packet has
    ``len(prefix) + 2 + len(rest)`` bytes. Arguments and errors as of ``publish_whole``.

    [MQTT-3.3.1-3] [MQTT-4.3.2-2] [MQTT-4.3.3-2] [MQTT3-3.3.1-3]
    """
    rest = payload
    if version >= V5:
        rest = b"".join((varint_bytes(len(properties)), properties, payload))
    name = binary_bytes(topic)
    first_byte = bytes((0x30 | qos << 1 | retain,))
    return first_byte + varint_bytes(len(name) + 2 + len(rest)) + name, rest


def as_duplicate(encoded: bytes) -> bytes:
    """Set DUP in a PUBLISH or its prefix, to send it again [MQTT-3.3.1-1]. [MQTT3-3.3.1-1]"""
    return bytes((encoded[0] | 0x08,)) + encoded[1:]


def _framed(first_byte: int, body: bytes) -> bytes:
    return bytes((first_byte,)) + varint_bytes(len(body)) + body


def _block(properties: Properties, packet_type: int, version: int) -> bytes:
    return write_properties(properties, packet_type) if version >= V5 else b""


def _packet_id(packet_id: int) -> bytes:
    if not 1 <= packet_id <= 0xFFFF:
        raise ValueError(f"packet identifier {packet_id} is not within 1 and 65,535")
    return PACKET_IDS[packet_id]


def _encode_connect(packet: packets.Connect, version: int) -> bytes:
    version = packet.protocol_version
    will = packet.will
    flags = 0x02 if packet.clean_start else 0
    fields = [text_bytes(packet.client_id)]
    if will is not None:
        flags |= 0x04 | will.qos << 3 | will.retain << 5
        fields.append(_block(will.properties, WILL, version))
        fields.append(text_bytes(will.topic))
        fields.append(binary_bytes(will.payload))
    if packet.username is not None:
        flags |= 0x80
        fields.append(text_bytes(packet.username))
    if packet.password is not None:
        flags |= 0x40
        fields.append(binary_bytes(packet.password))
    head = text_bytes("MQIsdp" if version == V31 else "MQTT") + bytes((version, flags))
    head += packet.keep_alive_s.to_bytes(2, "big")
    head += _block(packet.properties, CONNECT, version)
    return _framed(0x10, head + b"".join(fields))


def _encode_connack(packet: packets.ConnAck, version: int) -> bytes:
    flags = 1 if packet.session_present and version > V31 else 0  # reserved in MQTT 3.1
    if version >= V5:
        block = write_properties(packet.properties, CONNACK)
        return _framed(0x20, bytes((flags, packet.reason)) + block)
    return_code = connack_return_code(packet.reason)
    if return_code is None:
        raise ValueError(f"MQTT 3.1.1 has no return code for reason 0x{packet.reason:02X}")
    return bytes((0x20, 2, flags, return_code))


def _encode_publish(packet: packets.Publish, version: int) -> bytes:
    block = _block(packet.properties, PUBLISH, version)
    packet_id = _packet_id(packet.packet_id) if packet.qos else b""
    first_byte = 0x30 | packet.dup << 3 | packet.qos << 1 | packet.retain
    return _framed(first_byte, text_bytes(packet.topic) + packet_id + block + packet.payload)


def _encode_ack(packet: packets.Ack, version: int) -> bytes:
    packet_id = _packet_id(packet.packet_id)
    if version < V5 or packet.properties is None:
        return encode_ack(packet.packet_type, packet.packet_id, packet.reason, version)
    block = write_properties(packet.properties, packet.packet_type)
    first_byte = packet.packet_type << 4 | (2 if packet.packet_type == PUBREL else 0)
    return _framed(first_byte, packet_id + bytes((packet.reason,)) + block)


def _encode_subscribe(packet: packets.Subscribe, version: int) -> bytes:
    properties = packet.properties
    if version >= V5 and packet.identifier is not None:
        properties = Properties(
            subscription_identifiers=(packet.identifier,),
            user_properties=properties.user_properties,
        )
    body = [_packet_id(packet.packet_id), _block(properties, SUBSCRIBE, version)]
    for request in packet.subscriptions:
        options = request.qos
        if version >= V5:
            options |= request.no_local << 2 | request.retain_as_published << 3
            options |= request.retain_handling << 4
        body.append(text_bytes(request.topic_filter) + bytes((options,)))
    return _framed(0x82, b"".join(body))


def _encode_suback(packet: packets.SubAck, version: int) -> bytes:
    # [MQTT-2.2.1-6] [MQTT-3.8.4-2] [MQTT-3.9.3-1] [MQTT3-2.3.1-7] [MQTT3-3.8.4-2]
    # [MQTT3-3.9.3-1]
    codes = bytes([suback_code(reason, version) for reason in packet.reasons])
    head = _packet_id(packet.packet_id) + _block(packet.properties, SUBACK, version)
    return _framed(0x90, head + codes)


def _encode_unsubscribe(packet: packets.Unsubscribe, version: int) -> bytes:
    body = [_packet_id(packet.packet_id), _block(packet.properties, UNSUBSCRIBE, version)]
    body += [text_bytes(topic_filter) for topic_filter in packet.topic_filters]
    return _framed(0xA2, b"".join(body))


def _encode_unsuback(packet: packets.UnsubAck, version: int) -> bytes:
    # [MQTT-2.2.1-6] [MQTT-3.10.4-5] [MQTT-3.11.3-1] [MQTT3-2.3.1-7] [MQTT3-3.10.4-4]
    packet_id = _packet_id(packet.packet_id)
    if version < V5:
        return _framed(0xB0, packet_id)
    block = write_properties(packet.properties, UNSUBACK)
    return _framed(0xB0, packet_id + block + bytes(packet.reasons))


def _encode_pingreq(packet: packets.PingReq, version: int) -> bytes:
    return PINGREQ


def _encode_pingresp(packet: packets.PingResp, version: int) -> bytes:
    return PINGRESP


def _encode_disconnect(packet: packets.Disconnect, version: int) -> bytes:
    if version < V5:
        return b"\xe0\x00"
    block = write_properties(packet.properties, DISCONNECT)
    if block == b"\x00":
        # MQTT 5.0 §3.14.2.1: what says nothing may be left out from the end
        return _framed(0xE0, bytes((packet.reason,)) if packet.reason else b"")
    return _framed(0xE0, bytes((packet.reason,)) + block)


def _encode_auth(packet: packets.Auth, version: int) -> bytes:
    if version < V5:
        raise ValueError("there is no AUTH before MQTT 5")
    block = write_properties(packet.properties, packets.AUTH)
    if block == b"\x00" and not packet.reason:
        return b"\xf0\x00"
    return _framed(0xF0, bytes((packet.reason,)) + block)


# Any: each function takes the class under which it is filed here.
_ENCODERS: Final[dict[type[Packet], Callable[[Any, int], bytes]]] = {
    packets.Connect: _encode_connect,
    packets.ConnAck: _encode_connack,
    packets.Publish: _encode_publish,
    packets.Ack: _encode_ack,
    packets.Subscribe: _encode_subscribe,
    packets.SubAck: _encode_suback,
    packets.Unsubscribe: _encode_unsubscribe,
    packets.UnsubAck: _encode_unsuback,
    packets.PingReq: _encode_pingreq,
    packets.PingResp: _encode_pingresp,
    packets.Disconnect: _encode_disconnect,
    packets.Auth: _encode_auth,
}
