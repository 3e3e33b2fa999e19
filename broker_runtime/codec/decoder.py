"""Bytes to packets: every packet of MQTT 3.1, 3.1.1 and 5.0. Nothing a peer sends raises."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from broker_runtime.codec.connect import decode_connect
from broker_runtime.codec.packets import (
    AUTH,
    CONNACK,
    CONNECT,
    DISCONNECT,
    PINGREQ,
    PINGRESP,
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
    V5,
    V31,
    Ack,
    Auth,
    ConnAck,
    Disconnect,
    Packet,
    PingReq,
    PingResp,
    Properties,
    SubAck,
    Subscribe,
    SubscriptionRequest,
    UnsubAck,
    Unsubscribe,
)
from broker_runtime.codec.primitives import ProtocolViolation, Reader, malformed, protocol_error
from broker_runtime.codec.properties import read_properties
from broker_runtime.codec.publish import read_publish
from broker_runtime.codec.reasons import DESCRIPTIONS, ReasonCode, Violation
from broker_runtime.codec.topics import SHARE_PREFIX

MAX_FILTERS: Final = 10_000
"""Filters of one SUBSCRIBE or UNSUBSCRIBE; more is refused with 0x97. Without the limit a packet
of 4 MB, a million of them, took 1.3 s and 76 MB (Python 3.11, 2 vCPU, 2026-11-20); no plan of a
cluster allows a client as many (DECISIONS 7)."""


def decode(first_byte: int, body: bytes, version: int) -> Packet | Violation:
    """Decode a packet that a client sent to a server.

    Args:
        first_byte: type and flags of the fixed header.
        body: everything after the fixed header.
        version: of the connection: 3, 4 or 5; ignored for CONNECT, which says its own.

    Returns:
        The packet, or what is wrong with it. Packets that only a server sends are a violation
        (P09).
    """
    packet_type = first_byte >> 4
    if packet_type == CONNECT:
        if first_byte & 15:
            return _wrong_flags(packet_type)
        return decode_connect(body)
    if packet_type == PUBLISH:
        return _decode_publish(first_byte, body, version, from_server=False)
    return _decode_with(_FROM_CLIENT, first_byte, body, version)


def decode_from_server(first_byte: int, body: bytes, version: int) -> Packet | Violation:
    """Decode a packet that a server sent to a client; else like ``decode``."""
    if first_byte >> 4 == PUBLISH:
        return _decode_publish(first_byte, body, version, from_server=True)
    return _decode_with(_FROM_SERVER, first_byte, body, version)


_Read = Callable[[int, Reader, int], Packet]


def _wrong_flags(packet_type: int) -> Violation:
    # [MQTT-3.14.1-1] [MQTT-3.15.1-1] [MQTT3-2.2.2-1] [MQTT3-2.2.2-2] [MQTT3-3.6.1-1]
    # [MQTT3-3.8.1-1] [MQTT3-3.10.1-1] [MQTT3-3.14.1-1]
    # [MQTT-2.1.3-1] (P06)
    return Violation(
        ReasonCode.MALFORMED_PACKET, f"{TYPE_NAMES[packet_type]} has wrong flags in its first byte"
    )


def _decode_publish(
    first_byte: int, body: bytes, version: int, *, from_server: bool
) -> Packet | Violation:
    reader = Reader(body, 0, len(body))
    try:
        return read_publish(first_byte & 15, reader, version, from_server=from_server)
    except ProtocolViolation as error:
        return error.violation


def _decode_with(
    readers: dict[int, _Read], first_byte: int, body: bytes, version: int
) -> Packet | Violation:
    packet_type = first_byte >> 4
    if packet_type == 0 or (packet_type == AUTH and version < V5):
        return Violation(ReasonCode.MALFORMED_PACKET, f"packet type {packet_type} is reserved")
    read = readers.get(packet_type)
    if read is None:
        return Violation(
            ReasonCode.PROTOCOL_ERROR, f"{TYPE_NAMES[packet_type]} comes from the wrong side"
        )
    flags = first_byte & 15
    if version == V31:
        flags &= 7  # MQTT 3.1 §2.1.2 lets a repeated SUBSCRIBE, UNSUBSCRIBE or PUBREL carry DUP
    if flags != (2 if packet_type in _FLAGS_2 else 0):
        return _wrong_flags(packet_type)
    reader = Reader(body, 0, len(body))
    try:
        packet = read(packet_type, reader, version)
        reader.finish()
    except ProtocolViolation as error:
        return error.violation
    return packet


_FLAGS_2: Final = frozenset((PUBREL, SUBSCRIBE, UNSUBSCRIBE))
"""[MQTT-3.6.1-1] [MQTT-3.8.1-1] [MQTT-3.10.1-1]"""

_PUBLISH_ANSWERS: Final = frozenset((0x00, 0x10, 0x80, 0x83, 0x87, 0x90, 0x91, 0x97, 0x99))
_SUBSCRIBE_ANSWERS: Final = frozenset(
    (0x00, 0x01, 0x02, 0x80, 0x83, 0x87, 0x8F, 0x91, 0x97, 0x9E, 0xA1, 0xA2)
)
_CONNECT_ANSWERS: Final = frozenset(
    (0x00, *range(0x80, 0x8B), 0x8C, 0x90, 0x95, 0x97, *range(0x99, 0xA0))
) - {0x9E}
_CLIENT_GOODBYES: Final = frozenset((0x00, 0x04, *range(0x80, 0x84), 0x90, *range(0x93, 0x9A)))
_SERVER_GOODBYES: Final = frozenset(code for code in DESCRIPTIONS if code >= 0x80) - {
    *range(0x84, 0x87),
    0x88,
    0x8A,
    0x8C,
    0x91,
    0x92,
} | {ReasonCode.SUCCESS}

_LAWFUL_REASONS: Final[dict[int, frozenset[int]]] = {
    # [MQTT-3.2.2-8] [MQTT-3.4.2-1] [MQTT-3.5.2-1] [MQTT-3.6.2-1] [MQTT-3.7.2-1]
    # [MQTT-3.9.3-2] [MQTT-3.11.3-2]
    CONNACK: _CONNECT_ANSWERS,
    PUBACK: _PUBLISH_ANSWERS,
    PUBREC: _PUBLISH_ANSWERS,
    PUBREL: frozenset((0x00, 0x92)),
    PUBCOMP: frozenset((0x00, 0x92)),
    SUBACK: _SUBSCRIBE_ANSWERS,
    UNSUBACK: frozenset((0x00, 0x11, 0x80, 0x83, 0x87, 0x8F, 0x91)),
}


def _lawful(reason: int, lawful: frozenset[int], packet_type: int) -> int:
    if reason not in lawful:
        raise protocol_error(f"reason 0x{reason:02X} is not lawful in {TYPE_NAMES[packet_type]}")
    return reason


def _read_ack(packet_type: int, reader: Reader, version: int) -> Ack:
    ack = Ack(packet_type, reader.packet_id())
    # MQTT 5.0 §3.4.2.1: reason and properties may be left out from the end
    if version >= V5 and reader.position < reader.end:
        reason = reader.byte("the reason code")
        ack.reason = _lawful(reason, _LAWFUL_REASONS[packet_type], packet_type)
        if reader.position < reader.end:
            ack.properties = read_properties(reader, packet_type)
    return ack


def _properties(reader: Reader, packet_type: int, version: int) -> Properties:
    return read_properties(reader, packet_type) if version >= V5 else Properties()


def _read_subscribe(packet_type: int, reader: Reader, version: int) -> Subscribe:
    # [MQTT3-3.8.3-1] [MQTT3-3.8.3-3]
    packet_id = reader.packet_id()  # [MQTT-2.2.1-3]
    properties = _properties(reader, packet_type, version)
    requests: list[SubscriptionRequest] = []
    while reader.position < reader.end:
        if len(requests) == MAX_FILTERS:
            raise _too_many_filters()
        topic_filter = reader.text("a topic filter")  # [MQTT-3.8.3-1]
        options = reader.byte("the subscription options")
        requests.append(_subscription(topic_filter, options, version))
    if not requests:
        raise protocol_error("SUBSCRIBE holds no topic filter")  # [MQTT-3.8.3-2] (P17)
    identifiers = properties.subscription_identifiers
    return Subscribe(
        packet_id=packet_id,
        subscriptions=requests,
        identifier=identifiers[0] if identifiers else None,
        properties=properties,
    )


def _subscription(topic_filter: str, options: int, version: int) -> SubscriptionRequest:
    if options & (0xC0 if version >= V5 else 0xFC):
        raise malformed("reserved bits of the subscription options are set")  # [MQTT-3.8.3-5]
    qos = options & 3
    retain_handling = options >> 4
    if qos == 3 or retain_handling == 3:
        # MQTT 5.0 §3.8.3.1; [MQTT3-3-8.3-4]
        raise protocol_error("the subscription options ask for QoS 3 or retain handling 3")
    no_local = bool(options & 4)
    if no_local and topic_filter.startswith(SHARE_PREFIX):
        raise protocol_error("a shared subscription asks for no local")  # [MQTT-3.8.3-4]
    return SubscriptionRequest(topic_filter, qos, no_local, bool(options & 8), retain_handling)


def _too_many_filters() -> ProtocolViolation:
    return ProtocolViolation(
        ReasonCode.QUOTA_EXCEEDED, f"more than {MAX_FILTERS} topic filters in one packet"
    )


def _read_unsubscribe(packet_type: int, reader: Reader, version: int) -> Unsubscribe:
    # [MQTT3-3.10.3-1] [MQTT3-3.10.3-2]
    packet_id = reader.packet_id()
    properties = _properties(reader, packet_type, version)
    topic_filters: list[str] = []
    while reader.position < reader.end:
        if len(topic_filters) == MAX_FILTERS:
            raise _too_many_filters()
        topic_filters.append(reader.text("a topic filter"))  # [MQTT-3.10.3-1]
    if not topic_filters:
        raise protocol_error("UNSUBSCRIBE holds no topic filter")  # [MQTT-3.10.3-2] (P17)
    return Unsubscribe(packet_id=packet_id, topic_filters=topic_filters, properties=properties)


def _read_pingreq(packet_type: int, reader: Reader, version: int) -> PingReq:
    return PingReq()


def _read_pingresp(packet_type: int, reader: Reader, version: int) -> PingResp:
    return PingResp()


def _read_disconnect(reader: Reader, version: int, lawful: frozenset[int]) -> Disconnect:
    disconnect = Disconnect()
    # MQTT 5.0 §3.14.2.1: reason and properties may be left out from the end
    if version >= V5 and reader.position < reader.end:
        disconnect.reason = _lawful(reader.byte("the reason code"), lawful, DISCONNECT)
        if reader.position < reader.end:
            disconnect.properties = read_properties(reader, DISCONNECT)
    return disconnect


def _read_client_disconnect(packet_type: int, reader: Reader, version: int) -> Disconnect:
    # [MQTT-3.14.2-1]
    return _read_disconnect(reader, version, _CLIENT_GOODBYES)


def _read_server_disconnect(packet_type: int, reader: Reader, version: int) -> Disconnect:
    if version < V5:
        raise protocol_error("a server before MQTT 5 sends no DISCONNECT")
    disconnect = _read_disconnect(reader, version, _SERVER_GOODBYES)
    if disconnect.properties.session_expiry_s is not None:
        raise protocol_error("a server's DISCONNECT holds a session expiry")  # [MQTT-3.14.2-2]
    return disconnect


def _read_auth(reader: Reader, lawful: frozenset[int]) -> Auth:
    auth = Auth()
    if reader.position == reader.end:
        # MQTT 5.0 §3.15.2.1: nothing at all says success
        _lawful(auth.reason, lawful, AUTH)
        return auth
    auth.reason = _lawful(reader.byte("the reason code"), lawful, AUTH)  # [MQTT-3.15.2-1]
    auth.properties = read_properties(reader, AUTH)
    if auth.properties.authentication_method is None:
        raise protocol_error("AUTH names no authentication method")  # MQTT 5.0 §3.15.2.2.2
    return auth


def _read_client_auth(packet_type: int, reader: Reader, version: int) -> Auth:
    return _read_auth(reader, frozenset((0x18, 0x19)))


def _read_server_auth(packet_type: int, reader: Reader, version: int) -> Auth:
    return _read_auth(reader, frozenset((0x00, 0x18)))


def _read_connack(packet_type: int, reader: Reader, version: int) -> ConnAck:
    flags = reader.byte("the acknowledge flags")
    if flags > 1:
        raise malformed("reserved acknowledge flags are set")  # [MQTT-3.2.2-1]
    reason = reader.byte("the reason code")
    if version < V5:
        _lawful(reason, frozenset(range(6)), CONNACK)
    else:
        _lawful(reason, _LAWFUL_REASONS[CONNACK], CONNACK)
    if flags and reason:
        raise protocol_error("a refused CONNECT has a session")  # [MQTT-3.2.2-6]
    properties = _properties(reader, packet_type, version)
    return ConnAck(reason=reason, session_present=bool(flags), properties=properties)


def _read_suback(packet_type: int, reader: Reader, version: int) -> SubAck:
    packet_id = reader.packet_id()
    properties = _properties(reader, packet_type, version)
    lawful = _SUBSCRIBE_ANSWERS if version >= V5 else frozenset((0, 1, 2, 0x80))
    reasons = [_lawful(reason, lawful, SUBACK) for reason in reader.rest()]
    if not reasons:
        raise protocol_error("SUBACK holds no reason code")
    return SubAck(packet_id=packet_id, reasons=reasons, properties=properties)


def _read_unsuback(packet_type: int, reader: Reader, version: int) -> UnsubAck:
    packet_id = reader.packet_id()
    if version < V5:
        return UnsubAck(packet_id=packet_id, reasons=[])
    properties = read_properties(reader, UNSUBACK)
    lawful = _LAWFUL_REASONS[UNSUBACK]
    reasons = [_lawful(reason, lawful, UNSUBACK) for reason in reader.rest()]
    if not reasons:
        raise protocol_error("UNSUBACK holds no reason code")
    return UnsubAck(packet_id=packet_id, reasons=reasons, properties=properties)


_ACKS: Final[dict[int, _Read]] = {
    PUBACK: _read_ack,
    PUBREC: _read_ack,
    PUBREL: _read_ack,
    PUBCOMP: _read_ack,
}
_FROM_CLIENT: Final[dict[int, _Read]] = {
    **_ACKS,
    SUBSCRIBE: _read_subscribe,
    UNSUBSCRIBE: _read_unsubscribe,
    PINGREQ: _read_pingreq,
    DISCONNECT: _read_client_disconnect,
    AUTH: _read_client_auth,
}
_FROM_SERVER: Final[dict[int, _Read]] = {
    **_ACKS,
    CONNACK: _read_connack,
    SUBACK: _read_suback,
    UNSUBACK: _read_unsuback,
    PINGRESP: _read_pingresp,
    DISCONNECT: _read_server_disconnect,
    AUTH: _read_server_auth,
}
