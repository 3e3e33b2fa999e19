"""Timers by the thousand: a wheel of buckets, moved on by whoever knows the time."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

RESOLUTION_S: Final = 0.1
"""A timer fires at most this late, plus the interval between two ``advance``."""


class Timer:
    """One appointment; ``cancel`` and forget."""

    __slots__ = ("_buckets", "_number", "callback")

    def __init__(
        self, callback: Callable[[], None], buckets: dict[int, dict[Timer, None]], number: int
    ) -> None:
        self.callback: Callable[[], None] | None = callback
        self._buckets = buckets
        self._number = number

    def cancel(self) -> None:
        """Do not fire. Harmless when it has. Nothing of it is kept: the clocks of a session that
        comes and goes often may be due only in days."""
        self.callback = None
        bucket = self._buckets.get(self._number)
        if bucket is not None and bucket.pop(self, 0) is None and not bucket:
            del self._buckets[self._number]


class TimerWheel:
    """Buckets of 100 ms. Adding and cancelling take constant time."""

    __slots__ = ("_buckets", "_turned")

    def __init__(self, now_s: float) -> None:
        self._buckets: dict[int, dict[Timer, None]] = {}
        """Timers by turn, in the order they were made."""
        self._turned = int(now_s / RESOLUTION_S)

    def at(self, deadline_s: float, callback: Callable[[], None]) -> Timer:
        """Call back once ``deadline_s`` (monotonic) has passed, never before."""
        number = max(int(deadline_s / RESOLUTION_S) + 1, self._turned + 1)
        timer = Timer(callback, self._buckets, number)
        self._buckets.setdefault(number, {})[timer] = None
        return timer

    def advance(self, now_s: float) -> None:
        """Fire what is due."""
        turn = int(now_s / RESOLUTION_S)
        if turn - self._turned > len(self._buckets):
            due = sorted(number for number in self._buckets if number <= turn)
        else:
            due = [n for n in range(self._turned + 1, turn + 1) if n in self._buckets]
        for number in due:
            self._turned = number
            for timer in self._buckets.pop(number, {}):
                callback, timer.callback = timer.callback, None
                if callback is not None:
                    callback()
        self._turned = max(turn, self._turned)
