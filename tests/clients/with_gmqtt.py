"""gmqtt, an asyncio client with its own protocol code.

Its wheel brings a top-level package named ``tests``, which would hide ours: it is installed into a
folder of its own, at the end of the search path.
"""

from __future__ import annotations

import asyncio
import importlib
import subprocess
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

from tests.clients.device import DEADLINE_S, SESSION_EXPIRY_S, Call, Got, Inbox, UserProperties

LOCK = Path(__file__).with_name("gmqtt.lock")
INSTALLER = Path(sys.executable).with_name("uv")


def install(folder: Path) -> None:
    """Put the library into an empty folder and make it importable."""
    command = [str(INSTALLER), "pip", "install", "--quiet", "--no-deps", "--require-hashes"]
    command += ["--python", sys.executable, "--target", str(folder), "--requirement", str(LOCK)]
    subprocess.run(command, check=True)
    sys.path.append(str(folder))


class GmqttDevice:
    """A ``gmqtt.Client``."""

    def __init__(self, gmqtt: ModuleType, call: Call) -> None:
        self.inbox = Inbox()
        options: dict[str, Any] = {}
        if call.session and call.version == 5:
            options["session_expiry_interval"] = SESSION_EXPIRY_S
        will = None if call.will is None else gmqtt.Message(*call.will)
        self._client = gmqtt.Client(
            call.session or None, clean_session=not call.session, will_message=will, **options
        )
        self._client.set_config({"reconnect_retries": 0})
        self._subscribed = asyncio.Event()
        self._gone = asyncio.Event()
        self._client.on_message = self._got
        self._client.on_subscribe = lambda *_: self._subscribed.set()
        self._client.on_disconnect = lambda *_: self._gone.set()

    async def start(self, call: Call) -> None:
        """Connect and subscribe."""
        await self._client.connect("127.0.0.1", call.port, version=call.version)
        if call.subscribe:
            self._client.subscribe(call.subscribe, qos=2)
            await asyncio.wait_for(self._subscribed.wait(), DEADLINE_S)

    async def publish(
        self,
        topic: str,
        payload: bytes,
        *,
        qos: int = 0,
        retain: bool = False,
        user_properties: UserProperties = (),
    ) -> None:
        """Publish; the library acknowledges by itself."""
        options = {"user_property": list(user_properties)} if user_properties else {}
        self._client.publish(topic, payload, qos=qos, retain=retain, **options)

    async def close(self) -> None:
        """DISCONNECT."""
        await self._client.disconnect()
        await asyncio.wait_for(self._gone.wait(), DEADLINE_S)

    async def vanish(self) -> None:
        """Cut the connection below the library."""
        self._client._connection._transport.abort()
        await asyncio.wait_for(self._gone.wait(), DEADLINE_S)

    async def _got(
        self, client: object, topic: str, payload: bytes, qos: int, properties: dict[str, Any]
    ) -> int:
        told = tuple((str(k), str(v)) for k, v in properties.get("user_property", []))
        got = Got(topic, bytes(payload), qos, bool(properties["retain"]), told)
        self.inbox.messages.put_nowait(got)
        return 0


class Gmqtt:
    """gmqtt."""

    name = "gmqtt"

    async def open(self, call: Call) -> GmqttDevice:
        """Connect."""
        device = GmqttDevice(importlib.import_module("gmqtt"), call)
        await device.start(call)
        return device
