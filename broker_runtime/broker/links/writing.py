"""From the outbox of a connection to its transport."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

from broker_runtime.session.outbox import take

if TYPE_CHECKING:
    from broker_runtime.broker.core import Core
    from broker_runtime.broker.links.connection import Connection

WRITE_BYTES: Final = 256 * 1024
"""Handed to the transport at a time; what it cannot take stays in the outbox, which shares the
messages with other receivers (E7)."""


def write(link: Connection, transport: asyncio.Transport) -> int:
    """Write what waits until the transport has enough; returns how many bytes."""
    out, size = link.out, link.queued_bytes
    if size <= WRITE_BYTES:
        data = out[0] if len(out) == 1 else b"".join(out)
        out.clear()
        link.queued_bytes = 0
        transport.write(data)
        return size
    written = 0
    while out and not link.write_paused:
        piece = take(out, WRITE_BYTES)
        link.queued_bytes -= len(piece)
        written += len(piece)
        transport.write(piece)
    return written


def write_at_once(core: Core, link: Connection, packet_type: int, data: bytes) -> None:
    """Send the first packet: nothing is before it, and seldom something behind it."""
    link.count_sent(packet_type)
    if link.transport is None or link.out or link.write_paused:
        link.send(data)
        return
    link.bytes_sent += len(data)
    core.stats.bytes_sent += len(data)
    link.transport.write(data)
