"""Pytest plugin: each test process gets its own home folder and its own Valkey; no example of
Hypothesis is timed, the machine may be busy.

With ``SIGNALBOX_COMPILED=1`` the engine under test is the compiled one, in this process and in the
nodes that tests start; the first process makes it, where it was not made of these sources before.
"""

from __future__ import annotations

import atexit
import importlib
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from hypothesis import settings

from console.supervisor.valkey import find_server

PROJECT = Path(__file__).resolve().parents[1]
IS_COMPILED = os.environ.get("SIGNALBOX_COMPILED") == "1"


def _take_the_compiled_engine() -> None:
    # A process of its own: here the package must not be imported before its copy is on the path.
    find = [sys.executable, "-m", "broker_runtime.compilation", ".signalbox/compiled"]
    made = subprocess.run(find, cwd=PROJECT, stdout=subprocess.PIPE, text=True, check=True)
    copy = made.stdout.strip()
    sys.path.insert(0, copy)
    importlib.import_module("broker_runtime")  # pytest puts the project before what is there now
    os.environ["PYTHONPATH"] = os.pathsep.join((copy, str(PROJECT)))
    os.environ["PYTHONSAFEPATH"] = "1"


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


if IS_COMPILED:
    _take_the_compiled_engine()
settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")
_start()
