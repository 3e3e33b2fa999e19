"""A real node and a console that comes and goes."""

from __future__ import annotations

import pytest

from broker_runtime.contract.reports import (
    Applied,
    ClientEvents,
    Hello,
    MetricsReport,
    TopicsCreated,
)
from tests.control.fakes import free_port, whole, with_topics
from tests.node.console import Console
from tests.node.devices import Device

TOKEN = "telemetry-token-of-this-node"


@pytest.fixture
def console():
    console = Console(free_port(), TOKEN)
    yield console
    console.close()


@pytest.fixture
def telemetry(node, console):
    """Options of a node that reports to the console."""
    file = node.folder / "telemetry.token"
    file.write_text(TOKEN)
    file.chmod(0o600)
    url = f"ws://127.0.0.1:{console.port}/internal/telemetry/"
    return [*node.managed, "--telemetry", url, "--telemetry-token-file", str(file)]


def test_the_console_hears_of_everything(node, console, telemetry):
    console.open()
    node.start(telemetry)
    hello = console.next(Hello)
    node.configure(whole(1, node.mqtt_port))
    applied = console.next(Applied)
    node.wait_ready()

    device = Device(node.mqtt_port, "sensor-1").connect()
    device.publish("newcomer/a", "x", 1)
    topics = console.next(TopicsCreated)
    events = console.next(ClientEvents)
    metrics = console.next(MetricsReport, lambda r: r.counters.get("messages_received", 0) == 1)
    device.disconnect()

    assert hello.revision == 0
    assert applied.revision == 1
    assert topics.names == ("newcomer",)
    assert [(e.client_id, e.event) for e in events.events][:1] == [("sensor-1", "connected")]
    assert metrics.gauges["connections"] == 1
    assert metrics.gauges["rss_bytes"] > 1_000_000


def test_without_console_mqtt_goes_on_and_the_reports_come_later(node, console, telemetry):
    node.start(telemetry)
    node.configure(whole(1, node.mqtt_port))
    node.wait_ready()
    device = Device(node.mqtt_port, "sensor-1").connect()
    device.subscribe("newcomer/#", 1)
    assert device.publish("newcomer/a", "x", 1)
    assert device.received.get(timeout=10) == "x"

    console.open()

    assert console.next(Hello).revision == 1
    assert console.next(TopicsCreated).names == ("newcomer",)
    assert any(e.event == "connected" for e in console.next(ClientEvents).events)
    device.disconnect()


def test_a_console_that_restarts_is_told_hello_again_and_no_client_notices(
    node, console, telemetry
):
    console.open()
    node.start(telemetry)
    node.configure(whole(1, node.mqtt_port))
    node.wait_ready()
    device = Device(node.mqtt_port, "sensor-1").connect()
    console.next(Hello)
    console.close()
    node.configure(with_topics(1, 2, "plant"))

    console.open()

    assert console.next(Hello).revision == 2
    assert device.publish("plant/a", "x", 1)
    assert device.reasons.empty()
    device.disconnect()


def test_topics_created_while_the_console_was_away_survive_kill_9(node, console, telemetry):
    node.start(telemetry)
    node.configure(whole(1, node.mqtt_port))
    node.wait_ready()
    device = Device(node.mqtt_port, "sensor-1").connect()
    assert device.publish("newcomer/a", "x", 1)
    node.wait_for_file("created-topics.json")
    node.kill()
    device.disconnect()

    console.open()
    node.start(telemetry)

    assert console.next(TopicsCreated).names == ("newcomer",)
