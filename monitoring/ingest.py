"""Telemetry of the runtimes: the wire's reports into samples and minutes. No I/O here."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

import msgspec

from broker_runtime.contract import CONTRACT_HEADER, CONTRACT_VERSION
from broker_runtime.contract.reports import (
    Applied,
    ClientEvents,
    Hello,
    MetricsReport,
    Report,
    TopicsCreated,
)

__all__ = [
    "CONTRACT_HEADER",
    "CONTRACT_VERSION",
    "Applied",
    "Baseline",
    "ClientEvents",
    "Hello",
    "MetricsReport",
    "MinuteTotals",
    "Report",
    "ReportUnreadable",
    "Sample",
    "TopicsCreated",
    "decode_report",
    "sample_of",
]

RATES = {
    "produced": "messages_received",
    "consumed": "messages_sent",
    "tps": "tps_units",
    "bytes_in": "bytes_received",
    "bytes_out": "bytes_sent",
}
"""Rate in a sample → the counter it comes from."""
GAUGES = ("connections", "sessions", "subscriptions", "retained", "inflight", "backlog")
MAX_NUMBER = 2**53
"""Greater numbers are no counts: JSON and browsers would round them."""
MAX_NAMES = 500

_decoder: msgspec.json.Decoder[Report] = msgspec.json.Decoder(Report)


class ReportUnreadable(ValueError):
    """What came is no report of this contract version; the message says where."""


class Baseline(msgspec.Struct, frozen=True, kw_only=True):
    """The last report of a node; differences are taken against it, also by another web process."""

    started_ms: int
    at_ms: int
    counters: dict[str, int]


class Sample(msgspec.Struct, frozen=True, kw_only=True):
    """Rates and gauges of one second."""

    at_ms: int
    values: dict[str, float]
    """Names of ``RATES`` and ``GAUGES``."""


@dataclass(slots=True)
class MinuteTotals:
    """What has gathered of one minute and is not written yet."""

    minute_ms: int
    samples: int = 0
    counters: Counter[str] = field(default_factory=Counter)
    peaks: dict[str, float] = field(default_factory=dict)

    def add(self, sample: Sample, increases: dict[str, int]) -> None:
        """Take a second in."""
        self.samples += 1
        self.counters.update(increases)
        for name, value in sample.values.items():
            self.peaks[name] = max(value, self.peaks.get(name, 0.0))


def decode_report(text: str | bytes) -> Report:
    """One message of the telemetry socket; raises ``ReportUnreadable``."""
    try:
        report = _decoder.decode(text)
    except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
        raise ReportUnreadable(str(error)[:200]) from None
    if isinstance(report, MetricsReport):
        _check_numbers(report)
    return report


def _check_numbers(report: MetricsReport) -> None:
    if len(report.gauges) + len(report.counters) > MAX_NAMES:
        raise ReportUnreadable(f"more than {MAX_NAMES} metrics")
    for name, value in (*report.gauges.items(), *report.counters.items()):
        if not 0 <= value <= MAX_NUMBER or len(name) > 80:
            raise ReportUnreadable(f"metric {name[:80]!r} out of range")
    for instant in (report.at_ms, report.started_ms):
        if not 0 <= instant <= MAX_NUMBER:
            raise ReportUnreadable("instant out of range")


def sample_of(
    report: MetricsReport, before: Baseline | None
) -> tuple[Sample | None, dict[str, int], Baseline]:
    """The second that ends with a report.

    Returns:
        Its sample, the increase of each counter, and the baseline for the next report. No sample
        for the first report of all, and for one that was seen before or came late.
    """
    now = Baseline(started_ms=report.started_ms, at_ms=report.at_ms, counters=report.counters)
    if before is not None and report.at_ms <= before.at_ms:
        return None, {}, before
    if before is None:
        return None, {}, now
    restarted = before.started_ms != report.started_ms
    known = {} if restarted else before.counters
    began_ms = max(before.at_ms, report.started_ms) if restarted else before.at_ms
    elapsed_s = max(report.at_ms - began_ms, 1) / 1000
    increases = {
        name: value - known.get(name, 0)
        for name, value in report.counters.items()
        if value > known.get(name, 0)
    }
    rates = {name: increases.get(counter, 0) / elapsed_s for name, counter in RATES.items()}
    gauges = {name: float(report.gauges.get(name, 0)) for name in GAUGES}
    return Sample(at_ms=report.at_ms, values={**rates, **gauges}), increases, now
