"""A million messages for a client that is away: ``python -m tests.bench.offline_queue``.

Prints what they cost in memory and on the disk, how fast the client gets them when it is back, and
how long the loop stood still for others meanwhile.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import tempfile
import time
from pathlib import Path

import psutil

from broker_runtime.broker.broker import Broker
from broker_runtime.broker.clock import SystemClock
from broker_runtime.broker.settings import BrokerSettings
from broker_runtime.codec import packets as p
from broker_runtime.codec.encoder import PACKET_IDS, encode
from broker_runtime.contract.configuration import PoliciesSection, Sections, UsersSection
from broker_runtime.storage.journal.segment_journal import SegmentJournal
from broker_runtime.storage.local.store import LocalStore
from tests.broker.stage import CLUSTER_ID, cluster

TOPIC = b"bench/queue"
WINDOW = 500
BEAT_S = 0.005


class Wire(asyncio.Transport):
    """The client's end, in memory: gathers what is written to it."""

    def __init__(self, broker: Broker) -> None:
        super().__init__({"peername": ("192.0.2.1", 50_000)})
        self.written: list[bytes] = []
        self.came = asyncio.Event()
        self.protocol = broker.accept()
        self.protocol.connection_made(self)

    def write(self, data: object) -> None:
        self.written.append(bytes(data))  # type: ignore[call-overload]
        self.came.set()

    async def take(self) -> bytes:
        """Everything written until now; waits for something."""
        await self.came.wait()
        self.came.clear()
        data, self.written = b"".join(self.written), []
        return data

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        pass

    def pause_reading(self) -> None:
        pass

    def resume_reading(self) -> None:
        pass

    def is_closing(self) -> bool:
        return False

    def close(self) -> None:
        asyncio.get_running_loop().call_soon(self.protocol.connection_lost, None)

    abort = close


def acknowledgements(data: bytes) -> tuple[int, bytes]:
    """How many PUBLISHes there are, and the PUBACKs for them; all packets are short here."""
    position, count, answers = 0, 0, []
    while position < len(data):
        start = position + 2
        if data[position] & 0xF0 == 0x30:
            name_end = start + 2 + (data[start] << 8 | data[start + 1])
            answers += [b"\x40\x02", data[name_end : name_end + 2]]
            count += 1
        position = start + data[position + 1]
    return count, b"".join(answers)


class Beat:
    """Looks how late it is each time: what others would have waited."""

    def __init__(self) -> None:
        self.late_ms: list[float] = []
        self._task = asyncio.get_running_loop().create_task(self._run())

    async def _run(self) -> None:
        while True:
            before_s = time.perf_counter()
            await asyncio.sleep(BEAT_S)
            self.late_ms.append((time.perf_counter() - before_s - BEAT_S) * 1000)

    def stop(self) -> str:
        """p50, p99 and worst."""
        self._task.cancel()
        late = sorted(self.late_ms)
        return f"{late[len(late) // 2]:.1f} / {late[len(late) * 99 // 100]:.1f} / {late[-1]:.1f} ms"


async def connected(broker: Broker, client_id: str, *, clean: bool) -> Wire:
    """A client that has its CONNACK."""
    wire = Wire(broker)
    packet = p.Connect(
        protocol_version=4,
        client_id=client_id,
        clean_start=clean,
        keep_alive_s=0,
        properties=p.Properties(),
    )
    wire.protocol.data_received(encode(packet, 4))
    await wire.take()
    return wire


async def publish(wire: Wire, messages: int) -> None:
    """Publish at QoS 1 with ``WINDOW`` unacknowledged."""
    body = len(TOPIC).to_bytes(2, "big") + TOPIC
    head = bytes([0x32, len(body) + 2 + 64]) + body
    sent = acknowledged = 0
    while acknowledged < messages:
        room = min(WINDOW - (sent - acknowledged), messages - sent)
        packets = [head + PACKET_IDS[1 + (sent + i) % 60_000] + bytes(64) for i in range(room)]
        sent += room
        if packets:
            wire.protocol.data_received(b"".join(packets))
        acknowledged += len(await wire.take()) // 4


async def measure(folder: Path, messages: int) -> None:
    """The whole story."""
    store = LocalStore(folder / "store", node_id="n0")
    journal = SegmentJournal(folder / "journal")
    await store.open()
    await journal.open()
    broker = Broker(
        cluster_id=CLUSTER_ID,
        node_id="n0",
        store=store,
        journal=journal,
        clock=SystemClock(),
        settings=BrokerSettings(allow_anonymous=True, queue_max_messages=messages * 2),
    )
    await broker.start()
    broker.configure(Sections(cluster=cluster(), users=UsersSection(), policies=PoliciesSection()))
    await queue(broker, messages)
    disk_mb = sum(f.stat().st_size for f in (folder / "store").iterdir()) / 1e6
    say(f"on the disk {disk_mb:.0f} MB")
    await resume(broker, messages)
    begun_s = time.process_time()
    await asyncio.sleep(12)
    say(f"trimming and 12 s of idling: {time.process_time() - begun_s:.2f} CPU s")
    await broker.stop(0.1)
    await store.close()
    await journal.close()


async def queue(broker: Broker, messages: int) -> None:
    """A durable reader goes away, and messages come for it."""
    reader = await connected(broker, "reader", clean=False)
    request = p.SubscriptionRequest(TOPIC.decode(), 1)
    subscribe = p.Subscribe(
        packet_id=1, subscriptions=[request], identifier=None, properties=p.Properties()
    )
    reader.protocol.data_received(encode(subscribe, 4))
    await reader.take()
    reader.protocol.data_received(encode(p.Disconnect(), 4))
    writer = await connected(broker, "writer", clean=True)
    before_mb, begun_s = resident_mb(), time.perf_counter()
    await publish(writer, messages)
    rate = messages / (time.perf_counter() - begun_s)
    say(f"{messages} queued: {rate:.0f}/s, memory {before_mb:.0f} -> {resident_mb():.0f} MB")


async def resume(broker: Broker, messages: int) -> None:
    """The reader is back and acknowledges everything."""
    beat, begun_s, got, data = Beat(), time.perf_counter(), 0, b""
    reader = await connected(broker, "reader", clean=False)
    while got < messages:
        count, answers = acknowledgements(data)
        got += count
        if answers:
            reader.protocol.data_received(answers)
        if got < messages:
            data = await reader.take()
    rate = got / (time.perf_counter() - begun_s)
    say(f"{got} delivered: {rate:.0f}/s, memory {resident_mb():.0f} MB")
    say(f"others waited p50 / p99 / max {beat.stop()}")


def resident_mb() -> float:
    """Resident memory of this process."""
    return float(psutil.Process().memory_info().rss) / 1e6


def say(line: str) -> None:
    """A line of the result."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--messages", type=int, default=1_000_000)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        asyncio.run(measure(Path(temporary), given.messages))
