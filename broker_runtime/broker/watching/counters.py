"""The counters of the node under ``$SYS/broker/…``, in the words of the field (Mosquitto's)."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

from broker_runtime import __version__

if TYPE_CHECKING:
    from broker_runtime.broker.core import Core

PREFIX: Final = "$SYS/broker/"
_MINUTES: Final = (1, 5, 15)


class Load:
    """How often something happens in a minute, averaged over the last 1, 5 and 15 of them."""

    __slots__ = ("_averages", "_last")

    def __init__(self, count: int) -> None:
        self._last = count
        self._averages = [0.0] * len(_MINUTES)

    def update(self, count: int, elapsed_s: float) -> list[float]:
        """The averages, after ``elapsed_s`` since the last call."""
        rate = (count - self._last) * 60 / elapsed_s
        self._last = count
        for place, minutes in enumerate(_MINUTES):
            fading = math.exp(-elapsed_s / (60 * minutes))
            self._averages[place] = rate + fading * (self._averages[place] - rate)
        return self._averages


class Counters:
    """Publishes what changed, every ``sys_interval_s``; sixty topics and no more."""

    def __init__(self, core: Core) -> None:
        self._core = core
        self._started_s = self._last_s = core.now_s
        self._most_connected = 0
        self._loads = {name: Load(count) for name, count in self._counted().items()}
        self._told: dict[str, str] = {}

    def tick(self, now_s: float) -> None:
        """Publish if it is time to."""
        connected = self._core.sessions.connected
        self._most_connected = max(self._most_connected, connected)
        interval_s = self._core.settings.sys_interval_s
        elapsed_s = now_s - self._last_s
        if not interval_s or (elapsed_s < interval_s and self._told):
            return
        self._last_s = now_s
        values = self._values(now_s)
        if elapsed_s > 0:
            values |= self._load(elapsed_s)
        for name, value in values.items():
            if self._told.get(name) != value:
                self._told[name] = value
                self._core.announcements.publish(PREFIX + name, value.encode(), keep=True)

    def _values(self, now_s: float) -> dict[str, str]:
        core = self._core
        connected, sessions = core.sessions.connected, len(core.sessions.by_client_id)
        gauges = {
            "clients/connected": connected,
            "clients/disconnected": sessions - connected,
            "clients/total": sessions,
            "clients/maximum": self._most_connected,
            "subscriptions/count": len(core.tree),
            "retained messages/count": len(core.retained),
            "retained messages/bytes": core.retained.size_bytes,
        }
        counts = {name: count for name, count in self._counted().items() if name != "connections"}
        return {
            "version": f"signalbox {__version__}",
            "uptime": f"{int(now_s - self._started_s)} seconds",
            **{name: str(value) for name, value in (gauges | counts).items()},
        }

    def _counted(self) -> dict[str, int]:
        """What grows, by name; "messages" are packets of every type, as with Mosquitto."""
        stats = self._core.stats
        return {
            "messages/received": sum(stats.packets_received),
            "messages/sent": sum(stats.packets_sent),
            "publish/messages/received": stats.messages_received,
            "publish/messages/sent": stats.messages_sent,
            "publish/messages/dropped": sum(stats.dropped.values()),
            "bytes/received": stats.bytes_received,
            "bytes/sent": stats.bytes_sent,
            "connections": stats.connect_success,
        }

    def _load(self, elapsed_s: float) -> dict[str, str]:
        values = {}
        for name, count in self._counted().items():
            averages = self._loads[name].update(count, elapsed_s)
            short = name.replace("publish/messages", "publish")
            for minutes, average in zip(_MINUTES, averages, strict=True):
                values[f"load/{short}/{minutes}min"] = f"{average:.2f}"
        return values
