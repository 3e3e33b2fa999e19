"""How late the event loop was: whoever waits for it waits as long (E11)."""

from __future__ import annotations

from typing import Final

WINDOW_S: Final = 15.0
"""The worst of this time, and of the one before it, is told: no reader each minute misses it."""


class Stalls:
    """Fed by a timer that knows when it should have fired."""

    __slots__ = ("_before_s", "_since_s", "_worst_s")

    def __init__(self, now_s: float) -> None:
        self._since_s = now_s
        self._worst_s = self._before_s = 0.0

    def note(self, now_s: float, late_s: float) -> None:
        """The timer fired so late."""
        if now_s - self._since_s >= WINDOW_S:
            self._before_s, self._worst_s, self._since_s = self._worst_s, 0.0, now_s
        self._worst_s = max(self._worst_s, late_s)

    def worst_ms(self) -> int:
        """The longest stall of the last moments."""
        return round(max(self._worst_s, self._before_s) * 1000)
