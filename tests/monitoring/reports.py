"""Reports as nodes send them, and a node's end of the telemetry socket."""

from __future__ import annotations

from typing import Any

import msgspec
from channels.testing import WebsocketCommunicator
from django.conf import settings

from console.asgi import application
from monitoring.ingest import Hello, MetricsReport, Taken

DEADLINE_S = 10.0
START_MS = 1_700_000_040_000
"""A whole minute."""


def metrics(second: float, *, began_ms: int = START_MS - 60_000, **numbers: int) -> MetricsReport:
    """The report of an instant, seconds after the start; gauges and counters by name."""
    gauges = {"connections", "sessions", "subscriptions", "retained", "inflight", "backlog"}
    return MetricsReport(
        at_ms=START_MS + int(second * 1000),
        started_ms=began_ms,
        revision=1,
        gauges={name: number for name, number in numbers.items() if name in gauges},
        counters={name: number for name, number in numbers.items() if name not in gauges},
    )


def hello(node_id: str, *, cluster_id: str = "", revision: int = 1) -> Hello:
    """The greeting of a node."""
    return Hello(
        cluster_id=cluster_id or node_id.removesuffix("-n0"),
        node_id=node_id,
        revision=revision,
        started_ms=START_MS - 60_000,
        version="0.1.0",
    )


def handshake(node_id: str, **changed: str | None) -> list[tuple[bytes, bytes]]:
    """The headers with which a node opens its socket; None leaves one out."""
    headers: dict[str, str | None] = {
        "authorization": f"Bearer {settings.KEYRING.telemetry_token(node_id)}",
        "signalbox-node": node_id,
        "signalbox-contract": "1",
        **{name.replace("_", "-"): value for name, value in changed.items()},
    }
    return [(k.encode(), v.encode()) for k, v in headers.items() if v is not None]


class NodeSocket:
    """A node's end of the socket."""

    def __init__(self, node_id: str, **changed: str | None) -> None:
        self.node_id = node_id
        self.communicator = WebsocketCommunicator(
            application, "/internal/telemetry/", headers=handshake(node_id, **changed)
        )

    async def open(self) -> bool:
        """Whether the console accepted."""
        accepted, _code = await self.communicator.connect(timeout=DEADLINE_S)
        if not accepted:
            await self.leave()
        return bool(accepted)

    async def greet(self, **changed: Any) -> NodeSocket:
        """Open and say hello, and wait until that is dealt with."""
        assert await self.open()
        assert await self.tell(hello(self.node_id, **changed)) == 1
        return self

    async def say(self, report: msgspec.Struct | str) -> None:
        """Send a report, or any text."""
        text = report if isinstance(report, str) else msgspec.json.encode(report).decode()
        await self.communicator.send_to(text_data=text)

    async def taken(self) -> int:
        """How many reports the console says it took, in its next message."""
        text = await self.communicator.receive_from(timeout=DEADLINE_S)
        return msgspec.json.decode(text, type=Taken).count

    async def tell(self, report: msgspec.Struct | str) -> int:
        """Send a report and wait until it is taken; how many were, with it."""
        await self.say(report)
        return await self.taken()

    async def closed_with(self) -> int:
        """The code with which the console ends the socket; nothing may come after it."""
        message = await self.communicator.receive_output(timeout=DEADLINE_S)
        assert message["type"] == "websocket.close", message
        assert await self.communicator.receive_nothing()
        await self.leave()
        return int(message["code"])

    async def leave(self) -> None:
        """End the socket from this side, and wait until the console is done with it."""
        await self.communicator.disconnect(timeout=DEADLINE_S)
