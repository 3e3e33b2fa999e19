"""Which CPU a process keeps to: the broker has one, the generator the other."""

from __future__ import annotations

import contextlib
import os
import resource
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

FIRST = -15
"""Nice value of what is measured."""


def two_cores() -> tuple[int, int]:
    """A core for the broker and one for the generator; the same when there is only one."""
    cores = sorted(os.sched_getaffinity(0))
    return cores[0], cores[-1]


@contextlib.contextmanager
def pinned(core: int) -> Iterator[None]:
    """Processes started within keep to this core; this process does so for as long too."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {core})
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def allow_many_files() -> int:
    """Raise this process's limit of open files, which others inherit, as far as it goes."""
    _soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return hard


def go_first(pid: int) -> None:
    """Let the session that a process leads go before what else this machine does.

    Linux shares a CPU out to sessions first, then within one: so both have to be told. Only an
    administrator may; for anybody else nothing changes.
    """
    with contextlib.suppress(OSError):
        os.setpriority(os.PRIO_PROCESS, pid, FIRST)
        Path(f"/proc/{pid}/autogroup").write_text(str(FIRST))


def end_what_runs_when_told_to_stop() -> None:
    """Let SIGTERM unwind as Ctrl-C does, so that no broker and no generator is left behind."""
    signal.signal(signal.SIGTERM, lambda _number, _frame: sys.exit(1))
