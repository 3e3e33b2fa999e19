"""A real node and a real daphne: from a device to a page, over a kill -9 of the console."""

from __future__ import annotations

import asyncio
import json
import os
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from console.keyring import Keyring
from tests.control.fakes import CLUSTER, free_port
from tests.node.devices import Device
from tests.node.process import NodeProcess, wait_until

pytestmark = pytest.mark.e2e

REPOSITORY = Path(__file__).parents[2]
DEADLINE_S = 30.0
NODE = f"{CLUSTER}-n0"

ROWS = """
import json, sys
import django
django.setup()
from django.core.management import call_command
call_command("migrate", verbosity=0)
from clusters.models import Endpoint, Node
from console.core.forms import FORMS
from tests.cast import acting, browser_of, make_cluster, make_owner
control_port, mqtt_port, public_id = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
owner = acting(make_owner())
make_cluster(owner.account_uin, public_id=public_id, authorization_enabled=False)
Node.objects.update(control_port=control_port)
Endpoint.objects.update(port=mqtt_port)
user = {"InstanceId": public_id, "Username": "device", "Password": "secret-1"}
FORMS["CreateUser"].from_parameters(user).perform(owner)
print(browser_of(owner).session.session_key)
"""
"""Makes the database: a cluster whose node is the test's, one MQTT user, one session."""


class Console:
    """The web process of an installation of its own, with the test's Valkey."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.port = free_port()
        self.variables = {
            **os.environ,
            "SIGNALBOX_HOME": str(home),
            "SIGNALBOX_PORT": str(self.port),
            "DJANGO_SETTINGS_MODULE": "console.settings",
            "PYTHONDONTWRITEBYTECODE": "1",
        }
        self.variables.pop("DATABASE_URL", None)
        self.session = ""
        self._process: subprocess.Popen[bytes] | None = None

    def fill(self, node: NodeProcess) -> None:
        """Make the database, and give the node the tokens of this installation."""
        self.home.mkdir()
        arguments = [str(node.control_port), str(node.mqtt_port), CLUSTER]
        made = subprocess.run(
            [sys.executable, "-c", ROWS, *arguments],
            cwd=REPOSITORY,
            env=self.variables,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert made.returncode == 0, made.stderr
        self.session = made.stdout.split()[-1]
        keyring = Keyring.load(self.home)
        node.token_file.write_text(keyring.node_token(NODE))
        telemetry = node.folder / "telemetry.token"
        telemetry.write_text(keyring.telemetry_token(NODE))
        telemetry.chmod(0o600)

    def start(self) -> None:
        """Serve; the node comes by itself."""
        self._process = subprocess.Popen(
            [
                *(sys.executable, "-m", "daphne", "-b", "127.0.0.1", "-p", str(self.port)),
                "console.asgi:application",
            ],
            cwd=REPOSITORY,
            env=self.variables,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )

    def kill(self) -> None:
        """``kill -9``."""
        if self._process is not None:
            self._process.kill()
            self._process.wait(DEADLINE_S)
            self._process = None

    def rows(self, query: str) -> list[Any]:
        """Rows of its database."""
        connection = sqlite3.connect(self.home / "console.sqlite3", timeout=10)
        try:
            return connection.execute(query).fetchall()
        finally:
            connection.close()

    def produced(self) -> int:
        """Messages in all minutes that are written."""
        return int(
            self.rows("SELECT COALESCE(SUM(produced), 0) FROM monitoring_minutemetric")[0][0]
        )

    async def sample(self, wanted: Callable[[dict[str, float]], bool]) -> dict[str, float]:
        """The values of the first live sample that is wanted, as a page gets it."""
        address = f"http://127.0.0.1:{self.port}"
        headers = {"Origin": address, "Cookie": f"signalbox-session={self.session}"}
        url = f"{address}/ws/live/?topics=cluster.{CLUSTER}"
        async with (
            asyncio.timeout(DEADLINE_S),
            aiohttp.ClientSession() as http,
            http.ws_connect(url, headers=headers) as socket,
        ):
            while True:
                message = json.loads(await socket.receive_str())
                if message["event"] == "sample" and wanted(message["values"]):
                    return dict(message["values"])


@pytest.fixture
def node(tmp_path: Path) -> Iterator[NodeProcess]:
    folder = tmp_path / "node"
    folder.mkdir()
    node = NodeProcess(folder)
    yield node
    node.close()


@pytest.fixture
def console(tmp_path: Path, node: NodeProcess) -> Iterator[Console]:
    console = Console(tmp_path / "home")
    console.fill(node)
    yield console
    console.kill()


def test_a_message_becomes_a_sample_and_a_minute_and_kill_9_loses_none(
    console: Console, node: NodeProcess
) -> None:
    console.start()
    telemetry = f"ws://127.0.0.1:{console.port}/internal/telemetry/"
    token_file = str(node.folder / "telemetry.token")
    node.start([*node.managed, "--telemetry", telemetry, "--telemetry-token-file", token_file])
    node.wait_ready()  # the console pushed its configuration when the node greeted
    assert console.rows("SELECT applied_revision FROM clusters_node")[0][0] >= 2

    wait_until(lambda: _can_watch(console), "pages get samples", DEADLINE_S)
    device = Device(node.mqtt_port, "sensor-1", password="secret-1").connect()
    for number in range(3):
        assert device.publish("plant/a", str(number), 1)
    values = asyncio.run(console.sample(lambda values: values["connections"] == 1))
    assert values["retained"] == 0
    wait_until(lambda: _topics(console) == ["plant"], "the topic is registered", DEADLINE_S)

    console.kill()
    for number in range(4):
        assert device.publish("plant/b", str(number), 1)
    console.start()
    wait_until(lambda: _can_watch(console), "pages get samples again", DEADLINE_S)
    device.disconnect()
    asyncio.run(console.sample(lambda values: values["connections"] == 0))
    code, _seconds = node.terminate()
    assert code == 0
    wait_until(lambda: console.produced() == 7, "all messages are in the minutes", DEADLINE_S)


def _topics(console: Console) -> list[str]:
    return [name for (name,) in console.rows("SELECT name FROM topics_topic")]


def _can_watch(console: Console) -> bool:
    try:
        asyncio.run(console.sample(lambda values: True))
    except aiohttp.ClientError:
        time.sleep(0.1)
        return False
    return True
