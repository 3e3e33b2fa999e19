"""Time as the broker is given it: monotonic for decisions, wall time for ids, display and expiry
at rest.
"""

from __future__ import annotations

import time
from typing import Protocol


class Clock(Protocol):
    """What tells the time (CLUSTERING 3.7, 14)."""

    def monotonic_s(self) -> float:
        """Seconds that never go back; only differences mean anything."""
        ...

    def wall_us(self) -> int:
        """Microseconds since 1970; may jump."""
        ...


class SystemClock:
    """The machine's clocks."""

    def monotonic_s(self) -> float:
        """Seconds of the monotonic clock."""
        return time.monotonic()

    def wall_us(self) -> int:
        """Microseconds since 1970."""
        return time.time_ns() // 1000
