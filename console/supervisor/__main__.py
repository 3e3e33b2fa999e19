"""``python -m console.supervisor``: run Signalbox in the foreground until Ctrl-C."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import os
import socket
import sys
import time
from collections.abc import Callable

from console.environment import Environment, EnvironmentInvalid
from console.keyring import Keyring, KeyringInvalid
from console.supervisor.database import open_database
from console.supervisor.first_start import FirstStartFailed
from console.supervisor.home import Home, HomeUnusable
from console.supervisor.leash import make_leash
from console.supervisor.plan import Plan
from console.supervisor.supervisor import CannotStart, Supervisor
from console.supervisor.valkey import ValkeyUnusable

REFUSALS = (
    EnvironmentInvalid,
    KeyringInvalid,
    HomeUnusable,
    ValkeyUnusable,
    FirstStartFailed,
    CannotStart,
)
"""What an operator can put right; each says how, so no traceback is shown."""


def say(line: str) -> None:
    """Show a line with the time; a terminal that has gone is no reason to stop."""
    with contextlib.suppress(OSError):
        print(f"{time.strftime('%H:%M:%S')}  {line}", flush=True)


def require_port(host: str, port: int) -> None:
    """Refuse to start where the console's port cannot be had; raise ``CannotStart``."""
    causes = {
        errno.EADDRINUSE: "another program uses it. Stop that, or set SIGNALBOX_PORT to another.",
        errno.EADDRNOTAVAIL: "this machine has no such address. Set SIGNALBOX_BIND to one it has.",
        errno.EACCES: "ports below 1024 need more rights. Set SIGNALBOX_PORT to a higher one.",
    }
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        socket.create_server((host, port), family=family).close()
    except OSError as problem:
        cause = causes.get(problem.errno or 0, f"{problem.strerror}. Check SIGNALBOX_BIND.")
        raise CannotStart(f"The console cannot listen on {host} port {port}: {cause}") from problem


async def supervise(environment: Environment, plan: Plan) -> None:
    """Run one installation until it is stopped."""
    database = open_database(environment.database_url)
    await Supervisor(environment, plan=plan, database=database, leash=make_leash(), say=say).run()


def main(make_plan: Callable[[Environment, Keyring], Plan] = Plan) -> int:
    """Run Signalbox with the processes of a plan; return the exit status."""
    os.umask(0o077)  # what this and every process started from here writes is the user's alone
    try:
        environment = Environment.load()
        home = Home(environment.home)
        home.prepare()
        home.lock()
        require_port(environment.bind, environment.port)
        say(f"Signalbox is starting; its data is in {environment.home}")
        asyncio.run(supervise(environment, make_plan(environment, Keyring.load(home.path))))
    except REFUSALS as problem:
        print(f"Signalbox cannot start. {problem}", file=sys.stderr)
        return 1
    say("Stopped; nothing is left running.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
