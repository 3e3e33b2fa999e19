"""The data types of MQTT 5.0 §1.5, read from a body and written to bytes."""

from __future__ import annotations

from typing import Final

from broker_runtime.codec.reasons import ReasonCode, Violation

MAX_VARINT: Final = 268_435_455


class ProtocolViolation(Exception):
    """Leaves a half-read packet, never the package: ``decode`` returns its ``violation``."""

    def __init__(self, reason: ReasonCode, detail: str) -> None:
        super().__init__(detail)
        self.violation = Violation(reason, detail)


def malformed(detail: str) -> ProtocolViolation:
    """What is raised for bytes that do not follow the format (0x81)."""
    return ProtocolViolation(ReasonCode.MALFORMED_PACKET, detail)


def protocol_error(detail: str) -> ProtocolViolation:
    """What is raised for a packet that follows the format but is not allowed (0x82)."""
    return ProtocolViolation(ReasonCode.PROTOCOL_ERROR, detail)


def text_of(raw: bytes, what: str) -> str:
    """Decode a UTF-8 string of a peer.

    Raises:
        ProtocolViolation: surrogates, overlong forms, stray bytes [MQTT-1.5.4-1] or U+0000
            [MQTT-1.5.4-2] (P13). U+FEFF is kept where it stands [MQTT-1.5.4-3].

    [MQTT3-1.5.3-1] [MQTT3-1.5.3-2] [MQTT3-1.5.3-3]
    """
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError:
        raise malformed(f"{what} is not UTF-8") from None
    if "\x00" in text:
        raise malformed(f"{what} holds U+0000")
    return text


class Reader:
    """Reads ``buffer[position:end]``; bytes that end too early raise ``ProtocolViolation``
    (P11)."""

    __slots__ = ("buffer", "end", "position")

    def __init__(self, buffer: bytes, position: int, end: int) -> None:
        self.buffer = buffer
        self.position = position
        self.end = end

    def byte(self, what: str) -> int:
        """One byte."""
        position = self.position
        if position >= self.end:
            raise malformed(f"the packet ends before {what}")
        self.position = position + 1
        return self.buffer[position]

    def uint16(self, what: str) -> int:
        """Two Byte Integer (§1.5.2)."""
        position = self.position
        if position + 2 > self.end:
            raise malformed(f"the packet ends before {what}")
        self.position = position + 2
        return self.buffer[position] << 8 | self.buffer[position + 1]

    def uint32(self, what: str) -> int:
        """Four Byte Integer (§1.5.3)."""
        return self.uint16(what) << 16 | self.uint16(what)

    def varint(self, what: str) -> int:
        """Variable Byte Integer (§1.5.5), only in its shortest form [MQTT-1.5.5-1] (P03, P04)."""
        value = 0
        for shift in (0, 7, 14, 21):
            byte = self.byte(what)
            value |= (byte & 0x7F) << shift
            if byte < 0x80:
                if byte == 0 and shift:
                    raise malformed(f"{what} is not in its shortest form")
                return value
        raise malformed(f"{what} has more than four bytes")

    def binary(self, what: str) -> bytes:
        """Binary Data (§1.5.6)."""
        length = self.uint16(what)
        position = self.position
        if position + length > self.end:
            raise malformed(f"the packet ends inside {what}")
        self.position = position + length
        return self.buffer[position : position + length]

    def text(self, what: str) -> str:
        """UTF-8 Encoded String (§1.5.4)."""
        return text_of(self.binary(what), what)

    def rest(self) -> bytes:
        """Everything up to the end."""
        position = self.position
        self.position = self.end
        return self.buffer[position : self.end]

    def packet_id(self) -> int:
        """Packet Identifier, never 0 [MQTT-2.2.1-3] [MQTT-2.2.1-4] (P10). [MQTT3-2.3.1-1]"""
        packet_id = self.uint16("the packet identifier")
        if packet_id == 0:
            raise protocol_error("the packet identifier is 0")
        return packet_id

    def finish(self) -> None:
        """Raise when bytes are left over."""
        if self.position != self.end:
            raise malformed(f"{self.end - self.position} bytes follow the end of the packet")


def varint_bytes(value: int) -> bytes:
    """Encode a Variable Byte Integer.

    Raises:
        ValueError: outside 0 to 268,435,455.
    """
    if 0 <= value < 0x80:
        return bytes((value,))
    if not 0 <= value <= MAX_VARINT:
        raise ValueError(f"{value} does not fit a variable byte integer")
    encoded = bytearray()
    while value >= 0x80:
        encoded.append(value & 0x7F | 0x80)
        value >>= 7
    encoded.append(value)
    return bytes(encoded)


def binary_bytes(value: bytes) -> bytes:
    """Encode Binary Data.

    Raises:
        ValueError: more than 65,535 bytes.
    """
    if len(value) > 0xFFFF:
        raise ValueError(f"{len(value)} bytes do not fit a field of 65,535")
    return len(value).to_bytes(2, "big") + value


def text_bytes(value: str) -> bytes:
    """Encode a UTF-8 string.

    Raises:
        ValueError: too long, a surrogate, or U+0000.
    """
    if "\x00" in value:
        raise ValueError("a string of MQTT cannot hold U+0000")
    return binary_bytes(value.encode("utf-8"))
