"""The stream to the console: one WebSocket, reconnecting for as long as the node lives."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import aiohttp
import msgspec

from broker_runtime.contract import CONTRACT_HEADER, CONTRACT_VERSION, NODE_HEADER
from broker_runtime.contract.reports import Hello, MetricsReport, Report, Taken
from broker_runtime.telemetry.outbox import Outbox

logger = logging.getLogger(__name__)

FLUSH_S = 0.2
"""How long an event waits for company."""
METRICS_S = 1.0
TAKEN_TIMEOUT_S = 10.0
"""A console that takes nothing for this long is given up and called again."""
MAX_MESSAGE_BYTES = 64 * 1024
"""The console has little to say: what is longer ends the connection."""

Sleep = Callable[[float], Awaitable[None]]


class Ended(Exception):
    """The console closed the connection."""


class Backoff:
    """Delays between attempts: doubling from 0.2 s to 15 s, each between half and the whole of it.

    ``random`` answers a float from 0 to 1; the jitter keeps many nodes from calling at once.
    """

    FIRST_S = 0.2
    LONGEST_S = 15.0

    def __init__(self, random: Callable[[], float]) -> None:
        self._random = random
        self._whole_s = self.FIRST_S

    def next_s(self) -> float:
        """How long to wait before the next attempt."""
        delay_s = self._whole_s * (0.5 + self._random() / 2)
        self._whole_s = min(self._whole_s * 2, self.LONGEST_S)
        return delay_s

    def reset(self) -> None:
        """An attempt succeeded."""
        self._whole_s = self.FIRST_S


@dataclass(frozen=True, slots=True)
class Destination:
    """Where the console listens, and the token it knows this node by."""

    url: str
    token: str


class TelemetryStream:
    """Sends what is in the outbox, metrics each second, and ``Hello`` first on each connection.

    The broker only ever touches the outbox: whatever the network does, nothing here waits in its
    way. Of what the console says only ``Taken`` counts, which confirms what it dealt with; the rest
    is ignored.

    Args:
        hello: the opening of a connection made now.
        metrics: gauges and counters of now.
        random: floats from 0 to 1 for the back-off.
        sleep: waits a number of seconds.
    """

    def __init__(
        self,
        destination: Destination,
        outbox: Outbox,
        *,
        hello: Callable[[], Hello],
        metrics: Callable[[], MetricsReport],
        random: Callable[[], float],
        sleep: Sleep,
    ) -> None:
        self._destination = destination
        self._outbox = outbox
        self._hello = hello
        self._metrics = metrics
        self._sleep = sleep
        self._backoff = Backoff(random)
        self._tasks: list[asyncio.Task[None]] = []
        self._is_stopping = False
        self._problem = ""
        self.is_connected = False

    def start(self) -> None:
        """Begin; connects when the console is there."""
        self._tasks = [
            asyncio.create_task(self._keep_connected(), name="telemetry-stream"),
            asyncio.create_task(self._measure(), name="telemetry-metrics"),
        ]

    async def stop(self, deadline_s: float) -> None:
        """Send what is left if the console takes it within the deadline, then end."""
        self._is_stopping = True
        if self._tasks and self.is_connected:
            await asyncio.wait(self._tasks[:1], timeout=deadline_s)
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._tasks = []

    async def _measure(self) -> None:
        while True:
            try:
                self._outbox.add_metrics(self._metrics())
            except Exception:
                logger.exception("telemetry_metrics_failed")
            await self._sleep(METRICS_S)

    async def _keep_connected(self) -> None:
        timeout = aiohttp.ClientTimeout(total=None, sock_connect=5.0, sock_read=TAKEN_TIMEOUT_S)
        async with aiohttp.ClientSession(timeout=timeout) as session:
            while not self._is_stopping:
                try:
                    await self._converse(session)
                except (Ended, aiohttp.ClientError, OSError, TimeoutError) as error:
                    self._log_problem(f"{type(error).__name__}: {error}")
                except Exception:
                    logger.exception("telemetry_failed")
                finally:
                    self.is_connected = False
                    self._outbox.restore()
                if not self._is_stopping:
                    await self._sleep(self._backoff.next_s())

    def _log_problem(self, problem: str) -> None:
        """Log a cause once, not at each attempt."""
        if problem != self._problem and not self._is_stopping:
            logger.warning("telemetry_away url=%s reason=%s", self._destination.url, problem)
        self._problem = problem

    async def _converse(self, session: aiohttp.ClientSession) -> None:
        """One connection, from ``Hello`` until it ends or, when stopping, all was taken."""
        headers = {
            "Authorization": f"Bearer {self._destination.token}",
            NODE_HEADER: self._hello().node_id,
            CONTRACT_HEADER: str(CONTRACT_VERSION),
        }
        async with session.ws_connect(
            self._destination.url,
            headers=headers,
            autoping=False,
            max_msg_size=MAX_MESSAGE_BYTES,
            timeout=aiohttp.ClientWSTimeout(ws_close=1.0),
        ) as connection:
            logger.info("telemetry_connected url=%s", self._destination.url)
            self.is_connected = True
            self._problem = ""
            await _send(connection, self._hello())
            sent = 1
            while True:
                is_last = self._is_stopping
                reports = self._outbox.take()
                if reports:
                    async with asyncio.timeout(TAKEN_TIMEOUT_S):
                        for report in reports:
                            await _send(connection, report)
                        sent += len(reports)
                        await _until_taken(connection, sent)
                    self._outbox.confirm()
                    self._backoff.reset()
                elif is_last:
                    return
                await self._sleep(FLUSH_S)


async def _send(connection: aiohttp.ClientWebSocketResponse, report: Report) -> None:
    await connection.send_str(msgspec.json.encode(report).decode())


async def _until_taken(connection: aiohttp.ClientWebSocketResponse, count: int) -> None:
    """Wait until the console has dealt with so many reports. (Its server answers pings by itself,
    before the console has looked at anything: a pong would say nothing.)
    """
    while True:
        message = await connection.receive()
        if message.type is aiohttp.WSMsgType.TEXT:
            if _taken(message.data) >= count:
                return
        elif message.type is aiohttp.WSMsgType.PING:
            await connection.pong(message.data)
        elif message.type in (
            aiohttp.WSMsgType.CLOSE,
            aiohttp.WSMsgType.CLOSING,
            aiohttp.WSMsgType.CLOSED,
            aiohttp.WSMsgType.ERROR,
        ):
            raise Ended(f"close code {connection.close_code}")


def _taken(text: str) -> int:
    try:
        return msgspec.json.decode(text, type=Taken).count
    except (msgspec.DecodeError, UnicodeError):
        return 0
