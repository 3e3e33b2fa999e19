"""Packets that are not on the hot path: decoded into objects, one handler each."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

from broker_runtime.broker.hot import exchange
from broker_runtime.codec.decoder import decode
from broker_runtime.codec.encoder import PINGRESP as PINGRESP_BYTES
from broker_runtime.codec.encoder import encode_ack
from broker_runtime.codec.packets import (
    DISCONNECT,
    PINGRESP,
    PUBACK,
    PUBREC,
    PUBREL,
    TYPE_NAMES,
    Ack,
    Auth,
    Connect,
    Disconnect,
    PingReq,
    Subscribe,
    Unsubscribe,
)
from broker_runtime.codec.reasons import ReasonCode, Violation, describe, machine_name

if TYPE_CHECKING:
    from broker_runtime.broker.core import Core
    from broker_runtime.broker.links.connection import Connection

_LEFT: Final = "disconnected by the client"

ERRORS: Final = 0x80
"""Reason codes from here on are errors."""


def handle(core: Core, link: Connection, first_byte: int, body: bytes) -> None:
    """Handle one packet of a live connection; what is not allowed ends it. [MQTT3-4.8.0-1]"""
    link.count_received(first_byte >> 4, 0)
    if first_byte == DISCONNECT << 4 and not body:
        link.shut(_LEFT, keep_will=False)  # the usual one: success, no properties
        return
    packet = decode(first_byte, body, link.version)
    if isinstance(packet, Violation):
        link.fail(packet)
        return
    handler = _HANDLERS.get(type(packet))
    if handler is None:
        name = TYPE_NAMES[first_byte >> 4]
        link.fail(Violation(ReasonCode.PROTOCOL_ERROR, f"{name} is not allowed from a client"))
        return
    handler(core, link, packet)


def _connect(core: Core, link: Connection, packet: Connect) -> None:
    """[MQTT-3.1.0-2] (P02) [MQTT3-3.1.0-2]"""
    link.fail(Violation(ReasonCode.PROTOCOL_ERROR, "a second CONNECT on the same connection"))


def _subscribe(core: Core, link: Connection, packet: Subscribe) -> None:
    core.subscribing.subscribe(link, packet)


def _unsubscribe(core: Core, link: Connection, packet: Unsubscribe) -> None:
    core.subscribing.unsubscribe(link, packet)


def _pingreq(core: Core, link: Connection, packet: PingReq) -> None:
    # [MQTT-3.12.4-1] [MQTT3-3.12.4-1]
    link.send_counted(PINGRESP, PINGRESP_BYTES)


def _auth(core: Core, link: Connection, packet: Auth) -> None:
    """Nobody here has agreed on an authentication method [MQTT-4.12.0-1] (A30)."""
    link.fail(Violation(ReasonCode.PROTOCOL_ERROR, "AUTH without an authentication method"))


def _disconnect(core: Core, link: Connection, packet: Disconnect) -> None:
    """A DISCONNECT of MQTT 5 may keep the will and change the session expiry (S11, S12)."""
    session = link.owner
    expiry_s = packet.properties.session_expiry_s
    if expiry_s is not None:
        if expiry_s and not session.expiry_s:
            # MQTT 5.0 §3.14.2.2.2
            link.fail(
                Violation(ReasonCode.PROTOCOL_ERROR, "DISCONNECT sets a session expiry after all")
            )
            return
        assert core.cluster is not None, "a client is connected only once there is a configuration"
        session.expiry_s = min(expiry_s, core.cluster.session_expiry_max_s)
    keep_will = packet.reason != ReasonCode.SUCCESS
    detail = _LEFT
    if packet.reason != ReasonCode.SUCCESS:
        detail = f"{detail}: {describe(packet.reason)}"
    link.shut(detail, keep_will=keep_will)


def _ack(core: Core, link: Connection, packet: Ack) -> None:
    if packet.packet_type == PUBACK:
        _puback(core, link, packet.packet_id, packet.reason)
    elif packet.packet_type == PUBREC:
        _pubrec(core, link, packet.packet_id, packet.reason)
    elif packet.packet_type == PUBREL:
        run = link.owner.received.runs.get(packet.packet_id)
        if run is not None:  # a PUBREL with a reason is not for the hot path: its message is
            exchange.keep_apart(link.owner, link, run)
        core.publishing.release(link, packet.packet_id)
    else:
        _pubcomp(core, link, packet.packet_id)


def answered(core: Core, link: Connection, packet_type: int, packet_id: int) -> None:
    """PUBACK, PUBREC, PUBREL or PUBCOMP without a reason."""
    link.count_received(packet_type, 0)
    if packet_id == 0:
        link.fail(Violation(ReasonCode.PROTOCOL_ERROR, "the packet identifier is 0"))
        return
    _ack(core, link, Ack(packet_type, packet_id))


def _puback(core: Core, link: Connection, packet_id: int, reason: int) -> None:
    session = link.owner
    outgoing = session.window.acknowledged(packet_id)
    if outgoing is None:
        return
    result = "success" if reason < ERRORS else machine_name(reason)
    core.sending.step(outgoing.seq, session, "PUBACK", 1, result)
    core.sending.settle(session, outgoing)
    core.sending.pump(session)


def _pubrec(core: Core, link: Connection, packet_id: int, reason: int) -> None:
    """PUBREL leaves once it is durable that the message was received (CLUSTERING 3.8).
    [MQTT-4.3.3-4]"""
    session, window = link.owner, link.owner.window
    if reason >= ERRORS:
        outgoing = window.refused(packet_id)
        if outgoing is not None:
            core.sending.step(outgoing.seq, session, "PUBREC", 2, machine_name(reason))
            core.sending.settle(session, outgoing)
            core.sending.pump(session)
        return
    outgoing = window.received(packet_id)
    if outgoing is None:
        if packet_id in session.releasing:
            return  # PUBREL leaves once the first PUBREC is durable
        known = packet_id in window.released  # a repeated PUBREC is owed its PUBREL again
        answer = ReasonCode.SUCCESS if known else ReasonCode.PACKET_IDENTIFIER_NOT_FOUND
        _pubrel(link, packet_id, answer)
        return
    core.sending.step(outgoing.seq, session, "PUBREC", 2, "success")
    core.sending.settle(session, outgoing)
    if session.durable:
        session.not_released_yet(packet_id)

        def release() -> None:
            session.releasing.discard(packet_id)
            _pubrel(link, packet_id, ReasonCode.SUCCESS)

        core.persistence.when_durable(session, release)
    else:
        _pubrel(link, packet_id, ReasonCode.SUCCESS)


def _pubrel(link: Connection, packet_id: int, reason: ReasonCode) -> None:
    link.send_counted(PUBREL, encode_ack(PUBREL, packet_id, reason, link.version))


def _pubcomp(core: Core, link: Connection, packet_id: int) -> None:
    session = link.owner
    seq = session.window.completed(packet_id)
    if seq is None:
        return
    core.sending.step(seq, session, "PUBCOMP", 2, "success")
    core.persistence.mark(session)
    core.sending.pump(session)


Handler = Callable[[Any, Any, Any], None]

_HANDLERS: Final[dict[type, Handler]] = {
    Connect: _connect,
    Subscribe: _subscribe,
    Unsubscribe: _unsubscribe,
    PingReq: _pingreq,
    Disconnect: _disconnect,
    Auth: _auth,
    Ack: _ack,
}
