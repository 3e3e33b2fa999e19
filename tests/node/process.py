"""Real node processes for tests: started, waited for with a deadline, ended by their own handle.

``NodeProcess`` is of use to any test that needs a broker: give it a folder and call ``start``.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import urllib3

from broker_runtime.contract.configuration import Configuration
from broker_runtime.contract.queries import GetNodeState
from clusters.gateway import NodeGateway, NodeUnreachable
from tests.control.fakes import CLUSTER, TOKEN, free_port

REPOSITORY = Path(__file__).parents[2]
DEADLINE_S = 20.0


def wait_until(condition: Callable[[], object], what: str, deadline_s: float = DEADLINE_S) -> None:
    """Poll until the condition holds; fails with ``what`` after the deadline."""
    end = time.monotonic() + deadline_s
    while not condition():
        assert time.monotonic() < end, f"not within {deadline_s} s: {what}"
        time.sleep(0.02)


class NodeProcess:
    """A node of a console (the default) or on its own, in a folder of the test's."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.data = folder / "data"
        self.control_port = free_port()
        self.mqtt_port = free_port()
        self.token_file = folder / "control.token"
        self.token_file.write_text(TOKEN + "\n")
        self.token_file.chmod(0o600)
        self.gateway = NodeGateway("127.0.0.1", self.control_port, TOKEN)
        self.launcher = [sys.executable]
        """What runs ``-m broker_runtime``; more than Python where the node lives elsewhere."""
        self.process: subprocess.Popen[bytes] | None = None
        self._lines: list[str] = []
        self._reader: threading.Thread | None = None
        self._http = urllib3.PoolManager(retries=False)

    @property
    def managed(self) -> list[str]:
        """Options of a node that a console configures."""
        return [
            *("--data", str(self.data), "--node-id", f"{CLUSTER}-n0", "--cluster-id", CLUSTER),
            *("--control", f"127.0.0.1:{self.control_port}"),
            *("--token-file", str(self.token_file)),
        ]

    @property
    def standalone(self) -> list[str]:
        """Options of a node on its own that lets everybody in, with a control API to look at it."""
        return [
            *("--data", str(self.data), "--listen", f"127.0.0.1:{self.mqtt_port}"),
            *("--allow-anonymous", "--control", f"127.0.0.1:{self.control_port}"),
            *("--token-file", str(self.token_file)),
        ]

    @property
    def log(self) -> str:
        """What it wrote to standard error, of every start."""
        return "".join(self._lines)

    def start(self, options: Sequence[str], *, wait: bool = True) -> None:
        """Start it; by default return when its control API answers."""
        self.process = subprocess.Popen(
            [*self.launcher, "-m", "broker_runtime", *options],
            cwd=REPOSITORY,
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"},
        )
        self._reader = threading.Thread(target=self._read, args=(self.process,))
        self._reader.start()
        if wait:
            wait_until(lambda: self.status("/v1/health") or self._died(), "the node answers")
            assert self.process.poll() is None, self.log

    def start_ready(self, options: Sequence[str]) -> None:
        """Start it and return when it serves clients."""
        self.start(options)
        self.wait_ready()

    def wait_ready(self) -> None:
        """Return when it serves clients as configured."""
        try:
            wait_until(lambda: self.status("/v1/ready") == 200 or self._died(), "the node is ready")
        except AssertionError as late:
            state = self.gateway.query(GetNodeState(), timeout_s=5)
            raise AssertionError(f"not ready: {state.reason}\n{self.log}") from late
        assert not self._died(), self.log

    def wait_for_file(self, name: str) -> None:
        """Return when the file is in the data folder."""
        wait_until((self.data / name).exists, f"{name} is written")

    def wait_for_line(self, text: str) -> None:
        """Return when the text is in the log."""
        wait_until(lambda: text in self.log, f"{text!r} is logged")

    def configure(self, configuration: Configuration) -> int:
        """Push a configuration; the revision it holds then."""
        return self.gateway.configure(configuration, timeout_s=DEADLINE_S).revision

    def status(self, path: str) -> int:
        """HTTP status of a path that needs no token; 0 when nothing answers."""
        url = f"http://127.0.0.1:{self.control_port}{path}"
        try:
            return self._http.request("GET", url, timeout=2.0).status
        except (urllib3.exceptions.HTTPError, NodeUnreachable):
            return 0

    def metrics(self) -> str:
        """The Prometheus text."""
        url = f"http://127.0.0.1:{self.control_port}/metrics"
        headers = {"Authorization": f"Bearer {TOKEN}"}
        answer = self._http.request("GET", url, headers=headers, timeout=5.0)
        assert answer.status == 200
        return answer.data.decode()

    def kill(self) -> None:
        """``kill -9``, and wait for the end."""
        assert self.process is not None
        self.process.kill()
        self._reap()

    def terminate(self) -> tuple[int, float]:
        """SIGTERM; the exit code, and how many seconds it took."""
        assert self.process is not None
        began = time.monotonic()
        self.process.send_signal(signal.SIGTERM)
        return self._reap(), time.monotonic() - began

    def wait(self) -> int:
        """Wait for it to end by itself; the exit code."""
        return self._reap()

    def close_lifeline(self) -> None:
        """Close the pipe it has as its standard input."""
        assert self.process is not None
        assert self.process.stdin is not None
        self.process.stdin.close()

    def close(self) -> None:
        """End it, whatever state it is in."""
        if self.process is not None and self.process.poll() is None:
            self.kill()
        self.gateway.close()
        self._http.clear()

    def _reap(self) -> int:
        assert self.process is not None
        assert self._reader is not None
        code = self.process.wait(DEADLINE_S)
        if self.process.stdin is not None and not self.process.stdin.closed:
            self.process.stdin.close()
        self._reader.join(DEADLINE_S)
        return code

    def _died(self) -> bool:
        assert self.process is not None
        return self.process.poll() is not None

    def _read(self, process: subprocess.Popen[bytes]) -> None:
        assert process.stderr is not None
        with process.stderr as lines:
            for line in lines:
                self._lines.append(line.decode("utf-8", "replace"))
