"""Inputs that lead a target deep: what earlier runs found, and packets written by hand.

``<target>.corpus`` holds one input a line, in Base64.
"""

from __future__ import annotations

import base64
from collections.abc import Iterator
from pathlib import Path

from tests.codec.broken_packets import BROKEN
from tests.codec.valid_packets import VALID
from tests.fuzz.targets import VERSIONS

FOLDER = Path(__file__).parent


def inputs(target: str) -> Iterator[bytes]:
    """Every known input of a target."""
    for line in (FOLDER / f"{target}.corpus").read_text(encoding="ascii").splitlines():
        yield base64.b64decode(line, validate=True)
    for case in BROKEN:
        yield _input(target, case.version, case.raw, from_server=case.from_server)
    for packet in VALID:
        yield _input(target, packet.version, packet.raw, from_server=packet.from_server)


def _input(target: str, version: int, raw: bytes, *, from_server: bool) -> bytes:
    """Bytes of a packet in the language of a target; empty where it cannot say them."""
    number = VERSIONS.index(version or 4)
    if target == "decoder":
        return bytes(((0x80 if from_server else 0) | number, 2)) + raw
    if from_server or len(raw) > 255:
        return b""
    return bytes((4 + 8 * number, 2, 8 * number, len(raw))) + raw
