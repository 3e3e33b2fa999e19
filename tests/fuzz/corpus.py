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
    for case in (*BROKEN, *VALID):
        if target == "decoder":
            side = 0x80 if case.from_server else 0
            yield bytes((side | VERSIONS.index(case.version or 4), 2)) + case.raw
        elif not case.from_server and len(case.raw) < 256:
            number = VERSIONS.index(case.version or 4)
            yield bytes((4 + 8 * number, 2, 8 * number, len(case.raw))) + case.raw
