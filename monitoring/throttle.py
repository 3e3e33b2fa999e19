"""Calls something at most so often, and once more after the last occasion."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable

Sleep = Callable[[float], Awaitable[None]]


class Throttle:
    """Occasions come in floods; the call comes with the first of them and, when more came within
    ``every_s``, once at the end of it. Between floods nothing runs.

    Args:
        call: What is called; it must not raise.
        clock: Monotonic seconds.
    """

    def __init__(
        self,
        call: Callable[[], Awaitable[None]],
        *,
        every_s: float,
        clock: Callable[[], float] = time.monotonic,
        sleep: Sleep = asyncio.sleep,
    ) -> None:
        self._call = call
        self._every_s = every_s
        self._clock = clock
        self._sleep = sleep
        self._next_s = clock()
        self._later: asyncio.Task[None] | None = None

    async def occur(self) -> None:
        """There is an occasion: call now, or once when the time has come."""
        if self._later is not None:
            return
        wait_s = self._next_s - self._clock()
        if wait_s > 0:
            self._later = asyncio.create_task(self._call_after(wait_s))
        else:
            await self._call_now()

    async def flush(self) -> None:
        """Make the call that waits at once, if one does; nothing waits afterwards."""
        later, self._later = self._later, None
        if later is not None:
            later.cancel()
            await self._call_now()

    async def _call_after(self, wait_s: float) -> None:
        await self._sleep(wait_s)
        self._later = None
        await self._call_now()

    async def _call_now(self) -> None:
        self._next_s = self._clock() + self._every_s
        await self._call()
