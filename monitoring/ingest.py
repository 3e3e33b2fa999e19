"""Telemetry of the runtimes: the wire's reports into samples and minutes. No I/O here."""

from __future__ import annotations

from dataclasses import dataclass

import msgspec

from broker_runtime.contract import CONTRACT_HEADER, CONTRACT_VERSION, NODE_HEADER
from broker_runtime.contract.reports import (
    Applied,
    ClientEvents,
    Hello,
    MetricsReport,
    Report,
    Taken,
    TopicsCreated,
)

__all__ = [
    "CONTRACT_HEADER",
    "CONTRACT_VERSION",
    "NODE_HEADER",
    "Applied",
    "Baseline",
    "ClientEvents",
    "Hello",
    "MetricsReport",
    "MinuteTotals",
    "NodeState",
    "Report",
    "ReportUnreadable",
    "Sample",
    "Step",
    "Taken",
    "TopicsCreated",
    "advance",
    "decode_report",
]

RATES = {
    "produced": ("messages_received",),
    "consumed": ("messages_sent",),
    "tps": ("tps_units",),
    "throttled": ("publish_throttled", "connect_throttled"),
    "bytes_in": ("bytes_received",),
    "bytes_out": ("bytes_sent",),
}
"""Rate in a sample, per second → the counters it comes from."""
GAUGES = ("connections", "sessions", "subscriptions", "retained", "inflight", "backlog")
MAX_NUMBER = 2**53
"""Greater numbers are no counts: JSON and browsers would round them."""
LATEST_MS = 4_102_444_800_000
"""The year 2100: no instant of a report."""
MAX_NAMES = 500
MAX_NAME_LENGTH = 80
MINUTE_MS = 60_000
LATE_AT_MOST_MS = 15 * MINUTE_MS
"""Nodes keep ten minutes of reports. One that is older than that is not late: the node's clock was
set back.
"""
_USUAL_MS = 1_000

_decoder: msgspec.json.Decoder[Report] = msgspec.json.Decoder(Report)


class ReportUnreadable(ValueError):
    """What came is no report of this contract version; the message says where."""


class Baseline(msgspec.Struct, frozen=True, kw_only=True):
    """The last report of a node; differences are taken against it."""

    started_ms: int
    at_ms: int
    counters: dict[str, int]


class MinuteTotals(msgspec.Struct, frozen=True, kw_only=True):
    """What has gathered of one minute."""

    minute: int
    """Minutes since 1970."""
    began_ms: int
    samples: int
    covered_ms: int
    counters: dict[str, int]
    peaks: dict[str, float]


class NodeState(msgspec.Struct, frozen=True, kw_only=True):
    """All that the next report needs; kept in Valkey, so that any web process can go on from it."""

    baseline: Baseline
    totals: MinuteTotals | None = None


class Sample(msgspec.Struct, frozen=True, kw_only=True):
    """Rates and gauges of one second."""

    at_ms: int
    values: dict[str, float]
    """Names of ``RATES`` and ``GAUGES``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """What a report leads to."""

    state: NodeState
    sample: Sample | None = None
    """None for a node's first report, and for one that came late or twice."""
    finished: MinuteTotals | None = None
    """The minute before, now that it is over."""


def decode_report(text: str | bytes) -> Report:
    """One message of the telemetry socket; raises ``ReportUnreadable``."""
    try:
        report = _decoder.decode(text)
    except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
        raise ReportUnreadable(str(error)[:200]) from None
    if isinstance(report, MetricsReport):
        _check_numbers(report)
    return report


def advance(report: MetricsReport, before: NodeState | None) -> Step:
    """Take the second that ends with a report."""
    now = Baseline(started_ms=report.started_ms, at_ms=report.at_ms, counters=report.counters)
    if before is None:
        return Step(state=NodeState(baseline=now))
    last = before.baseline
    restarted = last.started_ms != report.started_ms
    if not restarted and 0 <= last.at_ms - report.at_ms <= LATE_AT_MOST_MS:
        return Step(state=before)
    known = {} if restarted else last.counters
    increases = {
        name: value - known.get(name, 0)
        for name, value in report.counters.items()
        if value > known.get(name, 0)
    }
    covered_ms = _covered_ms(report, last, restarted=restarted)
    sample = _sample(report, increases, covered_ms)
    minute = report.at_ms // MINUTE_MS
    totals, finished = before.totals, None
    if totals is not None and totals.minute != minute:
        totals, finished = None, totals
    return Step(
        state=NodeState(baseline=now, totals=_added(totals, minute, sample, increases, covered_ms)),
        sample=sample,
        finished=finished,
    )


def _check_numbers(report: MetricsReport) -> None:
    if len(report.gauges) + len(report.counters) > MAX_NAMES:
        raise ReportUnreadable(f"more than {MAX_NAMES} metrics")
    for name, value in (*report.gauges.items(), *report.counters.items()):
        if not 0 <= value <= MAX_NUMBER or len(name) > MAX_NAME_LENGTH:
            raise ReportUnreadable(f"metric {name[:MAX_NAME_LENGTH]!r} out of range")
    for instant in (report.at_ms, report.started_ms):
        if not 0 <= instant <= LATEST_MS:
            raise ReportUnreadable("instant out of range")


def _covered_ms(report: MetricsReport, last: Baseline, *, restarted: bool) -> int:
    """The time in which the counters grew; what a usual report covers when clocks do not tell."""
    began_ms = max(last.at_ms, report.started_ms) if restarted else last.at_ms
    return report.at_ms - began_ms if report.at_ms > began_ms else _USUAL_MS


def _sample(report: MetricsReport, increases: dict[str, int], covered_ms: int) -> Sample:
    rates = {
        name: sum(increases.get(counter, 0) for counter in counters) * 1000 / covered_ms
        for name, counters in RATES.items()
    }
    gauges = {name: float(report.gauges.get(name, 0)) for name in GAUGES}
    return Sample(at_ms=report.at_ms, values={**rates, **gauges})


def _added(
    totals: MinuteTotals | None,
    minute: int,
    sample: Sample,
    increases: dict[str, int],
    covered_ms: int,
) -> MinuteTotals:
    """The minute's totals with one more second."""
    if totals is None:
        return MinuteTotals(
            minute=minute,
            began_ms=sample.at_ms,
            samples=1,
            covered_ms=covered_ms,
            counters=increases,
            peaks=sample.values,
        )
    grown = {name: totals.counters.get(name, 0) + more for name, more in increases.items()}
    higher = {name: max(v, totals.peaks.get(name, 0.0)) for name, v in sample.values.items()}
    return MinuteTotals(
        minute=minute,
        began_ms=totals.began_ms,
        samples=totals.samples + 1,
        covered_ms=totals.covered_ms + covered_ms,
        counters={**totals.counters, **grown},
        peaks={**totals.peaks, **higher},
    )
