"""Eclipse Mosquitto's own broker tests, run against ours.

The tests start ``../../src/mosquitto`` themselves, once or several times; there they find
``mosquitto_program``, which becomes a node of ours.
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tests.control.fakes import free_port
from tests.node.process import REPOSITORY
from tests.suites.mosquitto_program import NOT_APPLICABLE
from tests.suites.verdicts import Verdict

SUITE = "mosquitto"
LIMIT_S = 180
AT_ONCE = 2
HERE = Path(__file__).parent
FOREIGN = ("06-", "08-", "09-plugin", "10-", "14-", "09-acl", "09-extended", "09-pwfile")
"""Bridges, OpenSSL set-ups of Mosquitto, its plugins, mount points: not what a broker must have."""
_CASE = re.compile(r"^\s*\((\d), '\./(.+?\.py)'\)", re.MULTILINE)
_COMPLAINT = re.compile(r"^(?:FAIL.*|\w*Error\b.*)$", re.MULTILINE)


def run(tree: Path, folder: Path) -> Iterator[Verdict]:
    """Every case that its own list names and that is about a broker as such."""
    work = folder / SUITE
    shutil.copytree(tree / "test", work / "test")
    _put_program(work / "src" / "mosquitto")
    _make_tolerant(work / "test" / "mosq_test.py")
    broker_tests = work / "test" / "broker"
    cases = [
        (name, int(ports))
        for ports, name in _CASE.findall((broker_tests / "test.py").read_text())
        if not name.startswith(FOREIGN)
    ]
    with ThreadPoolExecutor(AT_ONCE) as pool:
        yield from pool.map(lambda case: _case(broker_tests, *case), cases)


def _put_program(program: Path) -> None:
    program.parent.mkdir(parents=True)
    script = HERE / "mosquitto_program.py"
    program.write_text(f'#!/bin/sh\nexec "{sys.executable}" "{script}" "$@"\n')
    program.chmod(0o755)


def _end_all_of(running: subprocess.Popen[str]) -> None:
    """A case that fails leaves its brokers behind: the whole session of processes is ended."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(running.pid, signal.SIGKILL)
    running.wait()


def _make_tolerant(helper: Path) -> None:
    with helper.open("a") as module:
        module.write(f"\nsys.path.append({str(HERE)!r})\n")
        module.write("import mosquitto_tolerance\n")
        module.write("mosquitto_tolerance.install(sys.modules[__name__])\n")


def _case(broker_tests: Path, name: str, ports: int) -> Verdict:
    command = [sys.executable, name, *(str(free_port()) for _ in range(ports))]
    environment = {**os.environ, "SUITE_RUNTIME": str(REPOSITORY), "TMPDIR": str(broker_tests)}
    running = subprocess.Popen(
        command,
        cwd=broker_tests,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    try:
        said, _ = running.communicate(timeout=LIMIT_S)
    except subprocess.TimeoutExpired:
        return Verdict(SUITE, name, "failed", f"not over within {LIMIT_S} s")
    finally:
        _end_all_of(running)
    if NOT_APPLICABLE in said:
        directives = said.split(NOT_APPLICABLE, 1)[1].splitlines()[0].split("\\n")[0]
        return Verdict(SUITE, name, "not applicable", f"configures {directives}")
    if running.returncode == 0:
        return Verdict(SUITE, name, "passed")
    complaint = _COMPLAINT.search(said)
    return Verdict(SUITE, name, "failed", complaint.group()[:200] if complaint else said[-200:])
