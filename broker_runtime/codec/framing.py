"""Where a packet begins and ends: the fixed header, and a buffer that keeps what is unfinished."""

from __future__ import annotations

from typing import Final

from broker_runtime.codec.reasons import ReasonCode, Violation

MAX_REMAINING_BYTES: Final = 268_435_455
"""Largest Remaining Length that four bytes can say (MQTT 5.0 §1.5.5)."""


def read_header(
    buffer: bytes, start: int, max_packet_bytes: int
) -> tuple[int, int, int] | Violation | None:
    """Read the fixed header that begins at ``start``.

    Args:
        buffer: what was received; may end in the middle of a packet.
        start: offset of the first byte of the packet.
        max_packet_bytes: largest packet accepted, fixed header included.

    Returns:
        ``(first byte, body start, body end)`` as soon as the header is complete. ``body end`` may
        lie beyond the buffer: then the packet is not here yet and the caller keeps the bytes from
        ``start`` (``ReceiveBuffer.keep``). None when even the header is not complete. ``Violation``
        when the length is malformed or too large, which is known before anything of the body is
        kept (P05).
    """
    available = len(buffer) - start
    if available < 2:
        return None
    length = buffer[start + 1]
    if length < 0x80:
        header_bytes = 2
    else:
        length &= 0x7F
        shift = 7
        header_bytes = 2
        while True:
            if header_bytes == 5:
                # [MQTT-1.5.5-1] at most four bytes (P03)
                return Violation(
                    ReasonCode.MALFORMED_PACKET, "the remaining length has more than four bytes"
                )
            if available <= header_bytes:
                return None
            byte = buffer[start + header_bytes]
            header_bytes += 1
            length |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:
                break
        if byte == 0:
            # [MQTT-1.5.5-1] the fewest bytes that can say the number (P04)
            return Violation(
                ReasonCode.MALFORMED_PACKET, "the remaining length is not in its shortest form"
            )
    if header_bytes + length > max_packet_bytes:
        return Violation(
            ReasonCode.PACKET_TOO_LARGE,
            f"a packet of {header_bytes + length} bytes; the maximum is {max_packet_bytes}",
        )
    body_start = start + header_bytes
    return buffer[start], body_start, body_start + length


class ReceiveBuffer:
    """Keeps the unfinished packet at the end of a read, in time linear in the bytes received.

    Once per read: ``feed``, parse from offset 0 while ``read_header`` gives whole packets, then
    ``keep`` what is left, if anything. ``codec.stream`` shows the loop.
    """

    __slots__ = ("_kept", "_needed_bytes")

    def __init__(self) -> None:
        self._kept = bytearray()
        self._needed_bytes = 0

    def feed(self, data: bytes) -> bytes:
        """Take what was read.

        Returns:
            What is to be parsed from offset 0; ``b""`` while the packet is unfinished.
        """
        kept = self._kept
        if not kept:
            return data
        kept += data
        if len(kept) < self._needed_bytes:
            return b""
        whole = bytes(kept)
        self._kept = bytearray()
        return whole

    def keep(self, buffer: bytes, start: int, needed_bytes: int) -> None:
        """Keep ``buffer[start:]``; parsing is of no use before ``needed_bytes`` of it are there.

        Args:
            needed_bytes: ``body_end - start`` when the header was complete, 0 when it was not.
        """
        self._kept = bytearray(buffer[start:])
        self._needed_bytes = needed_bytes

    def __len__(self) -> int:
        return len(self._kept)
