"""Client ids: a new one for who has none, and programs that fight for one (S1)."""

from __future__ import annotations

import secrets
from collections import deque
from typing import Final

FLAP_WINDOW_S: Final = 10.0
FLAP_DELAYS_S: Final = ((10, 5.0), (5, 1.0))
"""(take-overs of one client id within the window, how long the next one waits), from the worst."""

MAX_FLAPS: Final = 10_000


def new_client_id() -> str:
    """[MQTT-3.1.3-7]; 120 bits nobody can guess (S20)"""
    return f"auto-{secrets.token_hex(15)}"


class TakeOvers:
    """The take-overs of the last moments, by client id."""

    __slots__ = ("_times",)

    def __init__(self) -> None:
        self._times: dict[str, deque[float]] = {}

    def delay_s(self, client_id: str, now_s: float) -> float:
        """One more take-over: how long it has to wait."""
        if len(self._times) > MAX_FLAPS:
            self._times.clear()
        times = self._times.setdefault(client_id, deque(maxlen=FLAP_DELAYS_S[0][0]))
        while times and now_s - times[0] > FLAP_WINDOW_S:
            times.popleft()
        delay_s = next((delay for count, delay in FLAP_DELAYS_S if len(times) >= count), 0.0)
        times.append(now_s)
        return delay_s
