"""Answers with a Reason String, where the peer wants one and it fits (MQTT 5.0 §3.1.2.11.7)."""

from __future__ import annotations

from broker_runtime.codec.encoder import encode
from broker_runtime.codec.packets import V5, Ack, ConnAck, Disconnect, Properties, SubAck
from broker_runtime.codec.reasons import reason_string

Explainable = Ack | ConnAck | Disconnect | SubAck


def encode_explained(
    packet: Explainable, version: int, *, reason: int, detail: str, max_packet_bytes: int
) -> bytes:
    """Encode an answer, with a Reason String unless the packet would become too large for the
    peer [MQTT-3.2.2-19] [MQTT-3.4.2-2] [MQTT-3.5.2-2] [MQTT-3.9.2-1] [MQTT-3.14.2-3].

    Args:
        detail: for the log; the peer is told it where it speaks of its own mistake only. Empty
            when it did not ask for reason strings [MQTT-3.1.2-29].
        max_packet_bytes: of the peer [MQTT-3.1.2-24].
    """
    plain = encode(packet, version)
    if version < V5 or not detail:
        return plain
    properties = packet.properties
    if properties is None:
        properties = packet.properties = Properties()
    properties.reason_string = reason_string(reason, detail)
    explained = encode(packet, version)
    return explained if len(explained) <= max_packet_bytes else plain
