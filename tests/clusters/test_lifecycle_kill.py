"""A real worker, killed with -9 while it brings a cluster to life and while it removes one: the
next worker finishes, and nothing is there twice.
"""

from __future__ import annotations

import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from console.keyring import Keyring
from console.supervisor.valkey import find_server
from tests.clusters.control_server import ControlServer
from tests.control.fakes import free_port

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(180)]

REPOSITORY = Path(__file__).parents[2]
DEADLINE_S = 60.0
PREPARE = """
import django; django.setup()
from console.accounts.actors import actor_of
from console.accounts.models import User
from clusters.models import Cluster
from clusters.services.instances import create_instance, delete_instance
"""
CREATE = """
user = User.objects.create_user("owner", None, uin="100000000001")
owner = actor_of(user, entrance="cli")
create_instance(owner, instance_type="BASIC", name="north", sku_code="basic_2k")
"""
DELETE = """
owner = actor_of(User.objects.get(), entrance="cli")
delete_instance(owner, cluster=Cluster.objects.get())
"""


class Installation:
    """A console without web pages: its own home, database and Valkey; workers come and go."""

    def __init__(self, home: Path) -> None:
        self.home = home
        first = free_port()
        self.environment = {
            **{k: v for k, v in os.environ.items() if k != "DATABASE_URL"},
            "SIGNALBOX_HOME": str(home),
            "SIGNALBOX_MQTT_PORTS": f"{first}-{min(first + 20, 65_535)}",
            "REDIS_URL": f"unix://{home / 'valkey.sock'}",
            "DJANGO_SETTINGS_MODULE": "console.settings",
        }
        self.processes: list[subprocess.Popen[bytes]] = []

    def start(self) -> None:
        """Start Valkey and make the tables."""
        server = (str(find_server()), "--port", "0", "--unixsocket", str(self.home / "valkey.sock"))
        self._spawn(*server, "--save", "")
        self._run("manage.py", "migrate", "--verbosity", "0")

    def perform(self, code: str) -> None:
        """Run a few lines as the command line would."""
        self._run("-c", PREPARE + code)

    def start_worker(self) -> subprocess.Popen[bytes]:
        """A worker that sweeps too; a process group of its own, as under the supervisor."""
        celery = (sys.executable, "-m", "celery", "-A", "console.celery", "worker")
        schedule = ("--beat", "--schedule", str(self.home / "beat"))
        return self._spawn(*celery, "--concurrency", "1", "--loglevel", "WARNING", *schedule)

    def kill(self, process: subprocess.Popen[bytes]) -> None:
        """``kill -9``, its children too: nothing of it can tidy up."""
        os.killpg(process.pid, signal.SIGKILL)
        process.wait(DEADLINE_S)
        self.processes.remove(process)

    def row(self, query: str) -> Any:
        """The first row of a query; None when there is none."""
        with closing(sqlite3.connect(self.home / "console.sqlite3", timeout=10)) as database:
            return database.execute(query).fetchone()

    def age_heartbeats(self) -> None:
        """Let the time pass after which a silent worker counts as dead."""
        with closing(sqlite3.connect(self.home / "console.sqlite3", timeout=10)) as database:
            database.execute("UPDATE core_job SET heartbeat_at = '2000-01-01 00:00:00'")
            database.commit()

    def wait_for(self, query: str, accept: Callable[[Any], bool]) -> Any:
        """Poll the rows; fails after the deadline with what was there last."""
        end = time.monotonic() + DEADLINE_S
        while not accept(row := self.row(query)):
            assert time.monotonic() < end, f"{query}: {row}\n{self.log()}"
            time.sleep(0.05)
        return row

    def log(self) -> str:
        """What the processes wrote."""
        return (self.home / "log").read_text(errors="replace")[-4000:]

    def close(self) -> None:
        """End whatever still runs."""
        for process in list(self.processes):
            self.kill(process)

    def _run(self, *arguments: str) -> None:
        command = [sys.executable, *arguments]
        with (self.home / "log").open("ab") as log:
            subprocess.run(
                command, cwd=REPOSITORY, env=self.environment, stdout=log, stderr=log, check=True
            )

    def _spawn(self, *command: str) -> subprocess.Popen[bytes]:
        with (self.home / "log").open("ab") as log:
            process = subprocess.Popen(
                command,
                cwd=REPOSITORY,
                env=self.environment,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        self.processes.append(process)
        return process


@pytest.fixture
def installation() -> Iterator[Installation]:
    home = Path(tempfile.mkdtemp(prefix="sb-kill-"))  # short: a unix socket lies in it
    running = Installation(home)
    try:
        running.start()
        yield running
    finally:
        running.close()
        shutil.rmtree(home)


def test_a_worker_killed_while_creating_and_one_killed_while_deleting_lose_nothing(
    installation: Installation,
) -> None:
    step = "SELECT step, attempt FROM core_job ORDER BY created_at DESC LIMIT 1"
    state = "SELECT state FROM clusters_cluster"

    installation.perform(CREATE)
    worker = installation.start_worker()
    installation.wait_for(step, lambda row: row == (2, 1))  # it waits for the node
    installation.kill(worker)
    node_id, port = installation.row("SELECT node_id, control_port FROM clusters_node")
    token = Keyring.load(installation.home).node_token(node_id)
    server = ControlServer(port, token=token)
    try:
        installation.age_heartbeats()
        worker = installation.start_worker()
        installation.wait_for(state, lambda row: row == ("RUNNING",))
        assert installation.row("SELECT COUNT(*), MIN(node_id) FROM clusters_node") == (1, node_id)
        assert installation.row("SELECT COUNT(*) FROM clusters_endpoint") == (1,)
        installation.wait_for(step, lambda row: row == (4, 2))
        assert server.node.revision == 1

        folder = installation.home / "nodes" / node_id
        folder.mkdir(parents=True)
        (folder / "sessions").write_bytes(b"data")
        installation.perform(DELETE)
        installation.wait_for(step, lambda row: row == (2, 1))  # it waits for the node's end
        installation.kill(worker)
        assert folder.exists()
    finally:
        server.close()
    installation.age_heartbeats()
    installation.start_worker()
    installation.wait_for(state, lambda row: row is None)
    assert not folder.exists()
    assert installation.row("SELECT COUNT(*) FROM clusters_node") == (0,)
    job = "SELECT state, attempt FROM core_job ORDER BY created_at DESC LIMIT 1"
    installation.wait_for(job, lambda row: row == ("succeeded", 2))
