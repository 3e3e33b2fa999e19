"""A node on its own, as a process: every kind of listener, and its files read again."""

from __future__ import annotations

import signal
import ssl
from typing import Any

import paho.mqtt.client as paho
import pytest
import urllib3
from paho.mqtt.enums import CallbackAPIVersion

from tests.control.fakes import free_port
from tests.listeners.certificates import make
from tests.node.process import wait_until

MOSQUITTO_SECRET = (
    "$7$101$FNPJ0syWxH2WpeaV$3wKWZd1npE8f14YRwqBGJfcFYaOuQ03KeGgZMbw1w/jkhmIL0w1Ms44A+qqnvvDjXCOrf"
    "P+fAEpFpkW/39NWwg=="
)
"""``secret``, as mosquitto_passwd 2.0.11 wrote it."""


class Client:
    """A paho client of any transport."""

    def __init__(self, port, *, path="", trusted=None, user=None, password="secret"):
        self.reasons: list[int] = []
        self.messages: list[bytes] = []
        self.granted: list[Any] = []
        self.client = paho.Client(
            CallbackAPIVersion.VERSION2,
            protocol=paho.MQTTv5,
            transport="websockets" if path else "tcp",
        )
        if path:
            self.client.ws_set_options(path=path)
        if trusted is not None:
            self.client.tls_set_context(ssl.create_default_context(cadata=trusted))
        if user is not None:
            self.client.username_pw_set(user, password)
        self.client.on_connect = lambda c, u, flags, reason, p: self.reasons.append(reason.value)
        self.client.on_disconnect = lambda c, u, flags, reason, p: self.reasons.append(reason.value)
        self.client.on_message = lambda c, u, m: self.messages.append(bytes(m.payload))
        self.client.on_subscribe = lambda c, u, mid, codes, p: self.granted.extend(codes)
        self.client.reconnect_delay_set(600, 600)
        self.client.connect("127.0.0.1", port)
        self.client.loop_start()
        wait_until(lambda: self.reasons, "CONNACK")

    def subscribe(self, topic_filter):
        self.granted.clear()
        self.client.subscribe(topic_filter, 1)
        wait_until(lambda: self.granted, "SUBACK")
        return self.granted[0].value

    def close(self):
        self.client.disconnect()
        self.client.loop_stop()


@pytest.fixture
def certificate(tmp_path):
    certificate = make("default")
    (tmp_path / "chain.pem").write_text(certificate.chain)
    (tmp_path / "key.pem").write_text(certificate.key)
    return certificate


def replace(folder, certificate):
    """Put a new certificate where the old one was, as a tool that renews it does."""
    for name, text in (("chain", certificate.chain), ("key", certificate.key)):
        (folder / f"{name}.new").write_text(text)
    for name in ("chain", "key"):
        (folder / f"{name}.new").replace(folder / f"{name}.pem")


def tls_options(folder):
    return [
        *("--certificate-file", str(folder / "chain.pem")),
        *("--key-file", str(folder / "key.pem")),
    ]


@pytest.mark.parametrize("loop", ["asyncio", "auto"])
def test_all_kinds_of_listeners_of_one_node_talk_to_each_other(node, tmp_path, certificate, loop):
    ports = {kind: free_port() for kind in ("tls", "ws", "wss")}
    listen = [
        part for kind, port in ports.items() for part in ("--listen", f"{kind}://127.0.0.1:{port}")
    ]
    node.start_ready([*node.standalone, *listen, *tls_options(tmp_path), "--loop", loop])
    trusted = certificate.chain

    clients = [
        Client(node.mqtt_port),
        Client(ports["tls"], trusted=trusted),
        Client(ports["ws"], path="/mqtt"),
        Client(ports["wss"], path="/mqtt", trusted=trusted),
    ]
    for client in clients:
        client.subscribe("plant/#")
    for number, client in enumerate(clients):
        client.client.publish("plant/line", b"%d" % number * 100_000, 1)
    wait_until(lambda: all(len(c.messages) == 4 for c in clients), "everybody has everything")

    for client in clients:
        assert sorted(client.messages) == [b"%d" % n * 100_000 for n in range(4)]
        client.close()


def test_a_changed_certificate_counts_without_being_asked(node, tmp_path, certificate):
    options = [*node.standalone, *tls_options(tmp_path)]
    options[options.index("--listen") + 1] = f"tls://127.0.0.1:{node.mqtt_port}"
    node.start_ready(options)
    first = Client(node.mqtt_port, trusted=certificate.chain)
    renewed = make("default")

    (tmp_path / "chain.pem").write_text(renewed.chain)
    node.wait_for_line("files_not_reloaded")
    replace(tmp_path, renewed)
    node.wait_for_line("files_reloaded")

    second = Client(node.mqtt_port, trusted=renewed.chain)
    assert second.subscribe("a") == first.subscribe("a") == 1
    first.close()
    second.close()


def test_a4_passwords_and_policies_are_read_again_at_sighup(node, tmp_path):
    users, policies = tmp_path / "users", tmp_path / "policies.toml"
    users.write_text(f"ben:{MOSQUITTO_SECRET}\nanna:{MOSQUITTO_SECRET}\n")
    policies.write_text('[[policy]]\neffect = "allow"\nactions = ["connect", "sub"]\n')
    options = [o for o in node.standalone if o != "--allow-anonymous"]
    node.start_ready([*options, "--password-file", str(users), "--policy-file", str(policies)])
    anna, ben = (Client(node.mqtt_port, user=user) for user in ("anna", "ben"))
    assert anna.subscribe("a") == 1
    policies.write_text("[[policy]]\neffect = 3\n")

    node.process.send_signal(signal.SIGHUP)
    node.wait_for_line("files_not_reloaded")
    assert ben.subscribe("a") == 1
    users.write_text(f"ben:{MOSQUITTO_SECRET}\n")
    policies.write_text('[[policy]]\neffect = "allow"\nactions = ["connect"]\n')
    node.process.send_signal(signal.SIGHUP)
    node.wait_for_line("files_reloaded")

    wait_until(lambda: 0x87 in anna.reasons, "anna is sent away")
    assert ben.subscribe("b") == 0x87
    for client in (anna, ben, refused := Client(node.mqtt_port, user="ben", password="wrong")):
        client.close()
    assert refused.reasons[0] == 0x86


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"chain.pem": "nothing"}, "certificates: certificate 'default'"),
        ({"policies.toml": "[[policy]]"}, "policy 1"),
        ({"users": "ben:nothing"}, "users line 1"),
    ],
)
def test_check_config_says_what_is_wrong_and_does_not_start(
    node, tmp_path, certificate, change, words
):
    files = {
        "users": f"ben:{MOSQUITTO_SECRET}\n",
        "policies.toml": '[[policy]]\neffect = "allow"\nactions = ["connect"]\n',
    }
    for name, content in {**files, **change}.items():
        (tmp_path / name).write_text(content)
    options = [
        *("--listen", "tls://127.0.0.1:1", "--memory", *tls_options(tmp_path)),
        *("--password-file", str(tmp_path / "users")),
        *("--policy-file", str(tmp_path / "policies.toml"), "--check-config"),
    ]

    node.start(options, wait=False)
    assert node.wait() == 2
    assert words in node.log

    for name, content in {**files, "chain.pem": certificate.chain}.items():
        (tmp_path / name).write_text(content)
    node.start(options, wait=False)
    assert node.wait() == 0


def test_the_control_api_speaks_https_where_it_has_a_certificate(node, tmp_path, certificate):
    options = [part.replace("--", "--control-") for part in tls_options(tmp_path)]

    node.start([*node.standalone, *options], wait=False)
    node.wait_for_line("node_started")
    context = ssl.create_default_context(cadata=certificate.chain)
    with urllib3.PoolManager(ssl_context=context, retries=False) as http:
        answer = http.request("GET", f"https://127.0.0.1:{node.control_port}/v1/ready", timeout=5)

    assert answer.status == 200
    assert node.status("/v1/ready") in (0, 400)


def test_a_control_certificate_that_cannot_be_used_is_named(node, tmp_path, certificate):
    (tmp_path / "key.pem").write_text(make("other").key)
    options = [part.replace("--", "--control-") for part in tls_options(tmp_path)]

    node.start([*node.standalone, *options], wait=False)

    assert node.wait() == 2
    assert "--control-certificate-file" in node.log
    assert "key values mismatch" in node.log
