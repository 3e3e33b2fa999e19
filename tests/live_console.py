"""A console that a browser of ``tests.browser`` talks to: daphne with a home and a database of
its own, and three clusters in it.

No worker and no runtime run behind it: what is created stays in creation. It starts in seconds;
``tests.e2e.product`` starts the whole product.
"""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import urllib3
from playwright.sync_api import Page

PROJECT = Path(__file__).resolve().parents[1]
OWNER = "owner"
PASSWORD = "sees-all-the-signals"
START_S = 60.0
"""Migrating takes some seconds, more when the machine does other things as well."""
SEED = """
from clusters.models import ClusterTag
from console.accounts.models import User
from tests.cast import make_cluster
uin = User.objects.get(username="owner").uin
for name in ("north-line", "south-line", "to-be-deleted"):
    cluster = make_cluster(uin, name=name)
    ClusterTag.objects.create(cluster=cluster, key="env", value="prod")
"""


@dataclass(frozen=True, slots=True)
class LiveConsole:
    """A running console; ``address`` is where its pages are."""

    address: str
    home: Path

    def sign_in(self, page: Page) -> None:
        """Sign the owner in, as a person does; ends at the overview."""
        page.goto(f"{self.address}/sign-in/")
        page.get_by_label("User name").fill(OWNER)
        page.get_by_label("Password").fill(PASSWORD)
        page.get_by_role("button", name="Sign in").click()
        page.wait_for_url("**/overview/")


@contextlib.contextmanager
def running_console(home: Path) -> Iterator[LiveConsole]:
    """Migrate, seed and serve; ends with everything stopped."""
    port = _free_port()
    console = LiveConsole(f"http://127.0.0.1:{port}", home)
    environment = {
        **os.environ,
        "SIGNALBOX_HOME": str(home),
        "SIGNALBOX_PORT": str(port),
        "SIGNALBOX_OWNER_PASSWORD": PASSWORD,
    }
    for arguments in (["first_start"], ["shell", "-c", SEED]):
        _run([sys.executable, "manage.py", *arguments], environment)
    with (home / "web.log").open("wb") as log:
        daphne = [sys.executable, "-m", "daphne", "-b", "127.0.0.1", "-p", str(port)]
        process = subprocess.Popen(
            [*daphne, "console.asgi:application"],
            cwd=PROJECT,
            env=environment,
            stdout=log,
            stderr=subprocess.STDOUT,
        )
        try:
            _wait_for(console, process)
            yield console
        finally:
            process.terminate()
            process.wait(timeout=20)


def _run(command: list[str], environment: dict[str, str]) -> None:
    done = subprocess.run(
        command, cwd=PROJECT, env=environment, capture_output=True, text=True, timeout=START_S
    )
    assert done.returncode == 0, f"{command[2]}: {done.stdout[-2000:]}{done.stderr[-2000:]}"


def _wait_for(console: LiveConsole, process: subprocess.Popen[bytes]) -> None:
    deadline_s = time.monotonic() + START_S
    while time.monotonic() < deadline_s:
        assert process.poll() is None, (console.home / "web.log").read_text()[-3000:]
        with contextlib.suppress(urllib3.exceptions.HTTPError):
            urllib3.request("GET", f"{console.address}/sign-in/", retries=False, timeout=2)
            return
        time.sleep(0.1)
    raise AssertionError((console.home / "web.log").read_text()[-3000:])


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])
