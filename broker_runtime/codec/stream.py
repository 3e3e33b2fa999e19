"""Bytes in, packets out: for clients, tests and cold paths; the hot loop uses the parts."""

from __future__ import annotations

from broker_runtime.codec.decoder import decode, decode_from_server
from broker_runtime.codec.framing import ReceiveBuffer, read_header
from broker_runtime.codec.packets import Connect, Packet
from broker_runtime.codec.reasons import Violation


class Decoder:
    """Feed what was read, take packets. After a violation it stays broken and gives nothing more.

    Args:
        version: 3, 4 or 5; a CONNECT that passes through sets it.
        max_packet_bytes: largest packet accepted.
        from_server: True on the client's side of a connection.
    """

    def __init__(self, *, version: int, max_packet_bytes: int, from_server: bool) -> None:
        self.version = version
        self.violation: Violation | None = None
        """What the peer did wrong; None while all is well."""
        self._decode = decode_from_server if from_server else decode
        self._max_packet_bytes = max_packet_bytes
        self._unfinished = ReceiveBuffer()

    def feed(self, data: bytes) -> list[Packet]:
        """Packets that are complete now; look at ``violation`` afterwards."""
        packets: list[Packet] = []
        if self.violation is not None:
            return packets
        buffer = self._unfinished.feed(data)
        start = 0
        needed_bytes = 0
        while start < len(buffer):
            header = read_header(buffer, start, self._max_packet_bytes)
            if header is None:
                break
            if isinstance(header, Violation):
                self.violation = header
                return packets
            first_byte, body_start, body_end = header
            if body_end > len(buffer):
                needed_bytes = body_end - start
                break
            packet = self._decode(first_byte, buffer[body_start:body_end], self.version)
            if isinstance(packet, Violation):
                self.violation = packet
                return packets
            if isinstance(packet, Connect):
                self.version = packet.protocol_version
            packets.append(packet)
            start = body_end
        if start < len(buffer):
            self._unfinished.keep(buffer, start, needed_bytes)
        return packets
