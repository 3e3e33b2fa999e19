"""Answers that say no, with the words and the size that the client asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from broker_runtime.codec.explained import Explainable, encode_explained
from broker_runtime.codec.packets import CONNACK, V5, ConnAck, Disconnect, Properties
from broker_runtime.codec.reasons import ReasonCode, connack_return_code

if TYPE_CHECKING:
    from broker_runtime.broker.links.connection import Connection


def explained(link: Connection, packet: Explainable, reason: int, detail: str) -> bytes:
    """Encode an answer for a client, with its reason in words if it asked for them. The standard
    lets us send them unasked, but there are clients that cannot read an answer with properties."""
    return encode_explained(
        packet,
        link.version,
        reason=reason,
        detail=detail if link.explains else "",
        max_packet_bytes=link.max_packet_bytes,
    )


def disconnect(
    link: Connection, reason: ReasonCode, detail: str, server_reference: str = ""
) -> bytes:
    """A DISCONNECT of the server."""
    properties = Properties(server_reference=server_reference or None)
    return explained(link, Disconnect(reason=reason, properties=properties), reason, detail)


def send_refusal(
    link: Connection, reason: ReasonCode, detail: str, server_reference: str = ""
) -> None:
    """Answer a CONNECT that is refused; before MQTT 5 only if there is a return code for it
    [MQTT3-3.2.2-6]. [MQTT-3.1.4-2] [MQTT-3.14.0-1] [MQTT3-3.2.2-4]"""
    if link.version != V5 and (not link.version or connack_return_code(reason) is None):
        return
    properties = Properties(server_reference=server_reference or None)
    refusal = ConnAck(reason=reason, properties=properties)
    link.send_if_fits(CONNACK, explained(link, refusal, reason, detail))
