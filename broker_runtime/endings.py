"""How the operator, or the process that started the node, tells it to stop."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import threading
from collections.abc import Callable

SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)


def on_told_to_stop(
    stop: Callable[[str], None], *, lifeline: bool, reload: Callable[[], None] | None
) -> None:
    """Have ``stop(reason)`` called on the running loop at each signal and, with ``lifeline``, at
    the end of standard input, which comes when the process that holds its other end dies.

    With ``reload``, SIGHUP calls that instead.
    """
    loop = asyncio.get_running_loop()
    for number in SIGNALS:
        loop.add_signal_handler(number, stop, number.name)
    if reload is not None:
        loop.add_signal_handler(signal.SIGHUP, reload)
    if lifeline:
        # A thread, because standard input may be a pipe, a terminal or a file; a daemon, because
        # nothing can interrupt its read when the node ends for another reason.
        threading.Thread(
            target=_await_end_of_input, args=(loop, stop), name="lifeline", daemon=True
        ).start()


def _await_end_of_input(loop: asyncio.AbstractEventLoop, stop: Callable[[str], None]) -> None:
    with contextlib.suppress(OSError):
        while os.read(0, 4096):
            pass
    with contextlib.suppress(RuntimeError):  # the loop is closed: the node ended before its input
        loop.call_soon_threadsafe(stop, "lifeline")
