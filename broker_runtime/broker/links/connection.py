"""One network connection: bytes in, packets handled, bytes out once per tick of the loop."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final, cast

from broker_runtime.broker.clients.client import Session
from broker_runtime.broker.links import ending
from broker_runtime.broker.links.entrance import peer_of
from broker_runtime.broker.links.first_packet import take_connect
from broker_runtime.broker.links.states import CLOSED, DECIDING, LIVE, NEW
from broker_runtime.broker.links.turns import take_turn
from broker_runtime.broker.links.writing import WRITE_BYTES, write
from broker_runtime.broker.watching.stats import Packets, no_packets, tallied
from broker_runtime.codec.framing import ReceiveBuffer
from broker_runtime.codec.packets import PUBACK, PUBCOMP, PUBLISH
from broker_runtime.codec.reasons import ReasonCode, Violation
from broker_runtime.session.aliases import OutboundAliases, TopicAliases
from broker_runtime.session.inbound import Answers, OrderedAnswers
from broker_runtime.session.negotiation import UNLIMITED_PACKET_BYTES
from broker_runtime.session.outbox import Chunk

if TYPE_CHECKING:
    from broker_runtime.broker.core import Core
    from broker_runtime.broker.links.handshake import Request

READ_BYTES: Final = 64 * 1024
"""A read of this size says that there is more; the connection then waits for its next turn."""


class Connection:
    """The protocol object of a transport, and the ``link`` of a session while it is connected.

    It inherits from nothing: event loops ask a protocol for its methods only (ADR 0011). Of the
    transport it uses ``get_extra_info("peername")``, ``set_write_buffer_limits``, ``write``,
    ``close``, ``abort``, ``can_write_eof``, ``write_eof``, ``pause_reading``, ``resume_reading``:
    whatever has these can stand between it and the socket. There may be very many that do nothing,
    so parts that only messages need are made at their first use.
    """

    __slots__ = (
        "_aliases",
        "_core",
        "_received",
        "_sent",
        "_unanswered",
        "address",
        "aliases_out",
        "allowance",
        "answers",
        "bytes_received",
        "bytes_sent",
        "deadline_s",
        "drained_bytes",
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
        "read_paused",
        "receive_maximum",
        "request",
        "seen_s",
        "sent0",
        "session",
        "state",
        "tally",
        "transport",
        "unfinished",
        "version",
        "watched",
        "write_paused",
    )

    def __init__(self, core: Core) -> None:
        self._core = core
        self.transport: asyncio.Transport | None = None
        self.unfinished: ReceiveBuffer | None = None
        self.needed_bytes = 0
        self.write_paused = self.read_paused = False
        self.state = NEW
        self.session: Session | None = None
        self.request: Request | None = None  # the CONNECT under decision
        self.address = self.host = ""
        self.version = 0  # 3, 4 or 5 as in CONNECT
        # 4, 5, or 6 for MQTT 5 with ``aliases_out``: those of a level get the same bytes
        self.level = 4
        self.explains = False  # the client asked for reason strings [MQTT-3.1.2-29]
        self.out: list[Chunk] = []  # not empty means that somebody will call ``flush``
        self.queued_bytes = self.max_queued_bytes = 0
        self.max_packet_bytes = UNLIMITED_PACKET_BYTES
        self.receive_maximum = core.settings.receive_maximum
        self._aliases: TopicAliases | None = None
        self.aliases_out: OutboundAliases | None = None
        self.answers = OrderedAnswers()
        self._unanswered: set[int] | None = None
        self.held = False  # nothing is handled: the publisher waits for tokens
        self.seen_s = core.now_s
        self.allowance = 0  # what the client may still send (``Throttle.room``)
        self.paced_s = 0.0
        # When CONNECT must be decided, or the last bytes taken.
        self.deadline_s = core.now_s + core.settings.connect_timeout_s
        self.watched: set[Connection] | None = None  # its place in ``Patrol``
        self.bytes_received = self.bytes_sent = 0
        self.drained_bytes = 0  # may still come after the end
        self._received: Packets | None = None
        self._sent: Packets | None = None
        self.tally = 0  # the other packets, both ways (``stats.packets_of``)
        self.sent0 = 0  # QoS 0 PUBLISHes sent (not counted in ``sent``)

    @property
    def received(self) -> Packets:
        """PUBLISHes received, and the packets that acknowledge ours."""
        if self._received is None:
            self._received = no_packets()
        return self._received

    @property
    def sent(self) -> Packets:
        """PUBLISHes sent at QoS 1 and 2, and the packets that acknowledge the client's."""
        if self._sent is None:
            self._sent = no_packets()
        return self._sent

    @property
    def aliases(self) -> TopicAliases:
        """The aliases that the client has set."""
        if self._aliases is None:
            self._aliases = TopicAliases(self._core.settings.topic_alias_maximum)
        return self._aliases

    @property
    def unanswered(self) -> set[int]:
        """Packet ids of QoS 2 messages that are being stored."""
        if self._unanswered is None:
            self._unanswered = set()
        return self._unanswered

    # -- the transport's side ----------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """A client came. It has ``connect_timeout_s`` to say CONNECT (E1, E2)."""
        # Those of uvloop are no asyncio.Transport by name.
        stream = self.transport = cast(asyncio.Transport, transport)
        self.host, self.address = peer_of(stream)
        core = self._core
        if not core.entrance.admits(self):
            self.state = CLOSED
            stream.abort()
            return
        core.open_links.add(self)
        stream.set_write_buffer_limits(high=WRITE_BYTES)
        core.patrol.watch(self, self.deadline_s)

    def data_received(self, data: bytes) -> None:
        """Handle every packet that is complete; nothing a peer sends raises (P30)."""
        core = self._core
        self.seen_s = core.now_s
        size = len(data)
        self.bytes_received += size
        core.stats.bytes_received += size
        if self.state == CLOSED:
            ending.drain(self, size)
        elif self.unfinished is not None:
            self._go_on(self.unfinished, data)
        elif data:
            self._take(data)
        if size >= READ_BYTES and not self.read_paused and self.state == LIVE:
            # libuv reads a busy socket many times in one turn of the loop: a flood would stall all.
            self.pause_reading()
            core.loop.call_soon(self._read_on)

    def eof_received(self) -> bool:
        """Half-closed is closed."""
        return False

    def connection_lost(self, error: Exception | None) -> None:
        """The transport is gone."""
        if self.state != CLOSED:
            detail = "connection lost" if error is None else f"connection lost: {error}"
            ending.gone(self._core, self, detail, keep_will=True)
        core = self._core
        core.patrol.forget(self)
        self.transport = None
        core.open_links.discard(self)
        if core.is_stopping and not core.open_links:
            core.drained.set()

    def pause_writing(self) -> None:
        """The peer does not keep up: what comes waits in the outbox."""
        self.write_paused = True

    def resume_writing(self) -> None:
        """The peer took what was written."""
        self.write_paused = False
        if self.state == CLOSED:
            return
        self.flush()
        if self.session is not None and not self.write_paused:
            self._core.sending.pump(self.session)
            self._core.plan_flush()

    # -- receiving ---------------------------------------------------------------------------------

    def _go_on(self, unfinished: ReceiveBuffer, data: bytes) -> None:
        """What was left of the last read comes first."""
        kept_bytes = len(unfinished)
        buffer = unfinished.feed(data)
        if buffer:
            self.unfinished = None
            self._core.half_received.changed(-kept_bytes)
            self._take(buffer)
        else:
            self._core.half_received.changed(len(data))

    def _take(self, buffer: bytes) -> None:
        core = self._core
        position = 0
        self.needed_bytes = 0
        if self.state == NEW:
            position = take_connect(core, self, buffer)
        if self.state == LIVE and not self.held and position < len(buffer):
            position = take_turn(core, self, buffer, position)
        if self.state == CLOSED:
            return
        if position < len(buffer):
            unfinished = self.unfinished = ReceiveBuffer()
            unfinished.keep(buffer, position, self.needed_bytes)
            core.half_received.changed(len(unfinished))
        if self.state == DECIDING:
            self.pause_reading()
        if core.dirty:
            core.plan_flush()

    @property
    def half_received_bytes(self) -> int:
        """Kept of a packet that is not whole yet."""
        return 0 if self.unfinished is None else len(self.unfinished)

    # -- sending -----------------------------------------------------------------------------------

    def has_space(self) -> bool:
        """Whether the outbox may take one more message. A full one is written at once if the
        peer lets us: only a peer that does not read runs out of space (E3)."""
        if self.queued_bytes < self.max_queued_bytes:
            return True
        if self.state == LIVE and not self.write_paused:
            self.flush()
            return self.queued_bytes < self.max_queued_bytes
        return False

    def send(self, data: bytes) -> None:
        """Put bytes into the outbox; they are written at the end of this tick."""
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
        if PUBACK <= packet_type <= PUBCOMP:
            self.sent[packet_type << 2] += 1
        else:
            self.tally = tallied(self.tally, packet_type)
        self._core.stats.packets_sent[packet_type << 2] += 1

    def count_received(self, packet_type: int, qos: int) -> None:
        """Count a packet, of a type without QoS as 0."""
        if PUBLISH <= packet_type <= PUBCOMP:
            self.received[packet_type << 2 | qos] += 1
        else:
            self.tally = tallied(self.tally, packet_type)
        self._core.stats.packets_received[packet_type << 2 | qos] += 1

    def answer_in_order(self, place: Answers, answer: bytes) -> None:
        """Send an acknowledgement as soon as those before it are sent."""
        for ready in self.answers.fill(place, answer):
            if self.state == LIVE:
                self.send(ready)

    def flush(self) -> None:
        """Write what is in the outbox, as far as the transport takes it."""
        if self.transport is not None and self.out and not self.write_paused:
            size = write(self, self.transport)
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
        self.pause_reading()

    def release(self, *, throttled: bool) -> None:
        """Go on where ``hold`` stopped; with ``throttled`` what waited is counted (DECISIONS 5)."""
        self.held = False
        self.seen_s = self._core.now_s  # it may have sent: nobody read (keep-alive)
        if self.state != LIVE:
            return
        stats = self._core.stats
        before = stats.messages_received
        if self.unfinished is not None:
            self._go_on(self.unfinished, b"")
        if throttled:
            stats.publish_throttled += stats.messages_received - before
        if not self.held:
            self.resume_reading()

    def go_live(self, keep_alive_s: int) -> None:
        """The CONNACK is in the outbox: serve the client."""
        self.state = LIVE
        self.max_queued_bytes = self._core.settings.outbox_max_bytes
        self._core.patrol.keep_alive(self, keep_alive_s)

    def take_waiting(self) -> None:
        """Handle what came behind the CONNECT while it was being decided."""
        if self.read_paused:
            self.resume_reading()
            if self.unfinished is not None:
                self._go_on(self.unfinished, b"")

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
        ending.close(self._core, self, reason, detail, keep_will, server_reference)

    def shut(self, detail: str, *, keep_will: bool) -> None:
        """Write what is in the outbox and close; the client may read it first."""
        ending.shut(self._core, self, detail, keep_will)

    def abort(self) -> None:
        """Close without waiting for anything."""
        if self.transport is not None:
            self.transport.abort()

    def pause_reading(self) -> None:
        """Leave with the kernel what the client sends."""
        if self.transport is not None and not self.read_paused:
            self.read_paused = True
            self.transport.pause_reading()

    def _read_on(self) -> None:
        """The others had their turn."""
        if not self.held and self.state == LIVE:
            self.resume_reading()

    def resume_reading(self) -> None:
        """Take what the client sends."""
        if self.transport is not None and self.read_paused:
            self.read_paused = False
            self.transport.resume_reading()
