"""paho-mqtt, by callbacks from its own thread."""

from __future__ import annotations

import asyncio
import socket
from typing import Any

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from tests.clients.device import DEADLINE_S, SESSION_EXPIRY_S, Call, Got, Inbox, UserProperties


class PahoDevice:
    """A ``paho.Client`` whose events reach the test's loop."""

    def __init__(self, call: Call) -> None:
        self.inbox = Inbox()
        self._loop = asyncio.get_running_loop()
        self._events: dict[str, asyncio.Event] = {
            name: asyncio.Event() for name in ("connect", "subscribe", "publish", "disconnect")
        }
        options: dict[str, Any] = {} if call.version == 5 else {"clean_session": not call.session}
        self._client = paho.Client(
            CallbackAPIVersion.VERSION2,
            client_id=call.session,
            protocol=paho.MQTTv5 if call.version == 5 else paho.MQTTv311,
            reconnect_on_failure=False,
            **options,
        )
        if call.will is not None:
            self._client.will_set(*call.will)
        for name in self._events:
            setattr(self._client, f"on_{name}", lambda *_, name=name: self._tell(name))
        self._client.on_message = self._got

    async def start(self, call: Call) -> None:
        """Connect and subscribe."""
        options: dict[str, Any] = {}
        if call.version == 5:
            properties = Properties(PacketTypes.CONNECT)
            if call.session:
                properties.SessionExpiryInterval = SESSION_EXPIRY_S
            options = {"clean_start": not call.session, "properties": properties}
        self._client.connect("127.0.0.1", call.port, **options)
        self._client.loop_start()
        await self._wait("connect")
        if call.subscribe:
            self._client.subscribe(call.subscribe, 2)
            await self._wait("subscribe")

    async def publish(
        self,
        topic: str,
        payload: bytes,
        *,
        qos: int = 0,
        retain: bool = False,
        user_properties: UserProperties = (),
    ) -> None:
        """Publish and wait until paho says that it is done."""
        properties: Any = None
        if user_properties:
            properties = Properties(PacketTypes.PUBLISH)
            properties.UserProperty = list(user_properties)
        self._events["publish"].clear()
        self._client.publish(topic, payload, qos, retain, properties)
        await self._wait("publish")

    async def close(self) -> None:
        """DISCONNECT."""
        self._client.disconnect()
        await self._wait("disconnect")
        self._client.loop_stop()

    async def vanish(self) -> None:
        """Cut the connection below the library."""
        connection = self._client.socket()
        assert isinstance(connection, socket.socket), "it is connected"
        connection.shutdown(socket.SHUT_RDWR)
        await self._wait("disconnect")
        self._client.loop_stop()

    def _tell(self, name: str) -> None:
        self._loop.call_soon_threadsafe(self._events[name].set)

    async def _wait(self, name: str) -> None:
        await asyncio.wait_for(self._events[name].wait(), DEADLINE_S)

    def _got(self, client: paho.Client, userdata: object, message: paho.MQTTMessage) -> None:
        properties = getattr(message.properties, "UserProperty", [])
        got = Got(
            message.topic, bytes(message.payload), message.qos, message.retain, tuple(properties)
        )
        self._loop.call_soon_threadsafe(self.inbox.messages.put_nowait, got)


class Paho:
    """paho-mqtt."""

    name = "paho"

    async def open(self, call: Call) -> PahoDevice:
        """Connect."""
        device = PahoDevice(call)
        await device.start(call)
        return device
