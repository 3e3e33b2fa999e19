"""One network connection: bytes in, packets handled, bytes out once per tick of the loop."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, cast

from broker_runtime.broker.answers import disconnect
from broker_runtime.broker.client import Session
from broker_runtime.broker.first_packet import take_connect
from broker_runtime.broker.hot_path import consume
from broker_runtime.broker.states import CLOSED, DECIDING, LIVE, NEW
from broker_runtime.broker.stats import Packets, no_packets
from broker_runtime.broker.watch import Watch
from broker_runtime.codec.framing import ReceiveBuffer
from broker_runtime.codec.packets import DISCONNECT
from broker_runtime.codec.reasons import ReasonCode, Violation
from broker_runtime.session.aliases import OutboundAliases, TopicAliases
from broker_runtime.session.inbound import OrderedAnswers
from broker_runtime.session.outbox import Chunk, take

if TYPE_CHECKING:
    from broker_runtime.broker.core import Core

READ_BYTES = 64 * 1024
"""A read of this size says that there is more; the connection then waits for its next turn."""
WRITE_BYTES = 256 * 1024
"""Handed to the transport at a time; what it cannot take stays in the outbox, which shares the
messages with other receivers (E7)."""


class Connection:
    """The protocol object of a transport, and the ``link`` of a session while it is connected.

    Event loops ask a protocol for its methods, not for its class; one that inherits from nothing
    is small, and compiled its attributes are read without a look-up (ADR 0011).
    """

    __slots__ = (
        "_buffer",
        "_core",
        "_read_paused",
        "_transport",
        "_watch",
        "_write_paused",
        "address",
        "aliases",
        "aliases_out",
        "allowance",
        "answers",
        "bytes_received",
        "bytes_sent",
        "explains",
        "held",
        "host",
        "level",
        "max_packet_bytes",
        "max_queued_bytes",
        "needed_bytes",
        "out",
        "paced_s",
        "queued_bytes",
        "receive_maximum",
        "received",
        "seen_s",
        "sent",
        "sent0",
        "session",
        "state",
        "unanswered",
        "version",
    )

    def __init__(self, core: Core) -> None:
        self._core = core
        self._transport: asyncio.Transport | None = None
        self._buffer = ReceiveBuffer()
        self.needed_bytes = 0
        self._watch = Watch(core, self)
        self._write_paused = False
        self._read_paused = False
        self.state = NEW
        self.session: Session | None = None
        self.address = ""
        self.host = ""
        self.version = 0
        """3, 4 or 5 as in CONNECT."""
        self.level = 4
        """4, 5, or 6 for MQTT 5 with ``aliases_out``: those of a level get the same bytes."""
        self.explains = True
        """Whether the client wants reason strings [MQTT-3.1.2-29]."""
        self.out: list[Chunk] = []
        """What is to be written; not empty means that somebody will call ``flush``."""
        self.queued_bytes = 0
        self.max_queued_bytes = 0
        self.max_packet_bytes = 2**31
        self.receive_maximum = core.settings.receive_maximum
        self.aliases = TopicAliases(core.settings.topic_alias_maximum)
        self.aliases_out: OutboundAliases | None = None
        self.answers = OrderedAnswers()
        self.unanswered: set[int] = set()
        """Packet ids of QoS 2 messages that are being stored."""
        self.held = False
        """Nothing is handled: the publisher waits for tokens."""
        self.allowance = 0
        self.paced_s = core.now_s - 1
        """What the client may still send, and as of when (``Throttle.room``)."""
        self.seen_s = core.now_s
        self.bytes_received = 0
        self.bytes_sent = 0
        self.received: Packets = no_packets()
        self.sent: Packets = no_packets()
        self.sent0 = 0
        """QoS 0 PUBLISHes sent (not counted in ``sent``)."""

    # -- the transport's side ----------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """A client came. It has ``connect_timeout_s`` to say CONNECT (E1, E2)."""
        # Listeners make stream transports; those of uvloop are no asyncio.Transport by name.
        stream = self._transport = cast(asyncio.Transport, transport)
        peer = stream.get_extra_info("peername") or ("", 0)
        self.host = str(peer[0])
        shown = f"[{self.host}]" if ":" in self.host else self.host
        self.address = f"{shown}:{peer[1]}"
        core = self._core
        if not core.handshake.admits(self):
            self.state = CLOSED
            stream.abort()
            return
        core.open_links.add(self)
        core.drained.clear()
        stream.set_write_buffer_limits(high=WRITE_BYTES)
        self._watch.await_connect()

    def data_received(self, data: bytes) -> None:
        """Handle every packet that is complete; nothing a peer sends raises (P30)."""
        core = self._core
        self.seen_s = core.now_s
        size = len(data)
        self.bytes_received += size
        core.stats.bytes_received += size
        buffer = self._buffer.feed(data)
        if buffer:
            self._take(buffer)
        if size >= READ_BYTES and not self._read_paused and self.state == LIVE:
            # libuv reads a busy socket many times in one turn of the loop: a flood would stall all.
            self._pause_reading()
            core.loop.call_soon(self._read_on)

    def eof_received(self) -> bool:
        """Half-closed is closed."""
        return False

    def connection_lost(self, error: Exception | None) -> None:
        """The transport is gone."""
        if self.state != CLOSED:
            self._gone("connection lost" if error is None else f"connection lost: {error}")
        self._watch.cancel()
        self._transport = None
        core = self._core
        core.open_links.discard(self)
        if not core.open_links:
            core.drained.set()

    def pause_writing(self) -> None:
        """The peer does not keep up: what comes waits in the outbox."""
        self._write_paused = True

    def resume_writing(self) -> None:
        """The peer took what was written."""
        self._write_paused = False
        if self.state == CLOSED:
            return
        self.flush()
        if self.session is not None and not self._write_paused:
            self._core.sending.pump(self.session)
            self._core.plan_flush()

    # -- receiving ---------------------------------------------------------------------------------

    def _take(self, buffer: bytes) -> None:
        core = self._core
        position = 0
        self.needed_bytes = 0
        if self.state == NEW:
            position = take_connect(core, self, buffer)
        if self.state == LIVE and not self.held and position < len(buffer):
            position = consume(core, self, buffer, position)
        if self.state == CLOSED:
            return
        if position < len(buffer):
            self._buffer.keep(buffer, position, self.needed_bytes)
        if self.state == DECIDING:
            self._pause_reading()
        if core.dirty:
            core.plan_flush()

    # -- sending -----------------------------------------------------------------------------------

    def has_space(self) -> bool:
        """Whether the outbox may take one more message. A full one is written at once if the
        peer lets us: only a peer that does not read runs out of space (E3)."""
        if self.queued_bytes < self.max_queued_bytes:
            return True
        if self.state == LIVE and not self._write_paused:
            self.flush()
            return self.queued_bytes < self.max_queued_bytes
        return False

    def send(self, data: bytes) -> None:
        """Put bytes into the outbox; they are written at the end of this tick of the loop."""
        if not self.out:
            self._core.dirty.append(self)
            self._core.plan_flush()
        self.out.append(data)
        self.queued_bytes += len(data)

    def send_counted(self, packet_type: int, data: bytes) -> None:
        """Send a packet that has no QoS."""
        self.send(data)
        self.count_sent(packet_type)

    def send_if_fits(self, packet_type: int, data: bytes) -> bool:
        """The same for one that may be larger than the client takes [MQTT-3.1.2-24]: then False,
        and nothing is sent."""
        fits = len(data) <= self.max_packet_bytes
        if fits:
            self.send_counted(packet_type, data)
        return fits

    def count_sent(self, packet_type: int) -> None:
        """Count a packet that has no QoS."""
        self.sent[packet_type << 2] += 1
        self._core.stats.packets_sent[packet_type << 2] += 1

    def count_received(self, packet_type: int, qos: int) -> None:
        """Count a packet, of a type without QoS as 0."""
        self.received[packet_type << 2 | qos] += 1
        self._core.stats.packets_received[packet_type << 2 | qos] += 1

    def answer_in_order(self, slot: list[bytes], answer: bytes) -> None:
        """Send an acknowledgement as soon as those before it are sent."""
        for ready in self.answers.fill(slot, answer):
            if self.state == LIVE:
                self.send(ready)

    def flush(self) -> None:
        """Write what is in the outbox, as far as the transport takes it."""
        transport, out = self._transport, self.out
        if transport is None or self._write_paused or not out:
            return
        if self.queued_bytes <= WRITE_BYTES:
            data = out[0] if len(out) == 1 else b"".join(out)
            out.clear()
            self._wrote(self.queued_bytes)
            transport.write(data)
            return
        while out and not self._write_paused:
            piece = take(out, WRITE_BYTES)
            self._wrote(len(piece))
            transport.write(piece)

    def _wrote(self, size: int) -> None:
        self.queued_bytes -= size
        self.bytes_sent += size
        self._core.stats.bytes_sent += size

    # -- waiting and closing -----------------------------------------------------------------------

    @property
    def owner(self) -> Session:
        """The session of a live connection."""
        assert self.session is not None, "a live connection has a session"
        return self.session

    @property
    def is_live(self) -> bool:
        """Whether the CONNACK was sent and nothing ended the connection."""
        return self.state == LIVE

    def hold(self) -> None:
        """Stop reading and handling."""
        self.held = True
        self._pause_reading()

    def release(self, *, throttled: bool) -> None:
        """Go on where ``hold`` stopped; with ``throttled`` what waited is counted (DECISIONS 5)."""
        self.held = False
        if self.state != LIVE:
            return
        stats = self._core.stats
        before = stats.messages_received
        buffer = self._buffer.feed(b"")
        if buffer:
            self._take(buffer)
        if throttled:
            stats.publish_throttled += stats.messages_received - before
        if not self.held:
            self._resume_reading()

    def go_live(self, keep_alive_s: int) -> None:
        """The CONNACK is in the outbox: serve the client."""
        self.state = LIVE
        self.max_queued_bytes = self._core.settings.outbox_max_bytes
        self._watch.keep_alive(keep_alive_s)

    def take_waiting(self) -> None:
        """Handle what came behind the CONNECT while it was being decided."""
        if self._read_paused:
            self._resume_reading()
            buffer = self._buffer.feed(b"")
            if buffer:
                self._take(buffer)

    def fail(self, violation: Violation) -> None:
        """The peer broke the protocol: say why and end the connection; its will is published."""
        self.close(violation.reason, violation.detail)

    def close(
        self,
        reason: ReasonCode,
        detail: str,
        *,
        keep_will: bool = True,
        server_reference: str = "",
    ) -> None:
        """End the connection from our side. MQTT 5 is told the reason [MQTT-4.13.1-1].

        Args:
            keep_will: False: the will is not published.
            server_reference: where to go instead (MQTT 5.0 §4.11); with a reason that says so.
        """
        if self.state == CLOSED:
            return
        if self.state != LIVE:
            self._core.handshake.refuse(self, reason, detail, server_reference)
            return
        if self.version == 5:
            self.send_if_fits(DISCONNECT, disconnect(self, reason, detail, server_reference))
        self.shut(detail, keep_will=keep_will)

    def shut(self, detail: str, *, keep_will: bool) -> None:
        """Write what is in the outbox and close the transport."""
        if self.state == CLOSED:
            return
        self._write_paused = False
        self.flush()
        self._gone(detail, keep_will=keep_will)
        transport = self._transport
        if transport is not None:
            transport.close()
            self._watch.linger()

    def abort(self) -> None:
        """Close without waiting for anything."""
        if self._transport is not None:
            self._transport.abort()

    def _gone(self, detail: str, *, keep_will: bool = True) -> None:
        was_live, self.state = self.state == LIVE, CLOSED
        self._watch.cancel()
        self.out.clear()
        self.queued_bytes = self.max_queued_bytes = 0
        core, session = self._core, self.session
        core.handshake.forget(self)
        if session is None:
            return
        self.session = None
        if was_live:
            core.events.add(
                "disconnected",
                client_id=session.client_id,
                username=session.username,
                address=self.address,
                reason=detail,
            )
        if session.link is self:
            core.sessions.detach(session, keep_will=keep_will and was_live)
            core.plan_flush()

    def _pause_reading(self) -> None:
        if self._transport is not None and not self._read_paused:
            self._read_paused = True
            self._transport.pause_reading()

    def _read_on(self) -> None:
        """The others had their turn."""
        if not self.held and self.state != DECIDING:
            self._resume_reading()

    def _resume_reading(self) -> None:
        if self._transport is not None and self._read_paused and self.state != CLOSED:
            self._read_paused = False
            self._transport.resume_reading()
