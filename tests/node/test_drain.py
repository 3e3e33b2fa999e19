"""Draining a real node with real clients, slow ones and many."""

from __future__ import annotations

import socket
import ssl

import paho.mqtt.client as paho
import pytest
from paho.mqtt.enums import CallbackAPIVersion

from broker_runtime.contract.queries import GetNodeState
from clusters.gateway import Drain
from tests.control.fakes import whole
from tests.listeners.certificates import make
from tests.node.process import wait_until

MANY = 900
CERTIFICATE = make("default")


def raw_client(port: int, number: int) -> socket.socket:
    """A client of MQTT 5 that was let in."""
    client_id = b"c%05d" % number
    body = b"\0\x04MQTT\x05\xc2\0\0\0\0\x06" + client_id + b"\0\x06device\0\x06secret"
    connection = socket.create_connection(("127.0.0.1", port), timeout=20)
    connection.sendall(bytes([0x10, len(body)]) + body)
    assert connection.recv(4)[3] == 0, "let in"
    return connection


def last_packet(connection: socket.socket) -> bytes:
    """What came last before the connection ended."""
    received = b""
    while chunk := connection.recv(65_536):
        received += chunk
    return received


def test_f7_a_drain_tells_hundreds_of_clients_within_its_time(running_node):
    """One of them stopped reading in the middle of what it was sent."""
    subscriber = raw_client(running_node.mqtt_port, MANY)
    subscriber.sendall(b"\x82\x07\0\x01\0\0\x01a\0")
    assert subscriber.recv(2)
    publisher = raw_client(running_node.mqtt_port, MANY + 1)
    packet = b"\x30\x84\x80\x40\0\x01a\0" + b"x" * (1024 * 1024)
    for _ in range(6):
        publisher.sendall(packet)
    clients = [raw_client(running_node.mqtt_port, number) for number in range(MANY)]

    drained = running_node.gateway.command(
        Drain(server_reference="b.example:1883", within_ms=1_500), timeout_s=10
    )
    state = running_node.gateway.query(GetNodeState(), timeout_s=5)

    assert drained.told == MANY + 2
    assert drained.cut_off >= 1
    assert drained.took_ms < 4_000
    assert (state.ready, state.connections, state.listeners) == (False, 0, ())
    assert running_node.status("/v1/ready") == 503
    assert running_node.status("/v1/health") == 200
    for client in clients:
        assert b"\x9c" in last_packet(client)
        client.close()
    running_node.wait_for_line("node_drained")
    with pytest.raises(ConnectionRefusedError):
        raw_client(running_node.mqtt_port, 1)
    running_node.configure(whole(2, running_node.mqtt_port))
    with pytest.raises(ConnectionRefusedError):
        raw_client(running_node.mqtt_port, 1)
    code, took_s = running_node.terminate()
    assert code == 0
    assert took_s < 5
    for connection in (subscriber, publisher):
        connection.close()


@pytest.mark.parametrize("kind", ["tls", "ws", "wss"])
def test_f7_sigterm_tells_clients_of_every_transport(node, tmp_path, kind):
    (tmp_path / "chain.pem").write_text(CERTIFICATE.chain)
    (tmp_path / "key.pem").write_text(CERTIFICATE.key)
    options = node.standalone
    options[options.index("--listen") + 1] = f"{kind}://127.0.0.1:{node.mqtt_port}"
    if kind != "ws":
        options += ["--certificate-file", str(tmp_path / "chain.pem")]
        options += ["--key-file", str(tmp_path / "key.pem")]
    node.start_ready(options)
    reasons: list[int] = []
    client = paho.Client(
        CallbackAPIVersion.VERSION2,
        protocol=paho.MQTTv5,
        transport="tcp" if kind == "tls" else "websockets",
    )
    client.ws_set_options(path="/mqtt")
    if kind != "ws":
        client.tls_set_context(ssl.create_default_context(cadata=CERTIFICATE.chain))
    client.on_connect = lambda c, u, flags, reason, p: reasons.append(reason.value)
    client.on_disconnect = lambda c, u, flags, reason, p: reasons.append(reason.value)
    client.reconnect_delay_set(600, 600)
    client.connect("127.0.0.1", node.mqtt_port)
    client.loop_start()
    wait_until(lambda: reasons, "CONNACK")

    code, took_s = node.terminate()

    wait_until(lambda: len(reasons) == 2, "DISCONNECT")
    assert reasons == [0, 0x8B]
    assert (code, took_s < 5) == (0, True)
    client.disconnect()
    client.loop_stop()
