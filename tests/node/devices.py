"""MQTT clients of the tests of real nodes: paho, with acknowledgements waited for."""

from __future__ import annotations

import queue
import threading
from collections.abc import Sequence
from typing import Any

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

DEADLINE_S = 20.0
SESSION_EXPIRY_S = 3_600


class Device:
    """One connection of a client. Its callbacks run in paho's thread; the test waits on events and
    queues. To come back, make another with the same id.
    """

    def __init__(
        self,
        port: int,
        client_id: str,
        *,
        version: int = 5,
        clean: bool = True,
        username: str = "device",
        password: str = "secret",
    ) -> None:
        self._port = port
        self._clean = clean
        self._version = version
        self.received: queue.Queue[str] = queue.Queue()
        self.reasons: queue.Queue[Any] = queue.Queue()
        self._answered = threading.Event()
        self._ended = threading.Event()
        self.is_accepted = False
        self.session_present = False
        legacy: dict[str, Any] = {} if version == 5 else {"clean_session": clean}
        self._client = paho.Client(
            CallbackAPIVersion.VERSION2,
            client_id=client_id,
            protocol=paho.MQTTv5 if version == 5 else paho.MQTTv311,
            reconnect_on_failure=False,
            **legacy,
        )
        self._client.username_pw_set(username, password)
        self._client.on_connect = self._on_connect
        self._client.on_message = self._on_message
        self._client.on_disconnect = self._on_disconnect
        self._subscribed = threading.Event()
        self._client.on_subscribe = lambda *_: self._subscribed.set()

    def connect(self) -> Device:
        """Connect; returns when the node accepted."""
        properties: Any = None
        if self._version == 5 and not self._clean:
            properties = Properties(PacketTypes.CONNECT)
            properties.SessionExpiryInterval = SESSION_EXPIRY_S
        clean_start: Any = self._clean if self._version == 5 else 3
        self._client.connect(
            "127.0.0.1", self._port, keepalive=60, clean_start=clean_start, properties=properties
        )
        self._client.loop_start()
        assert self._answered.wait(DEADLINE_S), "the node did not answer"
        assert self.is_accepted, "the node refused the connection"
        return self

    def subscribe(self, topic_filter: str, qos: int) -> None:
        """Subscribe; returns when the node acknowledged."""
        self._subscribed.clear()
        self._client.subscribe(topic_filter, qos)
        assert self._subscribed.wait(DEADLINE_S), "the subscription was not acknowledged"

    def publish(
        self,
        topic: str,
        payload: str | bytes,
        qos: int,
        *,
        retain: bool = False,
        user_properties: Sequence[tuple[str, str]] = (),
    ) -> bool:
        """Publish; whether the node acknowledged it (False: the connection ended before)."""
        properties: Any = None
        if user_properties:
            properties = Properties(PacketTypes.PUBLISH)
            properties.UserProperty = list(user_properties)
        sent = self._client.publish(topic, payload, qos, retain, properties)
        if sent.rc != paho.MQTT_ERR_SUCCESS:
            return False
        while not sent.is_published():
            # A DISCONNECT of the node leaves paho "connected" although its loop has ended.
            if self._ended.is_set() or not self._client.is_connected():
                return sent.is_published()
            sent.wait_for_publish(0.05)
        return True

    def disconnect(self) -> None:
        """Leave as a client should, or clean up after the connection ended."""
        self._client.disconnect()
        self._client.loop_stop()

    def _on_connect(self, _client, _userdata, flags, reason, _properties) -> None:
        self.is_accepted = not reason.is_failure
        self.session_present = flags.session_present
        self._answered.set()

    def _on_message(self, _client, _userdata, message) -> None:
        self.received.put(message.payload.decode(errors="replace"))

    def _on_disconnect(self, _client, _userdata, _flags, reason, _properties) -> None:
        self.reasons.put(reason)
        self._ended.set()
