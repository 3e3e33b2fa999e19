"""What a node measures of itself, for telemetry and for Prometheus."""

from __future__ import annotations

import os
from pathlib import Path

from broker_runtime.broker.broker import Broker
from broker_runtime.control import prometheus
from broker_runtime.listeners.listeners import Listeners
from broker_runtime.storage.base import Journal
from broker_runtime.telemetry.outbox import Outbox


class Measuring:
    """Gathers gauges and counters from the parts of a node.

    Args:
        labels: go on every sample of the Prometheus text.
    """

    def __init__(
        self,
        labels: dict[str, str],
        *,
        broker: Broker,
        listeners: Listeners,
        journal: Journal,
        outbox: Outbox,
    ) -> None:
        self._labels = labels
        self._broker = broker
        self._listeners = listeners
        self._journal = journal
        self._outbox = outbox

    def gauges(self) -> dict[str, int]:
        """As ``contract.reports.MetricsReport.gauges``."""
        return {**self._broker.gauges(), "rss_bytes": _rss_bytes()}

    def counters(self) -> dict[str, int]:
        """As ``contract.reports.MetricsReport.counters``."""
        return {
            **self._broker.counters(),
            **self._listeners.counters(),
            **self._journal.counters(),
            "telemetry_left_out_events": self._outbox.left_out_events,
            "telemetry_left_out_metrics": self._outbox.left_out_metrics,
        }

    def prometheus(self, own: dict[str, int]) -> str:
        """The text, with what the node alone knows (``own``) beside the rest."""
        gauges = {
            **self.gauges(),
            **self._broker.strains(),
            **self._journal.gauges(),
            **own,
        }
        counters = {**self.counters(), **self._broker.messages_by_qos()}
        return prometheus.render(self._labels, gauges, counters)


def _rss_bytes() -> int:
    """Resident memory from ``/proc``; 0 where there is none."""
    try:
        pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    except OSError:
        return 0
    return pages * os.sysconf("SC_PAGE_SIZE")
