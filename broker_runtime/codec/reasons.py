"""Reason codes of MQTT 5.0, their words, and what MQTT 3.1.1 says instead."""

from __future__ import annotations

from enum import IntEnum
from typing import Final


class ReasonCode(IntEnum):
    """MQTT 5.0 §2.4. ``name`` in lower case is the machine name used in events and counters."""

    SUCCESS = 0x00
    """Also "normal disconnection" and "granted QoS 0"."""
    GRANTED_QOS_1 = 0x01
    GRANTED_QOS_2 = 0x02
    DISCONNECT_WITH_WILL = 0x04
    NO_MATCHING_SUBSCRIBERS = 0x10
    NO_SUBSCRIPTION_EXISTED = 0x11
    CONTINUE_AUTHENTICATION = 0x18
    RE_AUTHENTICATE = 0x19
    UNSPECIFIED_ERROR = 0x80
    MALFORMED_PACKET = 0x81
    PROTOCOL_ERROR = 0x82
    IMPLEMENTATION_SPECIFIC_ERROR = 0x83
    UNSUPPORTED_PROTOCOL_VERSION = 0x84
    CLIENT_IDENTIFIER_NOT_VALID = 0x85
    BAD_USER_NAME_OR_PASSWORD = 0x86
    NOT_AUTHORIZED = 0x87
    SERVER_UNAVAILABLE = 0x88
    SERVER_BUSY = 0x89
    BANNED = 0x8A
    SERVER_SHUTTING_DOWN = 0x8B
    BAD_AUTHENTICATION_METHOD = 0x8C
    KEEP_ALIVE_TIMEOUT = 0x8D
    SESSION_TAKEN_OVER = 0x8E
    TOPIC_FILTER_INVALID = 0x8F
    TOPIC_NAME_INVALID = 0x90
    PACKET_IDENTIFIER_IN_USE = 0x91
    PACKET_IDENTIFIER_NOT_FOUND = 0x92
    RECEIVE_MAXIMUM_EXCEEDED = 0x93
    TOPIC_ALIAS_INVALID = 0x94
    PACKET_TOO_LARGE = 0x95
    MESSAGE_RATE_TOO_HIGH = 0x96
    QUOTA_EXCEEDED = 0x97
    ADMINISTRATIVE_ACTION = 0x98
    PAYLOAD_FORMAT_INVALID = 0x99
    RETAIN_NOT_SUPPORTED = 0x9A
    QOS_NOT_SUPPORTED = 0x9B
    USE_ANOTHER_SERVER = 0x9C
    SERVER_MOVED = 0x9D
    SHARED_SUBSCRIPTIONS_NOT_SUPPORTED = 0x9E
    CONNECTION_RATE_EXCEEDED = 0x9F
    MAXIMUM_CONNECT_TIME = 0xA0
    SUBSCRIPTION_IDENTIFIERS_NOT_SUPPORTED = 0xA1
    WILDCARD_SUBSCRIPTIONS_NOT_SUPPORTED = 0xA2


DESCRIPTIONS: Final[dict[ReasonCode, str]] = {
    ReasonCode.SUCCESS: "success",
    ReasonCode.GRANTED_QOS_1: "granted QoS 1",
    ReasonCode.GRANTED_QOS_2: "granted QoS 2",
    ReasonCode.DISCONNECT_WITH_WILL: "disconnected, will to be published",
    ReasonCode.NO_MATCHING_SUBSCRIBERS: "nobody subscribes to this topic",
    ReasonCode.NO_SUBSCRIPTION_EXISTED: "there was no such subscription",
    ReasonCode.CONTINUE_AUTHENTICATION: "authentication continues",
    ReasonCode.RE_AUTHENTICATE: "authentication begins anew",
    ReasonCode.UNSPECIFIED_ERROR: "unspecified error",
    ReasonCode.MALFORMED_PACKET: "the packet does not follow the format",
    ReasonCode.PROTOCOL_ERROR: "the packet is not allowed here",
    ReasonCode.IMPLEMENTATION_SPECIFIC_ERROR: "refused by this server",
    ReasonCode.UNSUPPORTED_PROTOCOL_VERSION: "unsupported protocol version",
    ReasonCode.CLIENT_IDENTIFIER_NOT_VALID: "client identifier not allowed",
    ReasonCode.BAD_USER_NAME_OR_PASSWORD: "bad user name or password",
    ReasonCode.NOT_AUTHORIZED: "not authorized",
    ReasonCode.SERVER_UNAVAILABLE: "the server is not available",
    ReasonCode.SERVER_BUSY: "the server is busy",
    ReasonCode.BANNED: "blocked by an administrator",
    ReasonCode.SERVER_SHUTTING_DOWN: "the server is shutting down",
    ReasonCode.BAD_AUTHENTICATION_METHOD: "authentication method not supported",
    ReasonCode.KEEP_ALIVE_TIMEOUT: "nothing was received within 1.5 times the keep-alive",
    ReasonCode.SESSION_TAKEN_OVER: "another connection took the client identifier over",
    ReasonCode.TOPIC_FILTER_INVALID: "topic filter not allowed",
    ReasonCode.TOPIC_NAME_INVALID: "topic name not allowed",
    ReasonCode.PACKET_IDENTIFIER_IN_USE: "packet identifier in use",
    ReasonCode.PACKET_IDENTIFIER_NOT_FOUND: "packet identifier unknown",
    ReasonCode.RECEIVE_MAXIMUM_EXCEEDED: "more messages in flight than the receive maximum",
    ReasonCode.TOPIC_ALIAS_INVALID: "topic alias zero or above the announced maximum",
    ReasonCode.PACKET_TOO_LARGE: "packet larger than the announced maximum",
    ReasonCode.MESSAGE_RATE_TOO_HIGH: "message rate too high",
    ReasonCode.QUOTA_EXCEEDED: "quota exceeded",
    ReasonCode.ADMINISTRATIVE_ACTION: "disconnected by an administrator",
    ReasonCode.PAYLOAD_FORMAT_INVALID: "payload is not of the announced format",
    ReasonCode.RETAIN_NOT_SUPPORTED: "retained messages not supported",
    ReasonCode.QOS_NOT_SUPPORTED: "QoS not supported",
    ReasonCode.USE_ANOTHER_SERVER: "use another server for now",
    ReasonCode.SERVER_MOVED: "use another server from now on",
    ReasonCode.SHARED_SUBSCRIPTIONS_NOT_SUPPORTED: "shared subscriptions not supported",
    ReasonCode.CONNECTION_RATE_EXCEEDED: "too many connections per second",
    ReasonCode.MAXIMUM_CONNECT_TIME: "maximum connect time reached",
    ReasonCode.SUBSCRIPTION_IDENTIFIERS_NOT_SUPPORTED: "subscription identifiers not supported",
    ReasonCode.WILDCARD_SUBSCRIPTIONS_NOT_SUPPORTED: "wildcard subscriptions not supported",
}
"""Plain words for people (events, traces, log lines)."""


_PEERS_OWN: Final = frozenset(
    (
        ReasonCode.MALFORMED_PACKET,
        ReasonCode.PROTOCOL_ERROR,
        ReasonCode.UNSUPPORTED_PROTOCOL_VERSION,
        ReasonCode.CLIENT_IDENTIFIER_NOT_VALID,
        ReasonCode.BAD_AUTHENTICATION_METHOD,
        ReasonCode.TOPIC_FILTER_INVALID,
        ReasonCode.TOPIC_NAME_INVALID,
        ReasonCode.RECEIVE_MAXIMUM_EXCEEDED,
        ReasonCode.TOPIC_ALIAS_INVALID,
        ReasonCode.PACKET_TOO_LARGE,
        ReasonCode.RETAIN_NOT_SUPPORTED,
        ReasonCode.QOS_NOT_SUPPORTED,
    )
)
"""Reasons whose details speak of nothing but what the peer itself sent."""


# MQTT 3.1.1 §3.2.2.3 knows five refusals.
CONNACK_V3_BAD_VERSION: Final = 1
CONNACK_V3_BAD_CLIENT_IDENTIFIER: Final = 2
CONNACK_V3_SERVER_UNAVAILABLE: Final = 3
CONNACK_V3_BAD_CREDENTIALS: Final = 4
CONNACK_V3_NOT_AUTHORIZED: Final = 5

CONNACK_RETURN_CODES: Final[dict[int, int]] = {
    ReasonCode.SUCCESS: 0,
    ReasonCode.UNSUPPORTED_PROTOCOL_VERSION: CONNACK_V3_BAD_VERSION,
    ReasonCode.CLIENT_IDENTIFIER_NOT_VALID: CONNACK_V3_BAD_CLIENT_IDENTIFIER,
    ReasonCode.BAD_USER_NAME_OR_PASSWORD: CONNACK_V3_BAD_CREDENTIALS,
    ReasonCode.BAD_AUTHENTICATION_METHOD: CONNACK_V3_BAD_CREDENTIALS,
    ReasonCode.NOT_AUTHORIZED: CONNACK_V3_NOT_AUTHORIZED,
    ReasonCode.BANNED: CONNACK_V3_NOT_AUTHORIZED,
    ReasonCode.TOPIC_NAME_INVALID: CONNACK_V3_NOT_AUTHORIZED,
    ReasonCode.SERVER_UNAVAILABLE: CONNACK_V3_SERVER_UNAVAILABLE,
    ReasonCode.SERVER_BUSY: CONNACK_V3_SERVER_UNAVAILABLE,
    ReasonCode.SERVER_SHUTTING_DOWN: CONNACK_V3_SERVER_UNAVAILABLE,
    ReasonCode.QUOTA_EXCEEDED: CONNACK_V3_SERVER_UNAVAILABLE,
    ReasonCode.CONNECTION_RATE_EXCEEDED: CONNACK_V3_SERVER_UNAVAILABLE,
    ReasonCode.USE_ANOTHER_SERVER: CONNACK_V3_SERVER_UNAVAILABLE,
    ReasonCode.SERVER_MOVED: CONNACK_V3_SERVER_UNAVAILABLE,
}
"""Reason code → MQTT 3.1.1 return code, for the reasons that a refused CONNECT may have (DECISIONS
5).

A reason that is not here (malformed, protocol error, too large …) has no 3.1.1 return code: close
without an answer [MQTT3-3.2.2-6]."""

SUBACK_V3_FAILURE: Final = 0x80
"""The only refusal that a 3.1.1 SUBACK knows [MQTT3-3.9.3-2]."""


def connack_return_code(reason: int) -> int | None:
    """Return code of a 3.1.1 CONNACK for a reason; None: close without an answer."""
    return CONNACK_RETURN_CODES.get(reason)


def suback_code(reason: int, version: int) -> int:
    """Byte of a SUBACK for a reason: 3.1.1 knows only the granted QoS and 0x80; MQTT 3.1 has no
    word for a refusal at all and wants a positive answer (its §3.8), here "QoS 0"."""
    if version >= 5 or reason <= ReasonCode.GRANTED_QOS_2:
        return reason
    return SUBACK_V3_FAILURE if version == 4 else ReasonCode.SUCCESS


def describe(reason: int) -> str:
    """Plain words for a reason code, also for one that the specification does not know."""
    try:
        return DESCRIPTIONS[ReasonCode(reason)]
    except ValueError:
        return f"reason 0x{reason:02X}"


def reason_string(reason: int, detail: str) -> str:
    """What a peer is told in a Reason String: details of its own mistake, else general words, so
    that it learns nothing of policies, users and disks (SECURITY A2)."""
    return detail if reason in _PEERS_OWN else describe(reason)


def machine_name(reason: int) -> str:
    """Snake-case name of a reason code (``not_authorized``) for events, traces and counters."""
    try:
        return ReasonCode(reason).name.lower()
    except ValueError:
        return f"reason_0x{reason:02x}"


class Violation:
    """What a peer did wrong, as a value: the decoder returns it instead of raising.

    ``reason`` goes into the DISCONNECT (or CONNACK) of MQTT 5; ``detail`` is for the log and the
    client event and holds no payload. ``reply_version`` is set when a CONNECT was refused: the
    protocol version in which a CONNACK may be sent, 0 when the peer's version is not known (close
    without an answer). For every other packet it is 0 and the version of the connection counts."""

    __slots__ = ("detail", "reason", "reply_version")

    def __init__(self, reason: ReasonCode, detail: str, reply_version: int = 0) -> None:
        self.reason = reason
        self.detail = detail
        self.reply_version = reply_version

    def __repr__(self) -> str:
        return f"Violation(0x{int(self.reason):02X} {machine_name(self.reason)}: {self.detail})"

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Violation):
            return NotImplemented
        return (
            self.reason is other.reason
            and self.detail == other.detail
            and self.reply_version == other.reply_version
        )

    def __hash__(self) -> int:
        return hash((self.reason, self.detail, self.reply_version))
