"""What is fuzzed. A target takes any bytes and raises when something that must hold does not."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Any

from broker_runtime.broker.settings import BrokerSettings
from broker_runtime.codec import packets as p
from broker_runtime.codec.encoder import encode
from broker_runtime.codec.packets import Packet
from broker_runtime.codec.stream import Decoder
from tests.broker.stage import Peer, Stage

Target = Callable[[bytes], None]
LIMIT_BYTES = 4_096
VERSIONS = (3, 4, 5)
PEERS = 3
SETTINGS = BrokerSettings(
    allow_anonymous=True,
    max_connect_bytes=2_048,
    retained_max_messages=50,
    retained_max_bytes=20_000,
    outbox_max_bytes=LIMIT_BYTES,
    pending_max_messages=20,
    unreleased_max_bytes=LIMIT_BYTES,
)


def decoder(data: bytes) -> None:
    """Cutting the bytes elsewhere changes nothing, and what was decoded encodes to its like (P11).

    The first byte chooses version and side, the second where to cut.
    """
    if len(data) < 3:
        return
    version, from_server = VERSIONS[(data[0] & 0x7F) % 3], bool(data[0] & 0x80)
    stream, place = data[2:], data[1] % len(data)
    whole = _decoded([stream], version, from_server=from_server)
    pieces = _decoded([stream[:place], stream[place:]], version, from_server=from_server)
    assert whole == pieces, "a cut changed what was decoded"
    for packet in () if from_server else whole[0]:
        again = _decoded([encode(packet, version)], version, from_server=from_server)
        assert again == ([packet], None), f"{packet} does not survive a round trip"


def _decoded(
    chunks: list[bytes], version: int, *, from_server: bool
) -> tuple[list[Packet], object]:
    stream = Decoder(version=version, max_packet_bytes=LIMIT_BYTES, from_server=from_server)
    taken = [packet for chunk in chunks for packet in stream.feed(chunk)]
    return taken, stream.violation


def session(data: bytes) -> None:
    """Clients send, vanish and come back, time passes, the node crashes: nobody else notices.

    A byte chooses a deed and one of three clients; a deed takes its arguments from what follows.
    """
    complaints: list[object] = []
    listener = _Complaints(complaints)
    logging.getLogger().addHandler(listener)
    try:
        with asyncio.Runner() as runner:
            runner.get_loop().set_exception_handler(lambda _, what: complaints.append(what))
            runner.run(_Play(data).run())
    finally:
        logging.getLogger().removeHandler(listener)
    assert not complaints, f"the node complains: {complaints[0]}"


class _Complaints(logging.Handler):
    def __init__(self, complaints: list[object]) -> None:
        super().__init__(logging.ERROR)
        self._complaints = complaints

    def emit(self, record: logging.LogRecord) -> None:
        self._complaints.append(record.getMessage())


class _Play:
    """One run of ``session``."""

    def __init__(self, script: bytes) -> None:
        self._script = script
        self._at = 0
        self._stage: Any = Stage(settings=SETTINGS)
        self._peers: list[Peer | None] = [None] * PEERS

    async def run(self) -> None:
        await self._stage.start()
        deeds = (
            *(self._send, self._send, self._send, self._packet),
            *(self._connect, self._vanish, self._wait, self._crash),
        )
        while self._at < len(self._script):
            choice = self._byte()
            await deeds[choice % 8](choice // 8 % PEERS)
            self._check_bounds()
        await self._check_others()
        await self._stage.stop()

    def _byte(self) -> int:
        self._at += 1
        return self._script[self._at - 1] if self._at <= len(self._script) else 0

    def _bytes(self) -> bytes:
        size = self._byte()
        self._at += size
        return self._script[self._at - size : self._at]

    def _peer(self, number: int) -> Peer:
        peer = self._peers[number]
        if peer is None or not peer.is_open:
            peer = self._peers[number] = self._stage.connection(version=VERSIONS[number])
        return peer

    async def _send(self, number: int) -> None:
        await self._peer(number).raw(self._bytes())

    async def _packet(self, number: int) -> None:
        """A packet with a right length, so that the search need not find lengths."""
        body = self._bytes()[:127]
        await self._peer(number).raw(bytes((self._byte(), len(body))) + body)

    async def _connect(self, number: int) -> None:
        flags, version = self._byte(), VERSIONS[number]
        properties = p.Properties(session_expiry_s=60) if version == 5 and flags & 2 else None
        will = p.Will(topic="will/x", payload=b"w", qos=flags >> 4 & 1, retain=bool(flags & 8))
        await self._peer(number).send(
            p.Connect(
                protocol_version=version,
                client_id=f"client-{number}",
                clean_start=bool(flags & 1),
                keep_alive_s=flags >> 5,
                will=will if flags & 4 else None,
                properties=properties or p.Properties(),
            )
        )

    async def _vanish(self, number: int) -> None:
        peer = self._peers[number]
        if peer is not None:
            await peer.vanish()

    async def _wait(self, number: int) -> None:
        await self._stage.pass_time(1 + self._byte() % 16)

    async def _crash(self, number: int) -> None:
        await self._stage.crash()
        self._peers = [None] * PEERS
        await self._stage.start()

    def _check_bounds(self) -> None:
        """E3: what waits for a client that is not read from is bounded."""
        for link in self._stage.broker._core.open_links:
            assert link.queued_bytes <= 4 * LIMIT_BYTES, "an outbox outgrew its limit"

    async def _check_others(self) -> None:
        """A client that came after all this is served."""
        witness = await self._stage.client("witness", version=5, host="10.0.0.9")
        await witness.subscribe("witness/#", 2)
        witness.take()
        await witness.publish("witness/end", b"the end", qos=2)
        seen = await witness.receive()
        assert ("witness/end", b"the end", 2) in seen, f"the witness received {seen}"


TARGETS: dict[str, Target] = {"decoder": decoder, "session": session}
