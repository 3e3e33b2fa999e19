"""Timers by the thousand: a wheel of buckets, moved on by whoever knows the time."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

RESOLUTION_S: Final = 0.1
"""A timer fires at most this late, plus the interval between two ``advance``."""


class Timer:
    """One appointment; ``cancel`` and forget."""

    __slots__ = ("callback",)

    def __init__(self, callback: Callable[[], None]) -> None:
        self.callback: Callable[[], None] | None = callback

    def cancel(self) -> None:
        """Do not fire. Harmless when it has."""
        self.callback = None


class TimerWheel:
    """Buckets of 100 ms. Adding and cancelling take constant time."""

    __slots__ = ("_buckets", "_turned")

    def __init__(self, now_s: float) -> None:
        self._buckets: dict[int, list[Timer]] = {}
        self._turned = int(now_s / RESOLUTION_S)

    def at(self, deadline_s: float, callback: Callable[[], None]) -> Timer:
        """Call back once ``deadline_s`` (monotonic) has passed, never before."""
        timer = Timer(callback)
        bucket = max(int(deadline_s / RESOLUTION_S) + 1, self._turned + 1)
        self._buckets.setdefault(bucket, []).append(timer)
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
            for timer in self._buckets.pop(number):
                callback, timer.callback = timer.callback, None
                if callback is not None:
                    callback()
        self._turned = max(turn, self._turned)
