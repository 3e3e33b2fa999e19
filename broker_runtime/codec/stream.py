"""Bytes in, packets out, for clients, tests and cold paths; the broker's hot loop uses the parts directly."""

from __future__ import annotations

from broker_runtime.codec.packets import Packet
from broker_runtime.codec.reasons import Violation


class Decoder:
    """Feed what was read, take packets. After a violation it stays broken and gives nothing more.

    Args:
        version: 3, 4 or 5; a CONNECT that passes through sets it.
        max_packet_bytes: largest packet accepted.
        from_server: True on the client's side of a connection.
    """

    def __init__(self, *, version: int, max_packet_bytes: int, from_server: bool) -> None:
        raise NotImplementedError

    def feed(self, data: bytes) -> list[Packet]:
        """Packets that are complete now; look at ``violation`` afterwards."""
        raise NotImplementedError

    @property
    def violation(self) -> Violation | None:
        """What the peer did wrong; None while all is well."""
        raise NotImplementedError
