"""The control packets of MQTT as plain objects, the same for versions 3.1, 3.1.1 and 5.0.

The broker's hot path makes none of these for PUBLISH and acknowledgements (``codec.publish``); they
serve every other packet, clients and tests."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

# Packet types, MQTT 5.0 §2.1.2.
CONNECT: Final = 1
CONNACK: Final = 2
PUBLISH: Final = 3
PUBACK: Final = 4
PUBREC: Final = 5
PUBREL: Final = 6
PUBCOMP: Final = 7
SUBSCRIBE: Final = 8
SUBACK: Final = 9
UNSUBSCRIBE: Final = 10
UNSUBACK: Final = 11
PINGREQ: Final = 12
PINGRESP: Final = 13
DISCONNECT: Final = 14
AUTH: Final = 15

TYPE_NAMES: Final[tuple[str, ...]] = (
    "RESERVED",
    "CONNECT",
    "CONNACK",
    "PUBLISH",
    "PUBACK",
    "PUBREC",
    "PUBREL",
    "PUBCOMP",
    "SUBSCRIBE",
    "SUBACK",
    "UNSUBSCRIBE",
    "UNSUBACK",
    "PINGREQ",
    "PINGRESP",
    "DISCONNECT",
    "AUTH",
)
"""Name of a packet type by its number."""

# Protocol versions as CONNECT carries them.
V31: Final = 3
V311: Final = 4
V5: Final = 5

SESSION_NEVER_EXPIRES: Final = 0xFFFF_FFFF
"""Session Expiry Interval that means "never" (MQTT 5.0 §3.1.2.11.2)."""


@dataclass(slots=True, kw_only=True)
class Properties:
    """Every MQTT 5.0 property by name (§2.2.2.2); None or empty: absent.

    Which packet may carry which is the table in ``codec.properties``.
    """

    payload_format_indicator: int | None = None
    message_expiry_s: int | None = None
    content_type: str | None = None
    response_topic: str | None = None
    correlation_data: bytes | None = None
    subscription_identifiers: tuple[int, ...] = ()
    """In SUBSCRIBE at most one."""
    session_expiry_s: int | None = None
    assigned_client_id: str | None = None
    server_keep_alive_s: int | None = None
    authentication_method: str | None = None
    authentication_data: bytes | None = None
    request_problem_information: int | None = None
    will_delay_s: int | None = None
    request_response_information: int | None = None
    response_information: str | None = None
    server_reference: str | None = None
    reason_string: str | None = None
    receive_maximum: int | None = None
    topic_alias_maximum: int | None = None
    topic_alias: int | None = None
    maximum_qos: int | None = None
    retain_available: int | None = None
    user_properties: tuple[tuple[str, str], ...] = ()
    """(name, value) in the order received; a name may come again [MQTT-3.3.2-18]."""
    maximum_packet_bytes: int | None = None
    wildcard_subscription_available: int | None = None
    subscription_identifiers_available: int | None = None
    shared_subscriptions_available: int | None = None


@dataclass(slots=True, kw_only=True)
class Will:
    """The will of a CONNECT. ``properties`` may hold ``will_delay_s`` and ``message_expiry_s``
    beside what travels with the message; ``codec.properties.forwardable_block`` gives the latter as
    bytes for ``StoredMessage``."""

    topic: str
    payload: bytes
    qos: int
    retain: bool
    properties: Properties = field(default_factory=Properties)


@dataclass(slots=True, kw_only=True)
class Connect:
    """CONNECT. ``client_id`` may be empty: whether that is allowed is the session's business
    [MQTT3-3.1.3-8].

    ``keep_alive_s`` 0 = none. ``clean_start`` is Clean Session in versions before 5.
    """

    protocol_version: int
    """3 (MQIsdp), 4 or 5."""
    client_id: str
    clean_start: bool
    keep_alive_s: int
    username: str | None = None
    password: bytes | None = None
    will: Will | None = None
    properties: Properties = field(default_factory=Properties)


@dataclass(slots=True, kw_only=True)
class ConnAck:
    """CONNACK. ``reason`` is an MQTT 5 reason code; when decoded from a 3.1.1 server it is the
    return code 0 to 5."""

    reason: int
    session_present: bool = False
    properties: Properties = field(default_factory=Properties)


@dataclass(slots=True, kw_only=True)
class Publish:
    """PUBLISH. ``packet_id`` is 0 at QoS 0. ``topic`` is empty when only a topic alias names it."""

    topic: str
    payload: bytes
    qos: int = 0
    retain: bool = False
    dup: bool = False
    packet_id: int = 0
    properties: Properties = field(default_factory=Properties)


@dataclass(slots=True)
class Ack:
    """PUBACK, PUBREC, PUBREL or PUBCOMP, by ``packet_type``."""

    packet_type: int
    packet_id: int
    reason: int = 0
    properties: Properties | None = None
    """None when the packet carries none, the usual case."""


@dataclass(slots=True)
class SubscriptionRequest:
    """One line of a SUBSCRIBE. ``topic_filter`` is well-formed UTF-8 but may be an invalid filter
    (P16): the answer to that line is 0x8F, the other lines are still served. Ask
    ``topics.valid_topic_filter``."""

    topic_filter: str
    qos: int
    no_local: bool = False
    retain_as_published: bool = False
    retain_handling: int = 0
    """Send retained messages: 0 always, 1 when the subscription is new, 2 never (§3.8.3.1)."""


@dataclass(slots=True, kw_only=True)
class Subscribe:
    """SUBSCRIBE with at least one line."""

    packet_id: int
    subscriptions: list[SubscriptionRequest]
    identifier: int | None = None
    """The Subscription Identifier, for all lines."""
    properties: Properties = field(default_factory=Properties)


@dataclass(slots=True, kw_only=True)
class SubAck:
    """SUBACK: one code for each line of the SUBSCRIBE, in order."""

    packet_id: int
    reasons: list[int]
    properties: Properties = field(default_factory=Properties)


@dataclass(slots=True, kw_only=True)
class Unsubscribe:
    """UNSUBSCRIBE with at least one filter."""

    packet_id: int
    topic_filters: list[str]
    properties: Properties = field(default_factory=Properties)


@dataclass(slots=True, kw_only=True)
class UnsubAck:
    """UNSUBACK; before MQTT 5 it carries no reasons and ``reasons`` is empty."""

    packet_id: int
    reasons: list[int]
    properties: Properties = field(default_factory=Properties)


@dataclass(slots=True)
class PingReq:
    """PINGREQ."""


@dataclass(slots=True)
class PingResp:
    """PINGRESP."""


@dataclass(slots=True, kw_only=True)
class Disconnect:
    """DISCONNECT; ``reason`` 0 and no properties before MQTT 5."""

    reason: int = 0
    properties: Properties = field(default_factory=Properties)


@dataclass(slots=True, kw_only=True)
class Auth:
    """AUTH, MQTT 5 only."""

    reason: int = 0
    properties: Properties = field(default_factory=Properties)


Packet = (
    Connect
    | ConnAck
    | Publish
    | Ack
    | Subscribe
    | SubAck
    | Unsubscribe
    | UnsubAck
    | PingReq
    | PingResp
    | Disconnect
    | Auth
)
