"""Which processes an installation consists of, and how each is started."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from pathlib import Path

from console.environment import Environment
from console.keyring import Keyring
from console.supervisor import valkey
from console.supervisor.home import Home, write_private
from console.supervisor.nodes import DesiredNode
from console.supervisor.specification import ProcessSpecification, Stage

PROJECT = Path(__file__).resolve().parents[2]
"""Where manage.py and the packages are; the working folder of every process."""
FIRST_START_ONLY = (
    "SIGNALBOX_OWNER_PASSWORD",
    "SIGNALBOX_API_SECRET_ID",
    "SIGNALBOX_API_SECRET_KEY",
)
"""Secrets that only the command of the first start needs."""
CONSOLE_ONLY = ("SIGNALBOX_SECRET_KEY", "DATABASE_URL", "PGPASSWORD", "REDIS_URL")
"""Secrets that a runtime, which strangers talk to, shall not have; ``PGPASSWORD`` is libpq's."""


class Plan:
    """Makes the specifications of one installation's processes."""

    def __init__(
        self,
        environment: Environment,
        keyring: Keyring,
        *,
        folder: Path = PROJECT,
        variables: Mapping[str, str] = os.environ,
    ) -> None:
        self.folder = folder
        self._environment = environment
        self._keyring = keyring
        self._home = Home(environment.home)
        self.variables = {
            **variables,
            "SIGNALBOX_HOME": str(environment.home),
            "DJANGO_SETTINGS_MODULE": "console.settings",
            "PYTHONUNBUFFERED": "1",  # a log line is in the log when it was written
        }

    def valkey(self, socket: Path) -> ProcessSpecification:
        """The private Valkey; raises ``ValkeyUnusable`` where there is no program for it."""
        return ProcessSpecification(
            name="valkey",
            command=valkey.server_command(
                valkey.find_server(), socket=socket, folder=self._home.valkey
            ),
            stage=Stage.VALKEY,
            stop_limit_s=10.0,
            variables=self._without(*FIRST_START_ONLY, *CONSOLE_ONLY),
        )

    def console(self) -> tuple[ProcessSpecification, ...]:
        """Web, worker and beat."""
        environment = self._environment
        celery = ("-m", "celery", "-A", "console.celery")
        worker = ("worker", "--pool", "threads", "--concurrency", "4", "--prefetch-multiplier", "1")
        alone = ("--without-gossip", "--without-mingle", "--loglevel", "INFO")
        schedule = str(self._home.run / "beat-schedule")
        return (
            self._python(
                "web",
                *("-m", "daphne", "-b", environment.bind, "-p", str(environment.port)),
                "console.asgi:application",
                stage=Stage.WEB,
                stop_limit_s=5.0,
            ),
            self._python("worker", *celery, *worker, *alone, stage=Stage.WORKER, stop_limit_s=10.0),
            self._python(
                "beat",
                *(*celery, "beat", "--schedule", schedule, "--pidfile=", "--loglevel", "INFO"),
                stage=Stage.BEAT,
                stop_limit_s=5.0,
            ),
        )

    def runtime(self, node: DesiredNode) -> ProcessSpecification:
        """One runtime; also makes its folder and writes its tokens."""
        folder = self._home.node(node.node_id)
        folder.mkdir(mode=0o700, exist_ok=True)
        tokens = {
            "control.token": self._keyring.node_token(node.node_id),
            "telemetry.token": self._keyring.telemetry_token(node.node_id),
        }
        for name, token in tokens.items():
            write_private(folder / name, token + "\n")
        options = {
            "--data": str(folder),
            "--node-id": node.node_id,
            "--cluster-id": node.cluster_id,
            "--control": address(node.control_host, node.control_port),
            "--token-file": str(folder / "control.token"),
            "--telemetry": f"ws://{self.web_address()}/internal/telemetry/",
            "--telemetry-token-file": str(folder / "telemetry.token"),
        }
        variables = self._without(*FIRST_START_ONLY, *CONSOLE_ONLY)
        elsewhere = self._environment.runtime_folder
        if elsewhere is not None:
            variables = (*variables, ("PYTHONPATH", str(elsewhere)))
        return ProcessSpecification(
            name=node.node_id,
            command=(
                *(sys.executable, *(("-P",) if elsewhere else ()), "-m", "broker_runtime"),
                "--lifeline",
                *(part for option in options.items() for part in option),
            ),
            stage=Stage.RUNTIME,
            stop_limit_s=10.0,
            lifeline=True,
            first_restart_at_once=True,
            variables=variables,
        )

    def web_address(self) -> str:
        """Host and port at which processes of this machine reach the web process."""
        return address(reachable_host(self._environment.bind), self._environment.port)

    def _python(
        self, name: str, *arguments: str, stage: Stage, stop_limit_s: float
    ) -> ProcessSpecification:
        return ProcessSpecification(
            name=name,
            command=(sys.executable, *arguments),
            stage=stage,
            stop_limit_s=stop_limit_s,
            variables=self._without(*FIRST_START_ONLY),
        )

    def _without(self, *names: str) -> tuple[tuple[str, str], ...]:
        return tuple((name, value) for name, value in self.variables.items() if name not in names)


def address(host: str, port: int) -> str:
    """Write a host and a port as one; an IPv6 host goes into brackets."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def reachable_host(bind: str) -> str:
    """Return an address at which this machine reaches what is bound to ``bind``."""
    return {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(bind, bind)  # noqa: S104  # compared, not bound
