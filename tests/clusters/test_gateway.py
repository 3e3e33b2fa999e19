"""The console's way to a node, against a real control API."""

from __future__ import annotations

import asyncio
import socket
import threading
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from broker_runtime.contract.commands import KickClient, PublishMessage
from broker_runtime.contract.queries import GetClient, GetMessage, GetNodeState, ListClients
from clusters.gateway import NodeGateway, NodeRefused, NodeUnreachable
from tests.control.fakes import MESSAGE_ID, TOKEN, FakeNode, free_port, whole, with_topics


@pytest.fixture
def node_port(tmp_path):
    """The control port of a fake node that runs in a thread of its own."""
    port = free_port()
    started, loop = threading.Event(), asyncio.new_event_loop()
    stop = asyncio.Event()

    async def serve() -> None:
        node = FakeNode(tmp_path, "sensor-1", "sensor-2")
        await node.api.start("127.0.0.1", port)
        started.set()
        await stop.wait()
        await node.api.stop()

    thread = threading.Thread(target=lambda: loop.run_until_complete(serve()))
    thread.start()
    assert started.wait(10)
    yield port
    loop.call_soon_threadsafe(stop.set)
    thread.join(10)
    loop.close()


@pytest.fixture
def gateway(node_port):
    gateway = NodeGateway("127.0.0.1", node_port, TOKEN)
    yield gateway
    gateway.close()


@pytest.fixture
def answering():
    """Starts a server that gives one answer to everything; returns its port."""
    servers = []

    def start(status: int, headers: dict[str, str], body: bytes) -> int:
        class Handler(BaseHTTPRequestHandler):
            def do_POST(self):
                self.rfile.read(int(self.headers["Content-Length"]))
                self.send_response(status)
                for name, value in {**headers, "Content-Length": str(len(body))}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *arguments):
                """Say nothing."""

        server = HTTPServer(("127.0.0.1", 0), Handler)
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        servers.append((server, thread))
        return server.server_port

    yield start
    for server, thread in servers:
        server.shutdown()
        thread.join()
        server.server_close()


def test_a_configuration_is_answered_with_what_the_node_holds(gateway):
    first = gateway.configure(whole(4), timeout_s=5)
    change = gateway.configure(with_topics(4, 5, "plant"), timeout_s=5)
    gap = gateway.configure(with_topics(9, 10, "plant"), timeout_s=5)

    assert (first.revision, change.revision, gap.revision) == (4, 5, 5)


def test_commands_and_queries_are_typed_by_their_answer(gateway):
    published = gateway.command(
        PublishMessage(payload=b"\x00\xff", publisher="console:owner", topic="a"), timeout_s=5
    )
    kicked = gateway.command(KickClient(client_id="sensor-2"), timeout_s=5)
    page = gateway.query(ListClients(), timeout_s=5)
    message = gateway.query(GetMessage(message_id=MESSAGE_ID), timeout_s=5)

    assert published.message_id == MESSAGE_ID
    assert kicked.was_connected
    assert [client.client_id for client in page.clients] == ["sensor-1"]
    assert message.payload == b"\x00\xff"


def test_a_refusal_keeps_its_code_and_words(gateway):
    with pytest.raises(NodeRefused) as refused:
        gateway.query(GetClient(client_id="nobody"), timeout_s=5)

    assert refused.value.code == "not_found"
    assert "nobody" in refused.value.message


def test_c21_the_token_of_another_node_is_refused(node_port):
    gateway = NodeGateway("127.0.0.1", node_port, "0" * 64)

    with pytest.raises(NodeRefused) as refused:
        gateway.query(GetNodeState(), timeout_s=5)

    gateway.close()
    assert refused.value.code == "unauthorized"


def test_a_node_that_is_away_is_unreachable():
    gateway = NodeGateway("127.0.0.1", free_port(), TOKEN)

    with pytest.raises(NodeUnreachable):
        gateway.query(GetNodeState(), timeout_s=5)


def test_a_node_that_does_not_answer_in_time_is_unreachable():
    with socket.create_server(("127.0.0.1", 0)) as silent:
        gateway = NodeGateway("127.0.0.1", silent.getsockname()[1], TOKEN)

        with pytest.raises(NodeUnreachable):
            gateway.query(GetNodeState(), timeout_s=0.05)

        gateway.close()


@pytest.mark.parametrize(
    ("status", "headers", "body"),
    [
        (200, {}, b"{}"),
        (200, {"Signalbox-Contract": "2"}, b"{}"),
        (200, {"Signalbox-Contract": "1"}, b"<html>"),
        (200, {"Signalbox-Contract": "1"}, b'{"cluster_id": 3}'),
        (502, {"Signalbox-Contract": "1"}, b"\xff"),
        (302, {"Location": "http://127.0.0.1:1/"}, b""),
    ],
)
def test_what_is_no_node_of_this_version_is_refused(answering, status, headers, body):
    gateway = NodeGateway("127.0.0.1", answering(status, headers, body), TOKEN)

    with pytest.raises(NodeRefused) as refused:
        gateway.query(GetNodeState(), timeout_s=5)

    gateway.close()
    assert refused.value.code == "bad_answer"


def test_an_answer_cut_short_is_unreachable(answering):
    headers = {"Signalbox-Contract": "1", "Transfer-Encoding": "chunked"}
    gateway = NodeGateway("127.0.0.1", answering(200, headers, b"5\r\nab"), TOKEN)

    with pytest.raises(NodeUnreachable):
        gateway.query(GetNodeState(), timeout_s=0.2)

    gateway.close()


def test_many_threads_share_one_gateway(gateway: NodeGateway) -> None:
    def ask(number: int) -> int:
        if number % 2:
            return gateway.query(GetNodeState(), timeout_s=10).connections
        return gateway.query(ListClients(), timeout_s=10).total

    with ThreadPoolExecutor(16) as threads:
        answers = list(threads.map(ask, range(200)))

    assert answers == [2] * 200
