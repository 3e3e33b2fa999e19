"""amqtt, the other broker on asyncio: installed for the benchmark alone, never with the product."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

from tests.bench.start import Failed, Start

VERSION = "0.12.1"
INSTALL_S = 180
PROGRAM = """
import asyncio, logging, sys
from amqtt.broker import Broker
logging.disable(logging.ERROR)
async def main():
    await Broker({
        "listeners": {"default": {"type": "tcp", "bind": f"127.0.0.1:{sys.argv[1]}"}},
        "plugins": {"amqtt.plugins.authentication.AnonymousAuthPlugin": {"allow_anonymous": True}},
    }).start()
    await asyncio.Event().wait()
asyncio.run(main())
"""
"""Only the plugin that lets everybody in, and no log: its best case."""


def command(start: Start) -> list[str]:
    """Run amqtt from an environment of its own, which the first call installs."""
    return [str(_install(start.cache) / "bin" / "python"), "-c", PROGRAM, str(start.port)]


def _install(cache: Path) -> Path:
    venv = cache / f"amqtt-{VERSION}"
    if (venv / "installed").exists():
        return venv
    shutil.rmtree(venv, ignore_errors=True)
    for step in (
        [sys.executable, "-m", "venv", str(venv)],
        [str(venv / "bin" / "python"), "-m", "pip", "install", "--quiet", f"amqtt=={VERSION}"],
    ):
        try:
            done = subprocess.run(
                step, capture_output=True, text=True, timeout=INSTALL_S, check=False
            )
        except subprocess.TimeoutExpired:
            raise Failed(f"amqtt was not installed after {INSTALL_S} s") from None
        if done.returncode != 0:
            raise Failed(f"amqtt cannot be installed: {(done.stdout + done.stderr).strip()[-300:]}")
    (venv / "installed").touch()
    return venv
