"""What a process is: how it is started, and in which order and how long it is asked to stop."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import IntEnum


class Stage(IntEnum):
    """Order of start; processes stop in the reverse order."""

    VALKEY = 1
    WEB = 2
    WORKER = 3
    BEAT = 4
    RUNTIME = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class ProcessSpecification:
    """One process to keep alive; the process is restarted where a new one differs."""

    name: str
    """Names the log file and the row in the status file; a node's id for a runtime."""
    command: tuple[str, ...]
    stage: Stage
    stop_limit_s: float
    """Time between being asked to stop (SIGTERM) and being killed."""
    lifeline: bool = False
    """Give it a standard input that ends when the supervisor does."""
    first_restart_at_once: bool = False
    """Skip the pause after its first death, so that its clients are served again soonest."""
    variables: tuple[tuple[str, str], ...] = field(default=(), repr=False)
    """Its whole environment; may hold secrets."""
