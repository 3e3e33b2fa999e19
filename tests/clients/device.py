"""One shape for every client library, so that one test serves them all."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import Protocol

DEADLINE_S = 20.0
SESSION_EXPIRY_S = 3_600
UserProperties = tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Got:
    """A message as a library gave it to its user."""

    topic: str
    payload: bytes
    qos: int
    retain: bool
    user_properties: UserProperties = ()


@dataclass(frozen=True)
class Call:
    """How a client connects. ``session``: its id when the session outlives the connection."""

    port: int
    version: int
    """4 or 5, the protocol level."""
    session: str = ""
    subscribe: str = ""
    """A topic filter that it subscribes to at QoS 2 as soon as it is connected."""
    will: tuple[str, bytes] | None = None


@dataclass
class Inbox:
    """What came, in order; filled from the library's callbacks on the test's own loop."""

    messages: asyncio.Queue[Got] = field(default_factory=asyncio.Queue)

    async def next(self) -> Got:
        """The next message; fails after the deadline."""
        return await asyncio.wait_for(self.messages.get(), DEADLINE_S)


class Device(Protocol):
    """A connected client of some library; subscribed before ``open`` returns."""

    inbox: Inbox

    async def publish(
        self,
        topic: str,
        payload: bytes,
        *,
        qos: int = 0,
        retain: bool = False,
        user_properties: UserProperties = (),
    ) -> None:
        """Publish; user properties only with MQTT 5."""

    async def close(self) -> None:
        """Leave with a DISCONNECT."""

    async def vanish(self) -> None:
        """Be gone without one."""


class Library(Protocol):
    """A client library, or a program."""

    name: str

    async def open(self, call: Call) -> Device:
        """Connect, and subscribe when asked to."""
