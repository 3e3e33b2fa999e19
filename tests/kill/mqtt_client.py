"""A small MQTT 3.1.1 client of the tests' own: it shares no code with the broker it judges.

It keeps what a client must keep over a broken connection: unacknowledged PUBLISHes in their order,
and the packet ids of QoS 2 messages received and not released.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from dataclasses import dataclass

CONNACK, PUBLISH, PUBACK, PUBREC, PUBREL, PUBCOMP, SUBACK, UNSUBACK = 2, 3, 4, 5, 6, 7, 9, 11
DEADLINE_S = 20.0


def _text(value: str) -> bytes:
    data = value.encode()
    return len(data).to_bytes(2, "big") + data


def _packet(first: int, body: bytes) -> bytes:
    length, size = b"", len(body)
    while True:
        size, digit = divmod(size, 128)
        length += bytes((digit | (0x80 if size else 0),))
        if not size:
            return bytes((first,)) + length + body


@dataclass
class Unacknowledged:
    """A PUBLISH on its way. ``released``: PUBREC came, PUBREL was sent."""

    topic: str
    payload: bytes
    qos: int
    retain: bool
    done: Callable[[], None]
    released: bool = False


class Client:
    """One client over many connections. ``on_message(topic, payload, qos, dup)``."""

    def __init__(
        self, client_id: str, on_message: Callable[[str, bytes, int, bool], None], *, clean: bool
    ) -> None:
        self.client_id = client_id
        self.clean = clean
        self.unacknowledged: dict[int, Unacknowledged] = {}
        self.session_present = False
        self.is_connected = False
        self._on_message = on_message
        self._unreleased: set[int] = set()
        self._answers: dict[tuple[int, int], asyncio.Future[bytes]] = {}
        self._packet_id = 0
        self._writer: asyncio.StreamWriter | None = None
        self._reading: asyncio.Task[None] | None = None

    # -- connection --------------------------------------------------------------------------------

    async def connect(self, port: int) -> None:
        """Connect and send again what is not acknowledged; raises ``OSError`` when it fails."""
        reader, self._writer = await asyncio.open_connection("127.0.0.1", port)
        flags = 0x02 if self.clean else 0
        body = _text("MQTT") + bytes((4, flags)) + (60).to_bytes(2, "big") + _text(self.client_id)
        connack = self._expect(CONNACK, 0)
        self._reading = asyncio.ensure_future(self._read(reader))
        self._send(_packet(0x10, body))
        answer = await self._answer(connack)
        if answer[1]:
            raise ConnectionRefusedError(f"{self.client_id}: return code {answer[1]}")
        self.session_present = bool(answer[0] & 1)
        if self.clean:
            self._unreleased.clear()
        self.is_connected = True
        for packet_id, message in self.unacknowledged.items():
            if message.released:
                self._send(_packet(0x62, packet_id.to_bytes(2, "big")))
            else:
                self._send_publish(packet_id, message, dup=True)

    async def leave(self, *, politely: bool) -> None:
        """End the connection, with DISCONNECT or without."""
        if politely and self.is_connected:
            self._send(b"\xe0\x00")
        await self._hang_up()

    async def _hang_up(self) -> None:
        self.is_connected = False
        writer, self._writer = self._writer, None
        if writer is not None:
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()
        if self._reading is not None:
            await asyncio.gather(self._reading, return_exceptions=True)
            self._reading = None

    def _lost(self) -> None:
        self.is_connected = False
        for answer in self._answers.values():
            if not answer.done():
                answer.set_exception(ConnectionResetError("the connection ended"))
        self._answers.clear()

    # -- requests ----------------------------------------------------------------------------------

    def publish(
        self, topic: str, payload: bytes, qos: int, *, retain: bool, done: Callable[[], None]
    ) -> None:
        """Send a PUBLISH; ``done`` is called at its PUBACK or PUBCOMP, on whichever connection."""
        message = Unacknowledged(topic, payload, qos, retain, done)
        packet_id = self._next_id() if qos else 0
        if qos:
            self.unacknowledged[packet_id] = message
        self._send_publish(packet_id, message, dup=False)

    async def subscribe(self, topic_filter: str, qos: int) -> None:
        """Returns when it was granted."""
        packet_id = self._next_id()
        answer = self._expect(SUBACK, packet_id)
        body = packet_id.to_bytes(2, "big") + _text(topic_filter) + bytes((qos,))
        self._send(_packet(0x82, body))
        granted = (await self._answer(answer))[2]
        assert granted == qos, f"{topic_filter}: {granted}"

    async def unsubscribe(self, topic_filter: str) -> None:
        """Returns when it was acknowledged."""
        packet_id = self._next_id()
        answer = self._expect(UNSUBACK, packet_id)
        self._send(_packet(0xA2, packet_id.to_bytes(2, "big") + _text(topic_filter)))
        await self._answer(answer)

    def _expect(self, packet_type: int, packet_id: int) -> asyncio.Future[bytes]:
        if packet_type != CONNACK and not self.is_connected:
            raise ConnectionResetError("not connected")
        answer: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()
        self._answers[packet_type, packet_id] = answer
        return answer

    async def _answer(self, answer: asyncio.Future[bytes]) -> bytes:
        async with asyncio.timeout(DEADLINE_S):
            return await answer

    def _next_id(self) -> int:
        while True:
            self._packet_id = self._packet_id % 65_535 + 1
            if self._packet_id not in self.unacknowledged:
                return self._packet_id

    def _send_publish(self, packet_id: int, message: Unacknowledged, *, dup: bool) -> None:
        first = 0x30 | (8 if dup else 0) | message.qos << 1 | message.retain
        identifier = packet_id.to_bytes(2, "big") if message.qos else b""
        self._send(_packet(first, _text(message.topic) + identifier + message.payload))

    def _send(self, data: bytes) -> None:
        if self._writer is not None:
            self._writer.write(data)

    # -- what comes --------------------------------------------------------------------------------

    async def _read(self, reader: asyncio.StreamReader) -> None:
        try:
            while True:
                first = (await reader.readexactly(1))[0]
                length = shift = 0
                while True:
                    digit = (await reader.readexactly(1))[0]
                    length |= (digit & 0x7F) << shift
                    shift += 7
                    if not digit & 0x80:
                        break
                self._take(first, await reader.readexactly(length))
        except (OSError, asyncio.IncompleteReadError):
            pass
        finally:
            self._lost()

    def _take(self, first: int, body: bytes) -> None:
        packet_type = first >> 4
        if packet_type == PUBLISH:
            self._take_publish(first, body)
            return
        packet_id = int.from_bytes(body[:2], "big")
        if packet_type == PUBREL:
            self._unreleased.discard(packet_id)
            self._send(_packet(0x70, body[:2]))
        elif packet_type == PUBREC:
            message = self.unacknowledged.get(packet_id)
            if message is not None:
                message.released = True
            self._send(_packet(0x62, body[:2]))
        elif packet_type in (PUBACK, PUBCOMP):
            message = self.unacknowledged.pop(packet_id, None)
            if message is not None:
                message.done()
        else:
            answer = self._answers.pop((packet_type, 0 if packet_type == CONNACK else packet_id))
            answer.set_result(body)

    def _take_publish(self, first: int, body: bytes) -> None:
        qos, dup = first >> 1 & 3, bool(first & 8)
        end = 2 + int.from_bytes(body[:2], "big")
        topic = body[2:end].decode()
        if qos:
            identifier = body[end : end + 2]
            packet_id = int.from_bytes(identifier, "big")
            end += 2
        if qos == 2 and packet_id in self._unreleased:
            self._send(_packet(0x50, identifier))
            return
        self._on_message(topic, body[end:], qos, dup)
        if qos == 1:
            self._send(_packet(0x40, identifier))
        elif qos == 2:
            self._unreleased.add(packet_id)
            self._send(_packet(0x50, identifier))
