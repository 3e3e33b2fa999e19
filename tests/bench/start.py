"""What it takes to start a broker, whichever it is."""

from __future__ import annotations

import contextlib
import random
import socket
from dataclasses import dataclass
from pathlib import Path

PORTS = range(20_000, 32_000)
"""Below those that Linux gives to clients."""


class Failed(Exception):
    """A reading could not be taken; the message says why."""


@dataclass(frozen=True, slots=True)
class Start:
    """What a broker needs to know in order to start.

    Args:
        folder: of this start alone, removed after it.
        cache: kept from run to run.
        profile: where to write what cProfile saw; our broker only.
    """

    folder: Path
    cache: Path
    port: int
    persistent: bool
    profile: Path | None = None


def free_port() -> int:
    """A TCP port of loopback that nobody listens on, and that the kernel gives to no client: it
    would be taken again before the broker is up.
    """
    while True:
        port = random.choice(PORTS)
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port
