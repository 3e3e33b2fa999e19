"""The Signalbox MQTT broker: one process per cluster node, knows nothing of the console."""

from __future__ import annotations

__version__ = "0.1.0"
