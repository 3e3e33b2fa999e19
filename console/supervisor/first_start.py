"""``manage.py first_start``: brings the database up to date and makes the first owner.

The command writes JSON lines on its standard output; what it logs goes to its standard error.
Lines understood here: ``{"event": "owner_created", "username": ..., "password": ...}``, with a
password only when it was generated, and ``{"event": "refused", "message": ...}``.
"""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from console.supervisor.leash import Leash
from console.supervisor.log_file import LogFile


class FirstStartFailed(Exception):
    """The database could not be prepared; the message says why, as far as the command told."""


@dataclass(frozen=True, slots=True)
class Owner:
    """The account that was made by this very start."""

    username: str
    password: str = field(repr=False)
    """The generated password, to be shown once; empty where the operator chose it."""


async def run_first_start(
    *, folder: Path, variables: Mapping[str, str], leash: Leash, log_path: Path
) -> Owner | None:
    """Run the command to its end.

    Returns: the owner, where it was made now.
    Raises: ``FirstStartFailed``.
    """
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "manage.py", "first_start"),
        cwd=folder,
        env=dict(variables),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        start_new_session=True,
        preexec_fn=leash.tie(),
    )
    leash.hold(process.pid)
    try:
        output, complaints = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
        leash.release(process.pid)
    log = LogFile(log_path)
    log.append(complaints)
    last_line = log.last_line()
    log.close()
    events = _events(output)
    if process.returncode != 0:
        refusals = [str(event.get("message")) for event in events if event["event"] == "refused"]
        raise FirstStartFailed("\n".join(refusals) or last_line or "it said nothing")
    for event in events:
        if event["event"] == "owner_created":
            return Owner(str(event.get("username")), str(event.get("password") or ""))
    return None


def _events(output: bytes) -> list[dict[str, object]]:
    """Read the lines that are JSON objects with an ``event``."""
    events = []
    for line in output.splitlines():
        try:
            event = json.loads(line)
        except ValueError:
            continue
        if isinstance(event, dict) and "event" in event:
            events.append(event)
    return events
