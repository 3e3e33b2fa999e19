"""What a CONNECT asks for and what it gets: the rules that need no more than the packet."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from broker_runtime.codec.packets import V5, V31, ConnAck, Connect, Properties
from broker_runtime.codec.reasons import ReasonCode
from broker_runtime.codec.topics import valid_topic_name

MAX_CLIENT_ID_BYTES: Final = 1_024
KEEP_ALIVE_LIMIT_S: Final = 65_535
DEFAULT_RECEIVE_MAXIMUM: Final = 65_535
UNLIMITED_PACKET_BYTES: Final = 2**31
"""More than any packet has."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Offers:
    """What of MQTT the node offers at all; an operator may leave parts out (MQTT 5.0 §3.2.2.3)."""

    maximum_qos: int = 2
    retained: bool = True
    wildcard_subscriptions: bool = True
    subscription_identifiers: bool = True
    shared_subscriptions: bool = True
    response_prefix: str = ""
    """A client that asks for Response Information gets this, "/" and its client id; "": nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What the node grants at most."""

    keep_alive_max_s: int
    session_expiry_max_s: int
    receive_maximum: int
    topic_alias_maximum: int
    max_packet_bytes: int
    inflight_maximum: int
    offers: Offers = Offers()


@dataclass(frozen=True, slots=True)
class ConnectRefusal:
    """Why a CONNECT is refused: an MQTT 5 reason, and plain words for the operator."""

    reason: ReasonCode
    detail: str


class Terms:
    """What was agreed.

    ``keep_alive_s`` 0: none. ``session_expiry_s`` 0: the session ends with the connection.
    ``alias_maximum``: topic aliases that may be used towards the client [MQTT-3.1.2-26]; 0: none
    [MQTT-3.1.2-27]. ``changed``: what the client must be told because it differs from what it asked
    for; None: nothing.
    """

    __slots__ = (
        "alias_maximum",
        "changed",
        "clean_start",
        "client_id",
        "keep_alive_s",
        "outbound_quota",
        "protocol_version",
        "session_expiry_s",
    )

    def __init__(
        self,
        connect: Connect,
        client_id: str,
        keep_alive_s: int,
        session_expiry_s: int,
        limits: Limits,
        changed: Properties | None,
    ) -> None:
        asked = connect.properties
        self.client_id = client_id
        self.protocol_version = connect.protocol_version
        self.clean_start = connect.clean_start
        self.keep_alive_s = keep_alive_s
        self.session_expiry_s = session_expiry_s
        self.outbound_quota = min(
            asked.receive_maximum or DEFAULT_RECEIVE_MAXIMUM, limits.inflight_maximum
        )
        self.alias_maximum = min(asked.topic_alias_maximum or 0, limits.topic_alias_maximum)
        self.changed = changed

    def accepted(self, *, session_present: bool, limits: Limits) -> ConnAck:
        """The CONNACK that says so.
        [MQTT-3.2.2-2] [MQTT-3.2.2-3] [MQTT-4.12.0-6] [MQTT3-3.2.2-1] [MQTT3-3.2.2-2]
        [MQTT3-3.2.2-3]"""
        properties = self.changed or Properties()
        properties.receive_maximum = limits.receive_maximum
        properties.topic_alias_maximum = limits.topic_alias_maximum
        properties.maximum_packet_bytes = limits.max_packet_bytes
        _tell_offers(properties, limits.offers)
        return ConnAck(reason=0, session_present=session_present, properties=properties)


def _tell_offers(properties: Properties, offers: Offers) -> None:
    """Say what is not offered; silence means that it is (MQTT 5.0 §3.2.2.3)."""
    if offers.maximum_qos < 2:
        properties.maximum_qos = offers.maximum_qos  # [MQTT-3.2.2-9]
    if not offers.retained:
        properties.retain_available = 0
    if not offers.wildcard_subscriptions:
        properties.wildcard_subscription_available = 0
    if not offers.subscription_identifiers:
        properties.subscription_identifiers_available = 0
    if not offers.shared_subscriptions:
        properties.shared_subscriptions_available = 0


def negotiate(
    connect: Connect, limits: Limits, *, new_client_id: Callable[[], str]
) -> Terms | ConnectRefusal:
    """Agree on the terms of a connection.

    Args:
        new_client_id: asked when the client leaves the choice to the server; unguessable (S20).

    [MQTT-3.1.3-6] [MQTT-3.2.2-22] [MQTT3-3.1.3-6]
    """
    refusal = _refusal(connect) or _refused_will(connect, limits.offers)
    if refusal is not None:
        return refusal
    client_id = connect.client_id or new_client_id()
    keep_alive_s = _keep_alive(connect.keep_alive_s, limits.keep_alive_max_s)
    if connect.protocol_version != V5:
        # Clean Session ends the session with the connection [MQTT3-3.1.2-6].
        expiry_s = 0 if connect.clean_start else limits.session_expiry_max_s
        return Terms(connect, client_id, keep_alive_s, expiry_s, limits, None)
    wanted_s = connect.properties.session_expiry_s or 0
    expiry_s = min(wanted_s, limits.session_expiry_max_s)
    response_topic = _response_topic(connect, client_id, limits.offers)
    as_asked = keep_alive_s == connect.keep_alive_s and expiry_s == wanted_s
    if as_asked and connect.client_id == client_id and not response_topic:
        return Terms(connect, client_id, keep_alive_s, expiry_s, limits, None)
    changed = Properties()
    if connect.client_id != client_id:
        changed.assigned_client_id = client_id  # [MQTT-3.1.3-7]
    if keep_alive_s != connect.keep_alive_s:
        changed.server_keep_alive_s = keep_alive_s  # [MQTT-3.1.2-21], DECISIONS 19
    if expiry_s != wanted_s:
        changed.session_expiry_s = expiry_s
    if response_topic:
        changed.response_information = response_topic
    return Terms(connect, client_id, keep_alive_s, expiry_s, limits, changed)


def _response_topic(connect: Connect, client_id: str, offers: Offers) -> str:
    """What a client is given that asks for Response Information [MQTT-3.1.2-28]; "": nothing."""
    if not connect.properties.request_response_information or not offers.response_prefix:
        return ""
    topic = f"{offers.response_prefix}/{client_id}"
    return topic if valid_topic_name(topic) else ""


def _keep_alive(asked_s: int, maximum_s: int) -> int:
    if maximum_s >= KEEP_ALIVE_LIMIT_S:
        return asked_s
    return min(asked_s or maximum_s, maximum_s)


def _refused_will(connect: Connect, offers: Offers) -> ConnectRefusal | None:
    will = connect.will
    if will is None:
        return None
    if will.qos > offers.maximum_qos:  # [MQTT-3.2.2-12]
        return ConnectRefusal(
            ReasonCode.QOS_NOT_SUPPORTED, f"will: QoS {will.qos} is not supported"
        )
    if will.retain and not offers.retained:  # [MQTT-3.2.2-13]
        return ConnectRefusal(
            ReasonCode.RETAIN_NOT_SUPPORTED, "will: retained messages are not supported"
        )
    return None


def _refusal(connect: Connect) -> ConnectRefusal | None:
    # [MQTT-3.1.3-5] [MQTT-3.1.3-8] [MQTT3-3.1.3-5] [MQTT3-3.1.3-9]
    if connect.properties.authentication_method is not None:
        return ConnectRefusal(
            ReasonCode.BAD_AUTHENTICATION_METHOD, "enhanced authentication is not supported"
        )
    if not connect.client_id and connect.protocol_version != V5:
        if connect.protocol_version == V31:  # MQTT 3.1 §3.1: one to 23 characters
            return ConnectRefusal(
                ReasonCode.CLIENT_IDENTIFIER_NOT_VALID, "MQTT 3.1 needs a client identifier"
            )
        if not connect.clean_start:  # [MQTT3-3.1.3-8] (S20)
            return ConnectRefusal(
                ReasonCode.CLIENT_IDENTIFIER_NOT_VALID,
                "an empty client identifier needs a clean session",
            )
    if 4 * len(connect.client_id) > MAX_CLIENT_ID_BYTES < len(connect.client_id.encode()):
        return ConnectRefusal(
            ReasonCode.CLIENT_IDENTIFIER_NOT_VALID,
            f"the client identifier is longer than {MAX_CLIENT_ID_BYTES} bytes",
        )
    return None
