"""The sockets of a node, kept as the listeners section says."""

from __future__ import annotations

import asyncio
import logging

from broker_runtime.broker.broker import Broker
from broker_runtime.contract.configuration import Listener, ListenersSection

logger = logging.getLogger(__name__)

RETRY_S = 1.0
BACKLOG = 1_024


class Listeners:
    """Opens, closes and reopens listeners; a port that cannot be opened is retried each second."""

    def __init__(self, broker: Broker) -> None:
        self._broker = broker
        self._open: dict[Listener, asyncio.Server] = {}
        self._problems: dict[Listener, str] = {}
        self._retry: asyncio.Task[None] | None = None
        self._lock = asyncio.Lock()

    async def apply(self, section: ListenersSection) -> None:
        """Close what is no longer wanted, open what is new; clients of listeners that stay, and
        those that came through one that is closed, are not disturbed."""
        async with self._lock:
            wanted = set(section.listeners)
            for listener in [known for known in self._open if known not in wanted]:
                self._open.pop(listener).close()
            self._problems = {k: why for k, why in self._problems.items() if k in wanted}
            for listener in section.listeners:
                if listener not in self._open:
                    await self._try(listener)
        if self._problems and self._retry is None:
            self._retry = asyncio.create_task(self._try_again())

    async def _try(self, listener: Listener) -> None:
        loop = asyncio.get_running_loop()
        try:
            server = await loop.create_server(
                self._broker.accept, listener.host, listener.port, backlog=BACKLOG
            )
        except OSError as error:
            why = error.strerror or str(error)
            if self._problems.get(listener) != why:
                logger.warning("listener_not_open address=%s reason=%s", _shown(listener), why)
            self._problems[listener] = why
        else:
            self._open[listener] = server
            self._problems.pop(listener, None)

    async def _try_again(self) -> None:
        while self._problems:
            await asyncio.sleep(RETRY_S)
            async with self._lock:
                for listener in list(self._problems):
                    await self._try(listener)
        self._retry = None

    async def close(self) -> None:
        """Stop accepting on every address."""
        if self._retry is not None:
            self._retry.cancel()
            await asyncio.gather(self._retry, return_exceptions=True)
            self._retry = None
        async with self._lock:
            for server in self._open.values():
                server.close()
            self._open.clear()
            self._problems.clear()

    def addresses(self) -> tuple[str, ...]:
        """Open addresses: ``tcp://127.0.0.1:1883`` …; a port 0 shows the real one."""
        return tuple(
            _address(listener.kind, listener.host, server.sockets[0].getsockname()[1])
            for listener, server in self._open.items()
            if server.sockets
        )

    def problems(self) -> dict[str, str]:
        """Address → why it is not open."""
        return {_shown(listener): why for listener, why in self._problems.items()}


def _shown(listener: Listener) -> str:
    return _address(listener.kind, listener.host, listener.port)


def _address(kind: str, host: str, port: int) -> str:
    return f"{kind}://[{host}]:{port}" if ":" in host else f"{kind}://{host}:{port}"
