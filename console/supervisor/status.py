"""``home/run/supervisor.json``: what runs, rewritten each second, for /healthz to read."""

from __future__ import annotations

import json
from pathlib import Path

from console.supervisor.home import write_private
from console.supervisor.roster import Member


def write_status(
    path: Path, members: dict[str, Member], *, now_s: float, clock_offset_ms: int
) -> None:
    """Write the status of every process.

    Args:
        now_s: of the clock that the members' ``since_s`` are from.
        clock_offset_ms: what makes that clock's time one since 1970.
    """

    def wall_ms(instant_s: float) -> int:
        return clock_offset_ms + round(instant_s * 1000)

    processes = {
        name: {
            "pid": member.pid,
            "state": str(member.state),
            "restarts": member.restarts,
            "since_ms": wall_ms(member.since_s),
        }
        for name, member in members.items()
    }
    write_private(path, json.dumps({"at_ms": wall_ms(now_s), "processes": processes}) + "\n")
