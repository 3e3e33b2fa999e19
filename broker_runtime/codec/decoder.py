"""Bytes to packets: every packet of MQTT 3.1, 3.1.1 and 5.0. Nothing a peer sends raises."""

from __future__ import annotations

from broker_runtime.codec.packets import Packet
from broker_runtime.codec.reasons import Violation


def decode(first_byte: int, body: bytes, version: int) -> Packet | Violation:
    """Decode a packet that a client sent to a server.

    Args:
        first_byte: type and flags of the fixed header.
        body: everything after the fixed header.
        version: of the connection: 3, 4 or 5; ignored for CONNECT, which says its own.

    Returns:
        The packet, or what is wrong with it. Packets that only a server sends are a violation (P09).
    """
    raise NotImplementedError


def decode_from_server(first_byte: int, body: bytes, version: int) -> Packet | Violation:
    """Decode a packet that a server sent to a client; else like ``decode``."""
    raise NotImplementedError
