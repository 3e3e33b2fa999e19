"""Real sockets that are slow, silent or in the way: bounded in memory, no harm to the others."""

from __future__ import annotations

import re
import resource
import socket
from pathlib import Path

import pytest

from broker_runtime.codec import packets as p
from broker_runtime.codec.encoder import encode
from broker_runtime.codec.stream import Decoder
from tests.node.devices import Device
from tests.node.process import NodeProcess, wait_until

DEADLINE_S = 20.0
MB = 1024 * 1024


class Client:
    """A client made of bytes: it does only what it is told."""

    def __init__(self, node: NodeProcess, *, receive_bytes: int = 0) -> None:
        self.socket = socket.socket()
        if receive_bytes:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_bytes)
        self.socket.settimeout(DEADLINE_S)
        self.socket.connect(("127.0.0.1", node.mqtt_port))
        self.decoder = Decoder(version=5, max_packet_bytes=2**28 - 1, from_server=True)

    def send(self, *packets: p.Packet) -> None:
        self.socket.sendall(b"".join(encode(packet, 5) for packet in packets))

    def receive(self) -> list[p.Packet]:
        """What comes next; empty at the end of the connection."""
        while data := self.socket.recv(65_536):
            packets = self.decoder.feed(data)
            if packets:
                return packets
        return []

    def connect(self, name: str) -> Client:
        self.send(p.Connect(protocol_version=5, client_id=name, clean_start=True, keep_alive_s=0))
        (answer,) = self.receive()
        assert isinstance(answer, p.ConnAck) and answer.reason == 0
        return self

    def subscribe(self, topic_filter: str) -> None:
        self.send(p.Subscribe(packet_id=1, subscriptions=[p.SubscriptionRequest(topic_filter, 0)]))
        (answer,) = self.receive()
        assert isinstance(answer, p.SubAck)

    def is_ended(self) -> bool:
        """Whether the node has closed; what it said before is read and forgotten."""
        try:
            self.socket.settimeout(0.001)
            while self.socket.recv(65_536):
                pass
        except TimeoutError:
            return False
        except OSError:
            return True
        finally:
            self.socket.settimeout(DEADLINE_S)
        return True

    def close(self) -> None:
        self.socket.close()


def answers_pings(client: Client) -> bool:
    client.send(p.PingReq())
    return any(isinstance(packet, p.PingResp) for packet in client.receive())


def rss_bytes(node: NodeProcess) -> int:
    assert node.process is not None
    fields = Path(f"/proc/{node.process.pid}/statm").read_text().split()
    return int(fields[1]) * resource.getpagesize()


def dropped(node: NodeProcess, reason: str) -> int:
    found = re.search(rf'dropped\w*\{{[^}}]*"{reason}"[^}}]*\}} (\d+)', node.metrics())
    return int(found[1]) if found else 0


@pytest.mark.parametrize("loop", ["asyncio", "uvloop"])
def test_who_is_ended_while_it_sends_reads_the_reason(node, loop):
    """A reset would throw away the DISCONNECT that the client has not read yet."""
    node.start_ready([*node.standalone, "--loop", loop])
    client = Client(node).connect("talker")

    client.socket.sendall(b"\x00\x00" + b"x" * 300_000)
    packets = client.receive()
    client.socket.sendall(b"x" * 300_000)

    assert [packet.reason for packet in packets if isinstance(packet, p.Disconnect)] == [0x81]
    assert client.receive() == [], "then the end, in order"
    client.close()


def test_e2_a_connect_that_drips_is_ended_in_time(node):
    node.start_ready([*node.standalone, "--connect-timeout-s", "0.5"])
    connect = encode(
        p.Connect(protocol_version=5, client_id="x" * 60, clean_start=True, keep_alive_s=0), 5
    )
    client = Client(node)
    sent = iter(connect[:-1])

    def drip() -> bool:
        try:
            client.socket.sendall(bytes([next(sent, 0)]))
        except OSError:
            return True
        return client.is_ended()

    wait_until(drip, "the node ends the connection")
    client.close()


def test_packets_begun_by_many_are_bounded_and_the_others_go_on(node):
    """P05: each announces 4 MB and sends half of it."""
    node.start_ready([*node.standalone, "--half-received-max-bytes", str(8 * MB)])
    bystander = Client(node).connect("bystander")
    before = rss_bytes(node)
    begun = encode(p.Publish(topic="t", payload=b"x" * (4 * MB)), 5)[: 2 * MB]

    clients = [Client(node).connect(f"c{number}") for number in range(12)]
    for client in clients:
        try:
            client.socket.sendall(begun)
        except OSError:
            continue
    wait_until(lambda: sum(client.is_ended() for client in clients) >= 8, "most are ended")

    assert answers_pings(bystander)
    assert rss_bytes(node) - before < 40 * MB
    assert dropped(node, "half_received") >= 8
    for client in (*clients, bystander):
        client.close()


def test_e3_who_stops_reading_in_the_middle_of_a_packet_costs_no_more_than_its_outbox(node):
    node.start_ready([*node.standalone, "--outbox-max-bytes", str(2 * MB)])
    slow = Client(node, receive_bytes=4_096).connect("slow")
    slow.subscribe("t")
    quick = Device(node.mqtt_port, "quick").connect()
    quick.subscribe("t", 0)
    publisher = Device(node.mqtt_port, "publisher").connect()
    before = rss_bytes(node)

    for number in range(64):
        publisher.publish("t", f"{number:02d}" + "x" * MB, 1)
        assert quick.received.get(timeout=DEADLINE_S)[:2] == f"{number:02d}"

    assert rss_bytes(node) - before < 40 * MB
    assert dropped(node, "queue_full") > 30
    for device in (publisher, quick):
        device.disconnect()
    slow.close()


def test_e10_without_file_descriptors_new_clients_wait_and_old_ones_stay(node):
    node.start_ready(node.standalone)
    assert node.process is not None
    old = Client(node).connect("old")
    pid = node.process.pid
    limits = resource.prlimit(pid, resource.RLIMIT_NOFILE)
    in_use = len(list(Path(f"/proc/{pid}/fd").iterdir()))
    resource.prlimit(pid, resource.RLIMIT_NOFILE, (in_use + 5, limits[1]))

    crowd = [Client(node) for _ in range(20)]
    assert answers_pings(old)
    resource.prlimit(pid, resource.RLIMIT_NOFILE, limits)
    for client in crowd:
        client.close()

    assert answers_pings(old)
    Client(node).connect("new").close()
    old.close()


def test_connections_that_do_nothing_cost_little(node):
    """9,500 of them are measured by ``make bench``."""
    node.start_ready(node.standalone)
    warm = [Client(node).connect(f"w{number}") for number in range(50)]
    before = rss_bytes(node)
    idle = [Client(node).connect(f"i{number}") for number in range(300)]
    for number, client in enumerate(idle):
        client.subscribe(f"idle/{number}/+")

    assert (rss_bytes(node) - before) / len(idle) < 12_000
    assert answers_pings(warm[0]) and answers_pings(idle[-1])
    for client in (*warm, *idle):
        client.close()
