"""Turns: how much of what one client sent is handled before the others come (SECURITY E4)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from broker_runtime.broker.hot.hot_path import consume
from broker_runtime.broker.links.states import LIVE

if TYPE_CHECKING:
    from broker_runtime.broker.core import Core
    from broker_runtime.broker.links.connection import Connection

TURN_BYTES: Final = 32 * 1024
"""About 400 small messages: 0.4 ms of QoS 0, some milliseconds where each of them is dropped for a
reader that does not read."""


def take_turn(core: Core, link: Connection, buffer: bytes, position: int) -> int:
    """Handle packets from ``position``, but not more than a turn; the rest waits for the next turn
    of the loop, and nothing is read before.

    Returns:
        Where the first packet begins that was not handled.
    """
    end = position + TURN_BYTES
    if len(buffer) <= end:
        return consume(core, link, buffer, position)
    reached = consume(core, link, buffer[:end], position)
    link.needed_bytes = 0
    if link.state != LIVE or link.held:
        return reached
    if reached == position:
        # One packet is larger than a turn.
        return consume(core, link, buffer, position)
    link.hold()
    core.loop.call_soon(_go_on, link)
    return reached


def _go_on(link: Connection) -> None:
    link.release(throttled=False)
