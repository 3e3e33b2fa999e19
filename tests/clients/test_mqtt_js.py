"""mqtt.js in a real Chromium, over WebSocket, beside paho over TCP on the same node."""

from __future__ import annotations

import threading
import uuid
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from tests.browser import Window, chromium, window
from tests.control.fakes import free_port
from tests.node.devices import Device
from tests.node.process import NodeProcess

__all__ = ["chromium", "window"]
SCRIPT = Path(__file__).parent / "vendor" / "mqtt.min.js"
pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("mqtt_js")]

CLIENT = """
async ([name, port, options, filter]) => {
  const client = await mqtt.connectAsync(`ws://127.0.0.1:${port}/mqtt`, {
    reconnectPeriod: 0, ...options,
  });
  const got = [], waiting = [];
  client.on("message", (topic, payload, packet) => {
    const message = {
      topic, payload: new TextDecoder().decode(payload), size: payload.length,
      qos: packet.qos, retain: packet.retain, tags: packet.properties?.userProperties ?? null,
    };
    waiting.length ? waiting.shift()(message) : got.push(message);
  });
  if (filter) await client.subscribeAsync(filter, { qos: 2 });
  window[name] = {
    client, next: () => got.length ? got.shift() : new Promise((done) => waiting.push(done)),
  };
}
"""
"""Makes a client under a name of the page's; ``next`` is the next message that came."""


class _EmptyPage(BaseHTTPRequestHandler):
    """A page that Chromium knows to be on this machine: others may not connect to loopback."""

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.end_headers()
        self.wfile.write(b"<!doctype html><link rel=icon href=data:,>")

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    """Of an empty page."""
    with ThreadingHTTPServer(("127.0.0.1", 0), _EmptyPage) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()
        thread.join()


class WebClient:
    """One mqtt.js client of a page."""

    def __init__(
        self, window: Window, port: int, *, version: int = 5, subscribe: str = "", **options: Any
    ) -> None:
        self._page = window.page
        self._name = f"client_{uuid.uuid4().hex[:8]}"
        given = {"protocolVersion": version, "clean": True, **options}
        self._page.evaluate(CLIENT, [self._name, port, given, subscribe])

    def publish(self, topic: str, payload: str, **options: Any) -> None:
        """Publish; returns when it is acknowledged as its QoS wants."""
        call = "([name, ...rest]) => window[name].client.publishAsync(...rest).then(() => null)"
        self._page.evaluate(call, [self._name, topic, payload, options])

    def next(self) -> dict[str, Any]:
        """The next message, as the library gave it."""
        got: dict[str, Any] = self._page.evaluate("name => window[name].next()", self._name)
        return got

    def end(self) -> None:
        """DISCONNECT."""
        self._page.evaluate("name => window[name].client.endAsync().then(() => null)", self._name)

    def vanish(self) -> None:
        """Close the WebSocket below the library."""
        self._page.evaluate("name => window[name].client.stream.destroy()", self._name)


@pytest.fixture(scope="module")
def ports(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[int, int]]:
    """Ports of a node for TCP and for WebSocket."""
    node = NodeProcess(tmp_path_factory.mktemp("node"))
    web_port = free_port()
    try:
        node.start_ready([*node.standalone, "--listen", f"ws://127.0.0.1:{web_port}"])
        yield node.mqtt_port, web_port
    finally:
        node.close()


@pytest.fixture
def web(window: Window, ports: tuple[int, int], address: str) -> Callable[..., WebClient]:
    """Makes clients in a page that has the library."""
    window.page.goto(address)
    window.page.add_script_tag(path=SCRIPT)
    return lambda **options: WebClient(window, ports[1], **options)


@pytest.fixture
def topic() -> str:
    """A topic that no other test of the module uses."""
    return f"web/{uuid.uuid4().hex}"


@pytest.mark.parametrize("version", [4, 5])
def test_the_browser_hears_what_the_browser_says_at_each_qos(web, topic, version):
    listening = web(version=version, subscribe=f"{topic}/#")
    sending = web(version=version)
    for qos in (0, 1, 2):
        sending.publish(f"{topic}/{qos}", f"message {qos}", qos=qos)
        got = listening.next()
        assert (got["topic"], got["payload"]) == (f"{topic}/{qos}", f"message {qos}")
        assert (got["qos"], got["retain"]) == (qos, False)


def test_the_browser_and_a_device_on_tcp_hear_each_other(web, ports, topic):
    device = Device(ports[0], "device-on-tcp").connect()
    device.subscribe(f"{topic}/up", 1)
    page = web(subscribe=f"{topic}/down")
    page.publish(f"{topic}/up", "from the page", qos=1)
    assert device.received.get(timeout=20) == "from the page"
    device.publish(f"{topic}/down", "from the device", 1, user_properties=[("unit", "C")])
    got = page.next()
    assert (got["payload"], got["tags"]) == ("from the device", {"unit": "C"})
    device.disconnect()


def test_a_message_of_many_frames_arrives_whole(web, topic):
    page = web(subscribe=topic)
    page.publish(topic, "x" * 1_000_000, qos=1)
    assert page.next()["size"] == 1_000_000


def test_a_retained_message_is_there_for_the_next_page(web, topic):
    web().publish(topic, "kept", qos=1, retain=True)
    got = web(subscribe=topic).next()
    assert (got["payload"], got["retain"]) == ("kept", True)


def test_a_session_waits_for_its_page(web, ports, topic):
    mine = {"clean": False, "clientId": f"page-{topic[-8:]}"}
    mine["properties"] = {"sessionExpiryInterval": 3_600}
    web(subscribe=topic, **mine).end()
    device = Device(ports[0], "device-meanwhile").connect()
    for number in range(10):
        device.publish(topic, str(number), 1)
    device.disconnect()
    back = web(**mine)
    assert [back.next()["payload"] for _ in range(10)] == [str(number) for number in range(10)]


def test_the_will_of_a_page_that_is_closed_is_published(web, topic):
    listening = web(subscribe=topic)
    doomed = web(will={"topic": topic, "payload": "gone", "qos": 1})
    doomed.vanish()
    assert listening.next()["payload"] == "gone"
