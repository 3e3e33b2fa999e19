"""The brokers that are compared: how each is started, and that all of it has ended."""

from __future__ import annotations

import contextlib
import getpass
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import psutil

from tests.bench import amqtt, ours
from tests.bench.cores import go_first, pinned
from tests.bench.scenarios import Scenario
from tests.bench.start import Failed, Start, free_port

START_S = 30.0
END_S = 15.0
POLL_S = 0.02


@dataclass(frozen=True, slots=True)
class Running:
    """A broker that accepts clients."""

    port: int
    folder: Path
    pids: tuple[int, ...]
    """The broker's own process first, then those it has started."""


@dataclass(frozen=True, slots=True)
class Broker:
    """One of the brokers.

    Args:
        command: makes its configuration in the folder and names the program to run.
        ready: does what has to be done once the process runs; raises ``Failed``.
    """

    name: str
    title: str
    command: Callable[[Start], list[str]]
    ready: Callable[[Start], None] = lambda _start: None
    is_ours: bool = False
    is_compiled: bool = False


def mosquitto_program() -> str | None:
    """Where Mosquitto is; Debian puts it where only root's search path leads."""
    return shutil.which("mosquitto") or shutil.which("mosquitto", path="/usr/sbin:/usr/local/sbin")


def mosquitto(start: Start) -> list[str]:
    """Mosquitto at its best: no log, no limit of queues, each message sent at once."""
    program = mosquitto_program()
    if program is None:
        raise Failed("mosquitto is not installed (package mosquitto)")
    lines = [
        f"listener {start.port} 127.0.0.1",
        f"user {getpass.getuser()}",
        "allow_anonymous true",
        "max_connections -1",
        "max_inflight_messages 0",
        "max_queued_messages 0",
        "set_tcp_nodelay true",
        "log_dest none",
        f"persistence {str(start.persistent).lower()}",
        f"persistence_location {start.folder}/",
    ]
    config = start.folder / "mosquitto.conf"
    config.write_text("\n".join(lines) + "\n")
    return [program, "-c", str(config)]


def _ours(name: str, title: str, loop: str, *, compiled: bool = False) -> Broker:
    return Broker(
        name,
        title,
        lambda start: ours.command(start, loop, compiled=compiled),
        ours.configure,
        is_ours=True,
        is_compiled=compiled,
    )


MOSQUITTO = "mosquitto"
BROKERS = {
    broker.name: broker
    for broker in (
        Broker(MOSQUITTO, "Mosquitto", mosquitto),
        Broker("amqtt", "amqtt", amqtt.command),
        _ours("asyncio", "Signalbox, asyncio", "asyncio"),
        _ours("uvloop", "Signalbox, uvloop", "uvloop"),
        _ours("compiled", "Signalbox, uvloop, compiled", "uvloop", compiled=True),
    )
}


@contextlib.contextmanager
def running(
    broker: Broker,
    scenario: Scenario,
    *,
    core: int,
    cache: Path,
    profile: Path | None = None,
    has_priority: bool = True,
) -> Iterator[Running]:
    """Run a broker on a core; all that it started is gone at the end.

    Raises:
        Failed: it did not start, or ended before its time; with the end of what it wrote.
    """
    runs = cache / "runs"
    runs.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=runs, ignore_cleanup_errors=True) as name:
        start = Start(Path(name), cache, free_port(), scenario.persistent, profile)
        output = start.folder / "output.txt"
        command = broker.command(start)
        with pinned(core), output.open("wb") as file:
            # A session of its own: whatever the broker starts can be ended with it.
            process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=file, stderr=file, start_new_session=True
            )
        if has_priority:
            go_first(process.pid)
        try:
            _await(lambda: broker.ready(start), process)
            _await(lambda: _connect(start.port), process)
            yield Running(start.port, start.folder, _family(process.pid, broker))
            if process.poll() is not None:
                raise Failed(f"the broker ended with status {process.returncode}")
        except Failed as error:
            raise Failed(f"{error}; {_tail(output)}".rstrip("; ")) from None
        finally:
            _end(process, gracefully=profile is not None)


def _await(attempt: Callable[[], None], process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + START_S
    while True:
        try:
            return attempt()
        except OSError as error:
            if process.poll() is not None:
                raise Failed(f"the broker ended with status {process.returncode}") from None
            if time.monotonic() > deadline:
                raise Failed(f"the broker was not ready after {START_S:.0f} s: {error}") from None
        time.sleep(POLL_S)


def _connect(port: int) -> None:
    socket.create_connection(("127.0.0.1", port), timeout=1).close()


def _family(pid: int, broker: Broker) -> tuple[int, ...]:
    """The process and its children; ours has one that indexes the message log."""
    deadline = time.monotonic() + START_S
    while True:
        children = psutil.Process(pid).children(recursive=True)
        if children or not broker.is_ours:
            return (pid, *(child.pid for child in children))
        if time.monotonic() > deadline:
            raise Failed("the node has not started its indexer")
        time.sleep(POLL_S)


def _end(process: subprocess.Popen[bytes], *, gracefully: bool) -> None:
    if gracefully:
        process.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(END_S)
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait(END_S)


def _tail(output: Path) -> str:
    return output.read_text(errors="replace").strip()[-400:]
