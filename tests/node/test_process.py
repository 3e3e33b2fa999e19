"""The process: what it refuses to start with, how it ends, and what it needs no console for."""

from __future__ import annotations

import signal
import subprocess
import sys

import pytest

from broker_runtime.contract.queries import GetNodeState
from broker_runtime.control.configuration_file import CURRENT, PREVIOUS
from clusters.gateway import NodeRefused
from tests.control.fakes import CLUSTER, TOKEN, whole, with_topics
from tests.node.devices import Device
from tests.node.process import REPOSITORY, wait_until

DRAINED_S = 5.0
SERVER_SHUTTING_DOWN = 0x8B


def test_a_node_without_configuration_is_up_and_not_ready(node):
    node.start(node.managed)

    state = node.gateway.query(GetNodeState(), timeout_s=5)

    assert node.status("/v1/health") == 200
    assert node.status("/v1/ready") == 503
    assert (state.revision, state.ready, state.reason) == (0, False, "no configuration yet")


def test_the_last_configuration_serves_clients_without_a_console(running_node):
    running_node.configure(with_topics(1, 2, "plant"))
    code, _ = running_node.terminate()

    running_node.start_ready(running_node.managed)
    device = Device(running_node.mqtt_port, "sensor-1").connect()
    state = running_node.gateway.query(GetNodeState(), timeout_s=5)
    device.disconnect()

    assert code == 0
    assert state.revision == 2
    assert state.listeners == (f"tcp://127.0.0.1:{running_node.mqtt_port}",)


def test_f11_a_damaged_configuration_file_gives_way_to_the_previous_one(running_node):
    running_node.configure(with_topics(1, 2, "plant"))
    running_node.kill()
    content = (running_node.data / CURRENT).read_bytes()
    (running_node.data / CURRENT).write_bytes(content[: len(content) // 2])

    running_node.start_ready(running_node.managed)

    assert (running_node.data / PREVIOUS).exists()
    assert running_node.gateway.query(GetNodeState(), timeout_s=5).revision == 1
    running_node.wait_for_line("configuration_unreadable")
    running_node.wait_for_line("configuration_previous_used")


def test_a_second_node_on_the_same_folder_is_refused(running_node, new_node):
    second = new_node("second")
    second.data = running_node.data

    second.start(second.managed, wait=False)

    assert second.wait() == 3
    assert "another node runs on this folder" in second.log
    assert running_node.status("/v1/ready") == 200


def test_a_taken_control_port_is_named_with_its_option(running_node, new_node):
    second = new_node("second")
    second.control_port = running_node.control_port

    second.start(second.managed, wait=False)

    assert second.wait() == 4
    assert f"--control 127.0.0.1:{running_node.control_port}: " in second.log
    assert "in use" in second.log


def test_a_taken_listener_ends_a_standalone_node_with_its_option(running_node, new_node):
    second = new_node("second")
    second.mqtt_port = running_node.mqtt_port

    second.start(second.standalone, wait=False)

    assert second.wait() == 4
    assert f"--listen tcp://127.0.0.1:{running_node.mqtt_port}: " in second.log


def test_a_taken_listener_of_a_console_shows_in_readiness(running_node, new_node):
    second = new_node("second")
    second.start(second.managed)

    revision = second.configure(whole(1, running_node.mqtt_port))
    state = second.gateway.query(GetNodeState(), timeout_s=5)

    assert revision == 1
    assert not state.ready
    assert str(running_node.mqtt_port) in state.reason


def test_a_folder_that_cannot_be_used_is_named(node):
    node.data.write_text("a file")

    node.start(node.managed, wait=False)

    assert node.wait() == 3
    assert f"--data {node.data}" in node.log


def test_contradictory_options_are_refused_plainly(node):
    node.start(["--listen", "127.0.0.1:1883", "--memory"], wait=False)

    assert node.wait() == 2
    assert "exactly one of --allow-anonymous and --password-file" in node.log
    assert "Traceback" not in node.log


def test_a_short_token_is_refused_and_not_shown(node):
    node.token_file.write_text("short-secret")

    node.start(node.managed, wait=False)

    assert node.wait() == 2
    assert "--token-file" in node.log
    assert "short-secret" not in node.log


def test_a_standalone_node_takes_no_configuration(node):
    node.start_ready(node.standalone)

    with pytest.raises(NodeRefused) as refused:
        node.configure(whole(1, node.mqtt_port))

    assert refused.value.code == "standalone"


def test_a_node_in_memory_serves_clients_and_writes_nothing(node):
    options = ["--memory", *node.standalone[2:]]
    node.start_ready(options)

    device = Device(node.mqtt_port, "sensor-1").connect()
    device.subscribe("plant/#", 1)
    device.publish("plant/line", "hello", 1)

    assert device.received.get(timeout=10) == "hello"
    device.disconnect()
    assert not node.data.exists()


def test_metrics_count_what_clients_did(running_node):
    device = Device(running_node.mqtt_port, "sensor-1").connect()
    device.publish("plant/line", "hello", 1)

    text = running_node.metrics()
    device.disconnect()

    who = f'{{cluster="{CLUSTER}",node="{CLUSTER}-n0"}}'
    assert f"signalbox_connections{who} 1\n" in text
    assert f"signalbox_messages_received_total{who} 1\n" in text
    assert f"signalbox_configuration_revision{who} 1\n" in text
    assert f"signalbox_ready{who} 1\n" in text


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_f7_a_signal_ends_it_gracefully_and_tells_v5_clients(running_node, number):
    device = Device(running_node.mqtt_port, "sensor-1").connect()
    legacy = Device(running_node.mqtt_port, "sensor-2", version=4).connect()

    assert running_node.process is not None
    running_node.process.send_signal(number)
    code = running_node.wait()

    assert code == 0
    assert device.reasons.get(timeout=DRAINED_S).value == SERVER_SHUTTING_DOWN
    assert legacy.reasons.get(timeout=DRAINED_S) is not None
    device.disconnect()
    legacy.disconnect()


def test_f7_the_end_is_quick_and_flushes_what_was_acknowledged(running_node):
    keeper = Device(running_node.mqtt_port, "keeper", clean=False).connect()
    keeper.subscribe("plant/#", 1)
    keeper.disconnect()
    device = Device(running_node.mqtt_port, "sensor-1").connect()
    for number in range(50):
        assert device.publish("plant/line", str(number), 1)

    code, took_s = running_node.terminate()
    device.disconnect()
    running_node.start_ready(running_node.managed)
    keeper = Device(running_node.mqtt_port, "keeper", clean=False).connect()

    assert (code, keeper.session_present) == (0, True)
    assert took_s < DRAINED_S
    assert [keeper.received.get(timeout=10) for _ in range(50)] == [str(n) for n in range(50)]
    keeper.disconnect()


def test_the_end_of_the_lifeline_ends_the_node(node):
    node.start([*node.managed, "--lifeline"])

    node.close_lifeline()

    assert node.wait() == 0
    assert "reason=lifeline" in node.log


def test_without_lifeline_the_end_of_the_input_means_nothing(running_node):
    running_node.close_lifeline()

    wait_until(lambda: running_node.status("/v1/ready") == 200, "still ready")
    code, _ = running_node.terminate()
    assert code == 0


def test_the_token_is_neither_logged_nor_visible_in_the_process_list(running_node):
    assert running_node.process is not None
    running_node.status(f"/metrics?token={TOKEN}")
    line = subprocess.run(
        ["ps", "-o", "args=", "-p", str(running_node.process.pid)],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    running_node.terminate()

    assert TOKEN not in line
    assert TOKEN not in running_node.log


def test_a_password_is_set_from_standard_input(tmp_path):
    command = [sys.executable, "-m", "broker_runtime", "passwd", str(tmp_path / "p"), "device"]

    done = subprocess.run(
        command, input="secret\n", capture_output=True, text=True, check=False, cwd=REPOSITORY
    )
    empty = subprocess.run(
        command, input="\n", capture_output=True, text=True, check=False, cwd=REPOSITORY
    )

    assert (done.returncode, empty.returncode) == (0, 2)
    assert "secret" not in (tmp_path / "p").read_text()
    assert "empty password" in empty.stderr


def test_users_of_the_password_file_and_nobody_else_get_in(node):
    file = node.folder / "passwords"
    subprocess.run(
        [sys.executable, "-m", "broker_runtime", "passwd", str(file), "device"],
        input="secret\n",
        text=True,
        check=True,
        cwd=REPOSITORY,
        stdout=subprocess.DEVNULL,
    )
    options = [o for o in node.standalone if o != "--allow-anonymous"]
    node.start_ready([*options, "--password-file", str(file)])

    Device(node.mqtt_port, "sensor-1").connect().disconnect()
    stranger = Device(node.mqtt_port, "sensor-2", username="stranger")
    with pytest.raises(AssertionError, match="refused the connection"):
        stranger.connect()
    stranger.disconnect()
