"""The whole product as an operator starts it: a home of its own, real processes, real ports."""

from __future__ import annotations

import contextlib
import json
import os
import random
import signal
import socket
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar

import psutil
import urllib3

PROJECT = Path(__file__).resolve().parents[2]
OWNER = "owner"
PASSWORD = "walks-through-every-room"
SECRET_ID = "AKIDwalker"
SECRET_KEY = "walker-secret-key-0123456789"
START_S = 75.0
"""A first start migrates: some 15 s on two cores that do other things as well."""
DEADLINE_S = 30.0
OWN_VARIABLES = ("SIGNALBOX_", "REDIS_URL", "DATABASE_URL", "DJANGO_SETTINGS_MODULE")
"""What the tests around set for themselves, and the product shall not inherit."""

A = TypeVar("A")


def eventually(
    question: Callable[[], A | None],
    what: str,
    *,
    within_s: float = DEADLINE_S,
    every_s: float = 0.1,
) -> A:
    """Ask until the answer is true and return it; fail with ``what`` at the deadline."""
    deadline_s = time.monotonic() + within_s
    while not (answer := question()):
        assert time.monotonic() < deadline_s, f"not within {within_s:.0f} s: {what}"
        time.sleep(every_s)
    return answer


def accepts(port: int) -> bool:
    """Whether something listens on a port of this machine."""
    with contextlib.suppress(OSError):
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
        return True
    return False


def free_port() -> int:
    """A port that nothing used a moment ago."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


def free_ports(count: int) -> str:
    """``first-last``: a run of ports that nothing uses, below those the system hands out."""
    while True:
        first = random.randrange(10_000, 30_000)
        if not any(accepts(port) for port in range(first, first + count)):
            return f"{first}-{first + count - 1}"


def _tail(path: Path) -> str:
    return path.read_bytes()[-3_000:].decode(errors="replace")


class Product:
    """One installation, over several starts."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.port = free_port()
        self.address = f"http://127.0.0.1:{self.port}"
        self.supervisor: subprocess.Popen[bytes] | None = None
        self._output = home.with_name(f"{home.name}.output")
        self._http = urllib3.PoolManager(retries=False)
        kept = {n: value for n, value in os.environ.items() if not n.startswith(OWN_VARIABLES)}
        self.variables = {
            **kept,
            "SIGNALBOX_HOME": str(home),
            "SIGNALBOX_PORT": str(self.port),
            "SIGNALBOX_MQTT_PORTS": free_ports(40),
            "SIGNALBOX_OWNER_PASSWORD": PASSWORD,
            "SIGNALBOX_API_SECRET_ID": SECRET_ID,
            "SIGNALBOX_API_SECRET_KEY": SECRET_KEY,
        }

    # Its life

    def start(self) -> float:
        """Start everything; return how many seconds it took until ``/healthz`` was content."""
        began_s = time.monotonic()
        with self._output.open("ab") as output:
            self.supervisor = subprocess.Popen(
                [sys.executable, "-m", "console.supervisor"],
                cwd=PROJECT,
                env=self.variables,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
            )
        self.wait_until_healthy(START_S)
        return time.monotonic() - began_s

    def wait_until_healthy(self, within_s: float = DEADLINE_S) -> None:
        """Return when ``/healthz`` is content; fail with what the supervisor said."""
        with self._explained():
            eventually(self._is_healthy, "/healthz is content", within_s=within_s)

    def signal(self, signum: signal.Signals) -> int:
        """Send the supervisor a signal; wait for its end and return its exit status."""
        assert self.supervisor is not None
        self.supervisor.send_signal(signum)
        with self._explained():
            return self.supervisor.wait(DEADLINE_S)

    def stop(self) -> None:
        """Ctrl-C; nothing may be left."""
        assert self.signal(signal.SIGINT) == 0, self.said()
        assert self.processes() == []

    def kill(self, name: str) -> int:
        """``kill -9`` of one process, by its name in the status file; returns the id it had."""
        pid = eventually(lambda: self.pid(name), f"{name} runs")
        os.kill(pid, signal.SIGKILL)
        return pid

    def close(self) -> None:
        """End whatever is left, whatever happened."""
        for process in self.processes():
            with contextlib.suppress(psutil.NoSuchProcess):
                process.kill()
        if self.supervisor is not None:
            self.supervisor.wait(DEADLINE_S)
        self._http.clear()

    # What it shows

    def healthz(self) -> tuple[int, dict[str, Any]]:
        """Status and body of ``/healthz``; status 0 when nothing answers."""
        try:
            answer = self._http.request("GET", f"{self.address}/healthz", timeout=10.0)
            return answer.status, answer.json()
        except urllib3.exceptions.HTTPError:
            return 0, {}

    def pid(self, name: str) -> int | None:
        """Process id as the supervisor last wrote it."""
        status = json.loads((self.home / "run" / "supervisor.json").read_text())
        found: int | None = status["processes"].get(name, {}).get("pid")
        return found

    def processes(self) -> list[psutil.Process]:
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

    @contextlib.contextmanager
    def held(self) -> Iterator[None]:
        """The supervisor stands still: nothing starts, nothing that dies is started again."""
        assert self.supervisor is not None
        self.supervisor.send_signal(signal.SIGSTOP)
        try:
            yield
        finally:
            self.supervisor.send_signal(signal.SIGCONT)

    def rows(self, query: str, *values: str) -> list[tuple[Any, ...]]:
        """Look into the console's database."""
        with contextlib.closing(sqlite3.connect(self.home / "console.sqlite3")) as database:
            return database.execute(query, values).fetchall()

    def log(self, name: str) -> str:
        """What a process printed."""
        return (self.home / "logs" / f"{name}.log").read_text(errors="replace")

    def account(self) -> str:
        """What a person would look at when something is wrong."""
        logs = sorted((self.home / "logs").glob("*.log"))
        tails = [f"--- {path.name}\n{_tail(path)}" for path in logs]
        return "\n".join([f"/healthz: {self.healthz()}", self.said(), *tails])

    def said(self) -> str:
        """What the supervisor printed, over all starts."""
        return self._output.read_text(errors="replace")

    def act(self, action: str, **parameters: Any) -> tuple[int, dict[str, Any]]:
        """``manage.py act`` in a process of its own: exit status, and what is in the answer."""
        done = subprocess.run(
            [sys.executable, "manage.py", "act", action, json.dumps(parameters)],
            cwd=PROJECT,
            env={**self.variables, "DJANGO_SETTINGS_MODULE": "console.settings"},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=DEADLINE_S,
            check=False,
        )
        assert done.stdout, done.stderr.decode()
        answer: dict[str, Any] = json.loads(done.stdout)["Response"]
        return done.returncode, answer

    def _is_healthy(self) -> bool:
        assert self.supervisor is not None
        assert self.supervisor.poll() is None, "the supervisor has ended"
        return self.healthz()[0] == 200

    @contextlib.contextmanager
    def _explained(self) -> Iterator[None]:
        """Add what the product says of itself to a failure."""
        try:
            yield
        except (AssertionError, subprocess.TimeoutExpired) as failure:
            failure.add_note(f"/healthz: {self.healthz()}\nsupervisor:\n{self.said()}")
            raise
