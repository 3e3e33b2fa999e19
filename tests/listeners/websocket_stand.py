"""A WebSocket layer between a wire that remembers and a client that speaks to it."""

from __future__ import annotations

import asyncio

from websockets.client import ClientProtocol
from websockets.frames import Frame
from websockets.protocol import State
from websockets.uri import parse_uri

from broker_runtime.broker.clock import SystemClock
from broker_runtime.contract.configuration import Listener
from broker_runtime.listeners.layer import Refusals
from broker_runtime.listeners.websocket import WebSocketLayer


def ws(kind="ws", **changes):
    return Listener(kind=kind, host="127.0.0.1", port=0, certificate="default", **changes)


class Wire(asyncio.Transport):
    """The transport below: remembers what was written and whether it was closed."""

    def __init__(self):
        self.written = b""
        self.is_closed = self.is_aborted = False
        self.paused = 0

    def write(self, data):
        assert not self.is_closed
        self.written += data

    def close(self):
        self.is_closed = True

    def abort(self):
        self.is_closed = self.is_aborted = True

    def is_closing(self):
        return self.is_closed

    def pause_reading(self):
        self.paused += 1

    def resume_reading(self):
        self.paused -= 1

    def get_extra_info(self, name, default=None):
        return default


class Above:
    """Stands for the MQTT connection."""

    def __init__(self):
        self.received = b""
        self.violations = []
        self.bound_bytes = 1_000_000

    def connection_made(self, transport):
        self.transport = transport

    def data_received(self, data):
        assert type(data) is bytes
        self.received += data

    def fail(self, violation):
        self.violations.append(violation.detail)
        self.transport.close()

    def connection_lost(self, error):
        self.is_lost = True

    def eof_received(self):
        return False

    def pause_writing(self):
        """Nothing waits here."""

    def resume_writing(self):
        """Nothing waits here."""


class Stand:
    """A layer between a wire and a connection, and a client that speaks to it."""

    def __init__(self, listener=None, *, path="/mqtt", subprotocols=("mqtt",), headers=()):
        self.above, self.wire, self.refusals = Above(), Wire(), Refusals()
        self.layer = WebSocketLayer(
            self.above,
            listener or ws(),
            self.refusals,
            SystemClock(),
            lambda: self.above.bound_bytes,
        )
        self.layer.connection_made(self.wire)
        uri = parse_uri(f"ws://broker{path}")
        self.client = ClientProtocol(uri, subprotocols=list(subprotocols) or None, max_size=None)
        request = self.client.connect()
        for name, value in headers:
            request.headers[name] = value
        self.client.send_request(request)
        self.request = b"".join(self.client.data_to_send())

    def open(self):
        self.layer.data_received(self.request)
        self.hear()
        assert self.client.state is State.OPEN
        return self

    def hear(self):
        """Let the client read what was written to it; its frames."""
        written, self.wire.written = self.wire.written, b""
        if written:
            self.client.receive_data(written)
        return [event for event in self.client.events_received() if isinstance(event, Frame)]

    def say(self, *frames):
        self.layer.data_received(b"".join(masked(frame) for frame in frames))

    @property
    def close_code(self):
        self.hear()
        return self.client.close_rcvd.code if self.client.close_rcvd else None


def masked(frame):
    return frame.serialize(mask=True)


def cut(data, places):
    """The data in pieces, cut at the places."""
    ends = sorted({place % (len(data) + 1) for place in places} | {0, len(data)})
    return [data[a:b] for a, b in zip(ends, ends[1:], strict=False)]
