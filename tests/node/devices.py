"""MQTT clients of the tests of real nodes: paho, with acknowledgements waited for."""

from __future__ import annotations

import queue
import threading
from typing import Any

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

DEADLINE_S = 20.0
SESSION_EXPIRY_S = 3_600


class Device:
    """One client. Its callbacks run in paho's thread; the test waits on events and queues."""

    def __init__(
        self,
        port: int,
        client_id: str,
        *,
        version: int = 5,
        clean: bool = True,
        username: str = "device",
    ) -> None:
        self._port = port
        self._clean = clean
        self._version = version
        self.received: queue.Queue[str] = queue.Queue()
        self.reasons: queue.Queue[Any] = queue.Queue()
        self._answered = threading.Event()
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
        self._client.username_pw_set(username, "secret")
        self._client.on_connect = self._on_connect
        self._client.on_message = self._on_message
        self._client.on_disconnect = self._on_disconnect
        self._subscribed = threading.Event()
        self._client.on_subscribe = lambda *_: self._subscribed.set()

    def connect(self) -> Device:
        """Connect; returns when the node accepted."""
        properties: Any = None
        if self._version == 5 and not self._clean:
            properties = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]  # paho
            properties.SessionExpiryInterval = SESSION_EXPIRY_S
        self._answered.clear()
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

    def publish(self, topic: str, payload: str, qos: int, *, retain: bool = False) -> bool:
        """Publish; whether the node acknowledged it (False: the connection ended before)."""
        sent = self._client.publish(topic, payload, qos, retain)
        if sent.rc != paho.MQTT_ERR_SUCCESS:
            return False
        while not sent.is_published():
            if not self._client.is_connected():
                return sent.is_published()
            sent.wait_for_publish(0.05)
        return True

    def disconnect(self) -> None:
        """Leave as a client should, or clean up after the connection ended."""
        self._client.disconnect()
        self._client.loop_stop()

    def drop(self) -> None:
        """Vanish without a DISCONNECT."""
        sock = self._client.socket()
        if sock is not None:
            sock.close()
        self._client.loop_stop()

    def _on_connect(self, _client, _userdata, flags, reason, _properties) -> None:
        self.is_accepted = not reason.is_failure
        self.session_present = flags.session_present
        self._answered.set()

    def _on_message(self, _client, _userdata, message) -> None:
        self.received.put(message.payload.decode())

    def _on_disconnect(self, _client, _userdata, _flags, reason, _properties) -> None:
        self.reasons.put(reason)
