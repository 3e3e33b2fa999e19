"""Letting every client go, in good order and in bounded time (F7)."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from broker_runtime.codec.reasons import ReasonCode

if TYPE_CHECKING:
    from broker_runtime.broker.core import Core

logger = logging.getLogger(__name__)

AT_ONCE: Final = 200
"""Clients that are told in one turn of the loop: some 10 ms, so that the others, the control API
and the disk get theirs."""


@dataclass(frozen=True, slots=True)
class Farewell:
    """What MQTT 5 clients are told.

    Args:
        reason: SERVER_SHUTTING_DOWN, USE_ANOTHER_SERVER or SERVER_MOVED.
        server_reference: where to go instead (MQTT 5.0 §4.11); empty: they are not told.
    """

    reason: ReasonCode = ReasonCode.SERVER_SHUTTING_DOWN
    server_reference: str = ""


@dataclass(frozen=True, slots=True)
class Departed:
    """How it went."""

    told: int
    """Clients that were disconnected."""
    cut_off: int
    """Those of them, and others without CONNECT, that did not take their last bytes in time."""


async def drain(core: Core, farewell: Farewell, within_s: float) -> Departed:
    """Refuse who comes, end what is being decided, disconnect everybody without their wills, and
    give them time to take what is on its way. May be called again.

    A will is neither published nor kept: the clients come back, here or elsewhere, and a will of
    each would be a false alarm.

    Args:
        within_s: how long clients may take to get their last bytes.
    """
    core.is_stopping = True
    deadline_s = core.loop.time() + within_s
    await core.handshake.stop()
    await core.catch_up.stop()
    await core.backlog.stop()
    await core.shared.stop()
    told = await _disconnect_all(core, farewell)
    core.persistence.save_dirty()
    if core.open_links:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout_at(deadline_s):
                await core.drained.wait()
    late = list(core.open_links)
    for link in late:
        link.abort()
    return Departed(told, len(late))


async def _disconnect_all(core: Core, farewell: Farewell) -> int:
    links = [s.link for s in core.sessions.by_client_id.values() if s.link is not None]
    if links:
        logger.info("clients_leaving count=%s server=%s", len(links), farewell.server_reference)
    for number, link in enumerate(links, start=1):
        link.close(
            farewell.reason,
            "the node is stopping",
            keep_will=False,
            server_reference=farewell.server_reference,
        )
        if number % AT_ONCE == 0:
            core.plan_flush()
            await asyncio.sleep(0)
    return len(links)
