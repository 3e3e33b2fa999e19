"""Pytest plugin: each test process gets its own home folder and its own Valkey."""

from __future__ import annotations

import atexit
import os
import shutil
import subprocess
import tempfile
from pathlib import Path

from console.supervisor.valkey import find_server


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
    options = ["--port", "0", "--unixsocket", str(socket), "--save", "", "--daemonize", "no"]
    server = subprocess.Popen(
        [str(find_server()), *options],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        cwd=home,
    )
    atexit.register(server.wait, 5)
    atexit.register(server.terminate)
    os.environ["REDIS_URL"] = f"unix://{socket}"


_start()
