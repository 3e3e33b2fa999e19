"""The indexer process: ``python -m broker_runtime.storage.journal.indexer FOLDER``.

Standard input is its lifeline: it ends when that does, so it never outlives the broker. Lines on
it: ``look`` (there is something new), ``retain <seconds>``, ``bound <bytes>``. It answers on
standard output with ``indexed <position>`` after each batch, and now and then with ``size <bytes>``
and ``discarded <messages>``, the messages since it said so last.
"""

from __future__ import annotations

import fcntl
import logging
import os
import select
import signal
import sqlite3
import sys
import time
from collections.abc import Callable
from pathlib import Path

from broker_runtime.logs import start_logging
from broker_runtime.storage.journal import layout
from broker_runtime.storage.journal.indexing import Indexer

logger = logging.getLogger(__name__)

IDLE_S = 1.0
"""Looks by itself this often, should a ``look`` have been lost."""
RETRY_S = 1.0
EXPIRE_EVERY_S = 60.0
BOUND_EVERY_S = 5.0
LOCK_POLL_S = 0.05
NICENESS = 5
"""Messages come first: the broker gets the core when both want it."""


class Lifeline:
    """Standard input: what the broker says, and whether it lives."""

    def __init__(self, descriptor: int = 0) -> None:
        self.is_cut = False
        self._descriptor = descriptor
        self._heard = b""

    def wait(self, wait_s: float) -> None:
        """Listen until something comes or the time is over; sets ``is_cut`` at the end of input."""
        if select.select([self._descriptor], [], [], wait_s)[0]:
            said = os.read(self._descriptor, 65_536)
            self.is_cut = not said
            self._heard += said

    def lines(self) -> list[str]:
        """Whole lines heard since the last call."""
        *lines, self._heard = self._heard.split(b"\n")
        return [line.decode("ascii", "replace") for line in lines]


class Work:
    """The loop of the process."""

    def __init__(self, indexer: Indexer, lifeline: Lifeline, say: Callable[[str], None]) -> None:
        self._indexer = indexer
        self._lifeline = lifeline
        self._say = say
        self._said_position = -1
        self._is_failing = False
        self._expired_at_s = float("-inf")
        self._bounded_at_s = float("-inf")
        self._said_discarded = 0

    def run(self) -> None:
        """Index until the lifeline is cut."""
        wait_s = 0.0
        while True:
            self._lifeline.wait(wait_s)
            if self._lifeline.is_cut:
                return
            for line in self._lifeline.lines():
                self._obey(line)
            wait_s = self._index()

    def _obey(self, line: str) -> None:
        verb, _, figure = line.partition(" ")
        if verb == "retain" and figure.isdigit():
            self._indexer.retention_s = int(figure)
            self._expired_at_s = float("-inf")
        elif verb == "bound" and figure.isdigit():
            self._indexer.max_bytes = int(figure)
            self._bounded_at_s = float("-inf")

    def _index(self) -> float:
        """One step; how long to wait before the next."""
        try:
            if time.monotonic() - self._expired_at_s > EXPIRE_EVERY_S:
                self._indexer.expire()
                self._expired_at_s = time.monotonic()
            if time.monotonic() - self._bounded_at_s > BOUND_EVERY_S:
                self._bound()
            is_busy = self._indexer.step() or self._bounded_at_s < 0
            wait_s = 0.0 if is_busy else IDLE_S
        except BrokenPipeError:
            raise  # nobody listens any more
        except (sqlite3.Error, OSError) as error:
            if not self._is_failing:
                logger.error("message log cannot be indexed now, trying on error=%s", error)
            self._is_failing = True
            return RETRY_S
        if self._is_failing:
            logger.info("message log is indexed again")
        self._is_failing = False
        if self._indexer.position != self._said_position:
            self._said_position = self._indexer.position
            self._say(f"indexed {self._said_position}\n")
        return wait_s

    def _bound(self) -> None:
        """Keep the limit of size; while there is more to delete it comes again after each batch."""
        if self._indexer.bound():
            self._bounded_at_s = float("-inf")
        else:
            self._bounded_at_s = time.monotonic()
            self._say(f"size {self._indexer.size_bytes}\n")
        discarded = self._indexer.discarded - self._said_discarded
        if discarded:
            self._said_discarded += discarded
            self._say(f"discarded {discarded}\n")


def take_lock(folder: Path, lifeline: Lifeline) -> int | None:
    """Wait until no other indexer works on the folder; None when the lifeline was cut first."""
    path = folder / layout.INDEXER_LOCK
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    while not lifeline.is_cut:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lifeline.wait(LOCK_POLL_S)
        else:
            return descriptor
    os.close(descriptor)
    return None


def main(folder: Path) -> int:
    """Index the folder until standard input ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the group; the lifeline ends us
    os.nice(NICENESS)
    start_logging("info")
    lifeline = Lifeline()
    lock = take_lock(folder, lifeline)
    if lock is None:
        return 0
    indexer = Indexer(folder, now_ms=lambda: time.time_ns() // 1_000_000)
    try:
        Work(indexer, lifeline, say=_say).run()
    except BrokenPipeError:
        logger.info("nobody listens any more, ending")
    finally:
        indexer.close()
        os.close(lock)
    return 0


def _say(text: str) -> None:
    os.write(1, text.encode())


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
