"""aiomqtt, an asyncio client over paho."""

from __future__ import annotations

import asyncio
from typing import Any

import aiomqtt
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from tests.clients.device import DEADLINE_S, SESSION_EXPIRY_S, Call, Got, Inbox, UserProperties


class AiomqttDevice:
    """An ``aiomqtt.Client`` and the task that reads from it."""

    def __init__(self, call: Call) -> None:
        self.inbox = Inbox()
        options: dict[str, Any] = {}
        if call.version == 5:
            properties = Properties(PacketTypes.CONNECT)
            if call.session:
                properties.SessionExpiryInterval = SESSION_EXPIRY_S
            options = {"clean_start": not call.session, "properties": properties}
        else:
            options = {"clean_session": not call.session}
        self._client = aiomqtt.Client(
            "127.0.0.1",
            call.port,
            identifier=call.session or None,
            protocol=aiomqtt.ProtocolVersion.V5
            if call.version == 5
            else aiomqtt.ProtocolVersion.V311,
            will=None if call.will is None else aiomqtt.Will(*call.will),
            timeout=DEADLINE_S,
            **options,
        )
        self._reader: asyncio.Task[None] | None = None

    async def start(self, call: Call) -> None:
        """Connect and subscribe."""
        await self._client.__aenter__()
        self._reader = asyncio.create_task(self._read())
        if call.subscribe:
            await self._client.subscribe(call.subscribe, 2)

    async def publish(
        self,
        topic: str,
        payload: bytes,
        *,
        qos: int = 0,
        retain: bool = False,
        user_properties: UserProperties = (),
    ) -> None:
        """Publish and wait for the acknowledgement."""
        properties: Any = None
        if user_properties:
            properties = Properties(PacketTypes.PUBLISH)
            properties.UserProperty = list(user_properties)
        await self._client.publish(topic, payload, qos, retain, properties)

    async def close(self) -> None:
        """DISCONNECT."""
        assert self._reader is not None, "it was started"
        self._reader.cancel()
        await asyncio.gather(self._reader, return_exceptions=True)
        await self._client.__aexit__(None, None, None)

    async def vanish(self) -> None:
        """The library offers no way; its connection is paho's, see there."""
        raise NotImplementedError

    async def _read(self) -> None:
        async for message in self._client.messages:
            properties = getattr(message.properties, "UserProperty", [])
            payload = message.payload
            assert isinstance(payload, bytes), "what comes from the network is bytes"
            got = Got(str(message.topic), payload, message.qos, message.retain, tuple(properties))
            self.inbox.messages.put_nowait(got)


class Aiomqtt:
    """aiomqtt."""

    name = "aiomqtt"

    async def open(self, call: Call) -> AiomqttDevice:
        """Connect."""
        device = AiomqttDevice(call)
        await device.start(call)
        return device
