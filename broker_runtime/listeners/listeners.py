"""The sockets of a node, kept as the listeners section says."""

from __future__ import annotations

import asyncio
import logging

from broker_runtime.broker.broker import Broker
from broker_runtime.contract.configuration import CertificatesSection, ListenersSection, Sections
from broker_runtime.listeners.entrances import Entrance, Place, Wanted, prepare
from broker_runtime.listeners.layer import Refusals

logger = logging.getLogger(__name__)

RETRY_S = 1.0
BACKLOG = 1_024


class Listeners:
    """Opens, closes and reopens listeners; a port that cannot be opened is retried each second.
    [MQTT-4.2-1] [MQTT3-7.1.1-1]"""

    def __init__(self, broker: Broker) -> None:
        self._broker = broker
        self._listeners = ListenersSection()
        self._certificates = CertificatesSection()
        self._open: dict[Place, Entrance] = {}
        self._problems: dict[Place, tuple[Wanted, str]] = {}
        self._retry: asyncio.Task[None] | None = None
        self._lock = asyncio.Lock()
        self._refusals = Refusals()
        self._is_closed = False

    async def prepare(self, sections: Sections) -> tuple[Wanted, ...]:
        """Check what the sections ask for, changing nothing; the result is for ``apply``.

        Raises:
            ConfigurationInvalid: an address, a path or a certificate cannot be used.
        """
        listeners = sections.listeners or self._listeners
        certificates = sections.certificates or self._certificates
        return await asyncio.to_thread(prepare, listeners.listeners, certificates.certificates)

    async def apply(self, sections: Sections, prepared: tuple[Wanted, ...]) -> None:
        """Close what is no longer wanted, open what is new. Clients are not disturbed, whatever
        becomes of the listener they came through; a new certificate counts for new handshakes.
        Once closed, nothing is opened any more."""
        self._listeners = sections.listeners or self._listeners
        self._certificates = sections.certificates or self._certificates
        if self._is_closed:
            return
        async with self._lock:
            places = {wanted.place for wanted in prepared}
            for place in [known for known in self._open if known not in places]:
                _close(self._open.pop(place))
            self._problems.clear()
            for wanted in prepared:
                if wanted.place in self._open:
                    self._open[wanted.place].wanted = wanted
                else:
                    await self._try(wanted)
        if self._problems and self._retry is None:
            self._retry = asyncio.create_task(self._try_again())

    async def _try(self, wanted: Wanted) -> None:
        loop = asyncio.get_running_loop()
        entrance = Entrance(wanted, self._broker, self._refusals)
        host, port = wanted.listener.host, wanted.listener.port
        try:
            entrance.server = await loop.create_server(
                entrance.protocol, host, port, backlog=BACKLOG
            )
        except OSError as error:
            why = error.strerror or str(error)
            if self._problems.get(wanted.place, (wanted, ""))[1] != why:
                logger.warning("listener_not_open address=%s reason=%s", _shown(wanted), why)
            self._problems[wanted.place] = wanted, why
        else:
            self._open[wanted.place] = entrance
            self._problems.pop(wanted.place, None)

    async def _try_again(self) -> None:
        while self._problems:
            await asyncio.sleep(RETRY_S)
            async with self._lock:
                for wanted, _ in list(self._problems.values()):
                    await self._try(wanted)
        self._retry = None

    async def close(self) -> None:
        """Stop accepting on every address, for good."""
        self._is_closed = True
        if self._retry is not None:
            self._retry.cancel()
            await asyncio.gather(self._retry, return_exceptions=True)
            self._retry = None
        async with self._lock:
            for entrance in self._open.values():
                _close(entrance)
            self._open.clear()
            self._problems.clear()

    def addresses(self) -> tuple[str, ...]:
        """Open addresses: ``tcp://127.0.0.1:1883`` …; a port 0 shows the real one."""
        return tuple(
            _address(e.wanted.listener.kind, e.wanted.listener.host, e.port)
            for e in self._open.values()
        )

    def problems(self) -> dict[str, str]:
        """Address → why it is not open."""
        return {_shown(wanted): why for wanted, why in self._problems.values()}

    def counters(self) -> dict[str, int]:
        """Connections that TLS or WebSocket ended, by reason, since the start."""
        return self._refusals.counters()


def _close(entrance: Entrance) -> None:
    assert entrance.server is not None, "it is open"
    entrance.server.close()


def _shown(wanted: Wanted) -> str:
    return _address(wanted.listener.kind, wanted.listener.host, wanted.listener.port)


def _address(kind: str, host: str, port: int) -> str:
    return f"{kind}://[{host}]:{port}" if ":" in host else f"{kind}://{host}:{port}"
