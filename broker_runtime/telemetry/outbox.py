"""What waits for the console: bounded, without I/O, nothing left out uncounted.

A report leaves the outbox when the console *took* it, which it says (``contract.reports.Taken``)
once it dealt with it. What was on its way when the connection broke is sent again, so the console
may see a report twice; it never misses one uncounted.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable

import msgspec

from broker_runtime.contract.queries import ClientEvent
from broker_runtime.contract.reports import (
    Applied,
    ClientEvents,
    MetricsReport,
    Report,
    TopicsCreated,
)

MAX_EVENTS = 10_000
MAX_METRICS = 600
"""Ten minutes of reports: a console that was restarted has no hole in its charts."""
EVENTS_PER_REPORT = 1_000
EVENT_BYTES_PER_REPORT = 512 * 1024
"""The console's server refuses messages of more than 1 MiB; ids and names may have 64 KB each. An
event that alone is longer is left out and counted: the journal has it.
"""
TOPICS_PER_REPORT = 1_000


class Outbox:
    """Reports that the console did not take yet; only the newest events and metrics are kept."""

    def __init__(self, *, max_events: int = MAX_EVENTS, max_metrics: int = MAX_METRICS) -> None:
        self._max_events = max_events
        self._max_metrics = max_metrics
        self._events: deque[ClientEvent] = deque()
        self._metrics: deque[MetricsReport] = deque()
        self._topics: dict[str, None] = {}
        self._applied: Applied | None = None
        self._left_out = 0
        self._sent: list[Report] = []
        self.left_out_events = 0
        """Events given up since the start, because the console was away for too long."""
        self.left_out_metrics = 0
        """Metrics reports given up since the start."""

    def add_event(self, event: ClientEvent) -> None:
        """A client event; the oldest gives way when there are too many."""
        self._events.append(event)
        self._trim_events()

    def add_metrics(self, report: MetricsReport) -> None:
        """The metrics of a second; the oldest gives way when there are too many."""
        self._metrics.append(report)
        self._trim_metrics()

    def add_topics(self, names: Iterable[str]) -> None:
        """First-level topics that came into being; kept until the console took them."""
        self._topics.update(dict.fromkeys(names))

    def set_applied(self, applied: Applied) -> None:
        """The configuration in force; only the last one matters."""
        self._applied = applied

    @property
    def untaken_topics(self) -> tuple[str, ...]:
        """Topics that the console did not take yet, on their way or waiting."""
        sent = (report for report in self._sent if isinstance(report, TopicsCreated))
        return (*(name for report in sent for name in report.names), *self._topics)

    def take(self) -> list[Report]:
        """What is to be sent now, in order; then call ``confirm`` or ``restore``, exactly once."""
        reports: list[Report] = []
        if self._applied is not None:
            reports.append(self._applied)
            self._applied = None
        names = list(self._topics)
        self._topics.clear()
        for start in range(0, len(names), TOPICS_PER_REPORT):
            reports.append(TopicsCreated(names=tuple(names[start : start + TOPICS_PER_REPORT])))
        reports += self._metrics
        self._metrics.clear()
        reports += self._take_events()
        self._sent = reports
        return reports

    def confirm(self) -> None:
        """The console took the last batch."""
        self._sent = []

    def restore(self) -> None:
        """The connection broke: what was not confirmed is sent again, before what is newer."""
        for report in reversed(self._sent):
            self._put_back(report)
        self._sent = []
        self._trim_events()
        self._trim_metrics()

    def _put_back(self, report: Report) -> None:
        if isinstance(report, ClientEvents):
            self._events.extendleft(reversed(report.events))
            self._left_out += report.left_out
        elif isinstance(report, MetricsReport):
            self._metrics.appendleft(report)
        elif isinstance(report, TopicsCreated):
            self._topics = {**dict.fromkeys(report.names), **self._topics}
        elif isinstance(report, Applied) and self._applied is None:
            self._applied = report

    def _take_events(self) -> list[Report]:
        reports: list[Report] = []
        while self._events or self._left_out:
            events = self._next_events()
            reports.append(ClientEvents(events=events, left_out=self._left_out))
            self._left_out = 0
        return reports

    def _next_events(self) -> tuple[ClientEvent, ...]:
        """As many of the oldest as one report holds."""
        events: list[ClientEvent] = []
        room_bytes = EVENT_BYTES_PER_REPORT
        while self._events and len(events) < EVENTS_PER_REPORT:
            size_bytes = len(msgspec.json.encode(self._events[0]))
            if size_bytes > EVENT_BYTES_PER_REPORT:
                self._events.popleft()
                self._left_out += 1
                self.left_out_events += 1
            elif size_bytes > room_bytes:
                break
            else:
                events.append(self._events.popleft())
                room_bytes -= size_bytes
        return tuple(events)

    def _trim_events(self) -> None:
        while len(self._events) > self._max_events:
            self._events.popleft()
            self._left_out += 1
            self.left_out_events += 1

    def _trim_metrics(self) -> None:
        while len(self._metrics) > self._max_metrics:
            self._metrics.popleft()
            self.left_out_metrics += 1
