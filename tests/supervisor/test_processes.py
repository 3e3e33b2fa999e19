"""The supervisor with real processes: nothing stays behind, and what dies comes back."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import sqlite3
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import psutil
import pytest

from console.supervisor.leash import held_at_the_end

PROJECT = Path(__file__).resolve().parents[2]
DEADLINE_S = 30.0
NODE = "mqtt-abcdefgh-n0"


def eventually(condition, *, within_s=DEADLINE_S):
    """Ask a real process again and again; fail at the deadline."""
    deadline_s = time.monotonic() + within_s
    while not (answer := condition()):
        assert time.monotonic() < deadline_s, f"not within {within_s} s: {condition}"
        time.sleep(0.02)
    return answer


def accepts(port):
    with contextlib.suppress(OSError):
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
        return True
    return False


class Installation:
    """A home, a database with one node, and a supervisor over the stand-ins."""

    def __init__(self, folder, web_port, runtime_port):
        self.home = folder / "home"
        self.home.mkdir()
        self.web_port = web_port
        self.runtime_port = runtime_port
        self.output = folder / "output"
        self.supervisor: subprocess.Popen[bytes] | None = None
        with contextlib.closing(self.database()) as database:
            database.execute(
                "CREATE TABLE clusters_node (node_id TEXT, cluster_public_id TEXT,"
                " control_host TEXT, control_port INTEGER, desired_state TEXT)"
            )
            database.execute(
                "INSERT INTO clusters_node VALUES (?, 'mqtt-abcdefgh', '127.0.0.1', ?, 'running')",
                (NODE, runtime_port),
            )
            database.commit()

    def database(self):
        return sqlite3.connect(self.home / "console.sqlite3")

    def desire(self, state):
        with contextlib.closing(self.database()) as database:
            database.execute("UPDATE clusters_node SET desired_state = ?", (state,))
            database.commit()

    def start(self, **variables):
        kept = {name: value for name, value in os.environ.items() if "_URL" not in name}
        with self.output.open("ab") as output:
            self.supervisor = subprocess.Popen(
                [sys.executable, "-m", "tests.supervisor.driver"],
                cwd=PROJECT,
                env={
                    **kept,
                    "SIGNALBOX_HOME": str(self.home),
                    "SIGNALBOX_PORT": str(self.web_port),
                    **variables,
                },
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
            )
        return self.supervisor

    def said(self):
        return self.output.read_text()

    def is_up(self):
        assert self.supervisor is not None and self.supervisor.poll() is None, self.said()
        return "Signalbox is ready" in self.said() and accepts(self.runtime_port)

    def status(self):
        return json.loads((self.home / "run" / "supervisor.json").read_text())["processes"]

    def pid(self, name):
        return self.status().get(name, {}).get("pid")

    def processes(self):
        """Every process of this home, wherever it hangs in the tree of processes."""
        found = []
        for process in psutil.process_iter():
            with contextlib.suppress(psutil.Error):
                if process.status() == psutil.STATUS_ZOMBIE:
                    continue
                # Valkey writes its title over its environment; its title names its socket.
                marks = (process.environ().get("SIGNALBOX_HOME", ""), *process.cmdline())
                if any(str(self.home) in mark for mark in marks):
                    found.append(process)
        return found


@pytest.fixture
def installation(unused_tcp_port_factory):
    # Short: the private Valkey's socket is in it.
    with tempfile.TemporaryDirectory(prefix="sb-", dir="/tmp") as folder:
        installation = Installation(
            Path(folder), unused_tcp_port_factory(), unused_tcp_port_factory()
        )
        yield installation
        for process in installation.processes():
            with contextlib.suppress(psutil.NoSuchProcess):
                process.kill()
        if installation.supervisor is not None:
            installation.supervisor.wait(DEADLINE_S)


@pytest.mark.parametrize("signum", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_stop_signal_leaves_no_process_behind(installation, signum):
    supervisor = installation.start(GRANDCHILD="1")
    eventually(installation.is_up)
    # Itself, Valkey, web, worker and the child of that, a runtime.
    eventually(lambda: len(installation.processes()) == 6)
    supervisor.send_signal(signum)
    assert supervisor.wait(DEADLINE_S) == 0
    assert installation.processes() == []
    assert "nothing is left running" in installation.said()
    assert installation.status() == {}


def test_kill_9_of_the_supervisor_leaves_no_child_behind(installation):
    supervisor = installation.start()
    eventually(installation.is_up)
    supervisor.kill()
    supervisor.wait(DEADLINE_S)
    eventually(lambda: not installation.processes(), within_s=5)
    installation.start()
    eventually(installation.is_up)


def test_a_second_ctrl_c_ends_at_once_what_does_not_stop(installation):
    supervisor = installation.start(STUBBORN="1")
    eventually(installation.is_up)
    supervisor.send_signal(signal.SIGINT)
    eventually(lambda: "Stopping" in installation.said())
    supervisor.send_signal(signal.SIGINT)
    assert supervisor.wait(10) == 0
    assert installation.processes() == []


def test_what_does_not_stop_in_its_time_is_killed(installation):
    supervisor = installation.start(STUBBORN="1", IMPATIENT="1")
    eventually(installation.is_up)
    eventually(lambda: "worker is here" in (installation.home / "logs/worker.log").read_text())
    supervisor.send_signal(signal.SIGTERM)
    assert supervisor.wait(DEADLINE_S) == 0
    assert "worker did not stop in 1 s: killed." in installation.said()


def test_a_process_that_keeps_dying_does_not_keep_the_rest_from_stopping(installation):
    supervisor = installation.start(BROKEN_WEB="1")
    eventually(lambda: installation.said().count("web stopped with status 3") >= 2)
    supervisor.send_signal(signal.SIGINT)
    assert supervisor.wait(10) == 0
    assert installation.processes() == []


def test_a_killed_runtime_is_back_on_its_port_within_two_seconds(installation):
    installation.start()
    eventually(installation.is_up)
    before = eventually(lambda: installation.pid(NODE))
    os.kill(before, signal.SIGKILL)
    eventually(lambda: installation.pid(NODE) not in (before, None), within_s=2)
    eventually(lambda: accepts(installation.runtime_port), within_s=2)
    assert f"{NODE} was ended by SIGKILL; it starts again now." in installation.said()
    assert installation.status()[NODE]["restarts"] == 1


def test_runtimes_follow_the_rows(installation):
    installation.start()
    eventually(installation.is_up)
    installation.desire("stopped")
    eventually(lambda: not accepts(installation.runtime_port))
    installation.desire("running")
    eventually(lambda: accepts(installation.runtime_port))


def test_while_the_database_is_away_what_runs_goes_on_running(installation):
    installation.start()
    eventually(installation.is_up)
    path = installation.home / "console.sqlite3"
    path.rename(path.with_suffix(".away"))
    eventually(lambda: "The database is away" in installation.said())
    assert accepts(installation.runtime_port)
    path.with_suffix(".away").rename(path)
    installation.desire("stopped")
    eventually(lambda: not accepts(installation.runtime_port))


def test_a_second_supervisor_on_the_same_home_is_refused(installation):
    first = installation.start()
    eventually(installation.is_up)
    second = installation.start()
    assert second.wait(DEADLINE_S) == 1
    assert f"already running on {installation.home} (process {first.pid})" in installation.said()
    assert accepts(installation.web_port)
    installation.supervisor = first


def test_a_port_in_use_is_named_with_its_setting(installation):
    with socket.create_server(("127.0.0.1", installation.web_port)):
        supervisor = installation.start()
        assert supervisor.wait(DEADLINE_S) == 1
    assert f"port {installation.web_port}: another program uses it" in installation.said()
    assert "SIGNALBOX_PORT" in installation.said()


def test_the_generated_password_is_shown_and_is_in_no_file(installation):
    installation.start()
    eventually(installation.is_up)
    eventually(lambda: "owner with the password generated" in installation.said())
    for path in (installation.home / "logs").iterdir():
        assert "generated" not in path.read_text()


def test_the_generated_password_is_shown_though_the_console_never_came_up(installation):
    """It is kept nowhere: not said now, it would be lost, and the owner be locked out."""
    supervisor = installation.start(BROKEN_WEB="1")
    eventually(lambda: "web stopped with status 3" in installation.said())
    supervisor.send_signal(signal.SIGINT)
    assert supervisor.wait(DEADLINE_S) == 0
    assert installation.said().count("owner with the password generated") == 1


def test_a_stop_in_the_middle_of_the_start_stops_everything(installation):
    supervisor = installation.start()
    eventually(lambda: "is starting" in installation.said())
    supervisor.send_signal(signal.SIGINT)
    supervisor.wait(DEADLINE_S)
    assert installation.processes() == []


def test_the_guard_kills_the_groups_it_was_told_of_when_its_pipe_ends():
    """The way of systems whose kernel has no signal for the parent's death."""
    sleeper = [sys.executable, "-S", "-c", "import time; time.sleep(600)"]
    held, released = (subprocess.Popen(sleeper, start_new_session=True) for _ in range(2))
    guard = subprocess.Popen(
        [sys.executable, "-m", "console.supervisor.leash"], cwd=PROJECT, stdin=subprocess.PIPE
    )
    try:
        guard.communicate(b"+%d\n+%d\n-%d\n" % (held.pid, released.pid, released.pid), DEADLINE_S)
        assert held.wait(DEADLINE_S) == -signal.SIGKILL
        assert released.poll() is None
    finally:
        for process in (held, released):
            process.kill()
            process.wait()


def test_the_guard_knows_only_what_is_still_held():
    assert held_at_the_end([b"+1\n", b"+2\n", b"-1\n", b"-7\n"]) == {2}
