"""From measurements to curves: a grid of equal stretches of time, gaps where nothing was reported.

Pure: the time now is an argument.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from monitoring.ingest import MINUTE_MS, Sample

CHARTS = ("produced", "consumed", "connections", "tps")
"""Charts by the name of their series, which a live sample has as well."""
Curve = tuple[float | None, ...]
DIGITS = 3
"""Decimal places that are worth sending."""


@dataclass(frozen=True, slots=True)
class Span:
    """How far back a chart looks, and how fine: at most 1440 points (300 of the live one)."""

    length_ms: int
    step_ms: int


LIVE = "live"
SPANS = {
    LIVE: Span(10 * MINUTE_MS, 2_000),
    "1h": Span(60 * MINUTE_MS, MINUTE_MS),
    "6h": Span(6 * 60 * MINUTE_MS, MINUTE_MS),
    "24h": Span(24 * 60 * MINUTE_MS, MINUTE_MS),
    "3d": Span(72 * 60 * MINUTE_MS, 3 * MINUTE_MS),
}
SPARKLINE = Span(24 * 60 * MINUTE_MS, 30 * MINUTE_MS)
"""48 points."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """What one node did within a while."""

    node_id: str
    at_ms: int
    """When the while began."""
    covered_ms: int
    """The time in which the messages were counted."""
    produced: float
    consumed: float
    connections: float
    """Most at a time."""
    tps: float
    """Greatest rate, per second."""


@dataclass(frozen=True, slots=True)
class Grid:
    """Equal stretches of time, the last of which holds the present."""

    from_ms: int
    step_ms: int
    count: int

    @classmethod
    def ending(cls, span: Span, now_ms: int) -> Grid:
        """The grid of a span that ends now; steps begin at whole multiples of themselves."""
        count = span.length_ms // span.step_ms
        last_ms = now_ms - now_ms % span.step_ms
        return cls(last_ms - (count - 1) * span.step_ms, span.step_ms, count)

    @property
    def times_ms(self) -> tuple[int, ...]:
        """When each stretch begins."""
        return tuple(self.from_ms + i * self.step_ms for i in range(self.count))

    def index(self, at_ms: int) -> int | None:
        """The stretch of an instant; None outside."""
        index = (at_ms - self.from_ms) // self.step_ms
        return index if 0 <= index < self.count else None


@dataclass(slots=True)
class _Stretch:
    """What one node did within one stretch."""

    covered_ms: int = 0
    sums: dict[str, float] = field(default_factory=lambda: {"produced": 0.0, "consumed": 0.0})
    peaks: dict[str, float] = field(default_factory=lambda: {"connections": 0.0, "tps": 0.0})

    def add(self, one: Measured) -> None:
        """Take a measurement in."""
        self.covered_ms += one.covered_ms
        for name in self.sums:
            self.sums[name] += getattr(one, name)
        for name in self.peaks:
            self.peaks[name] = max(self.peaks[name], getattr(one, name))

    def value(self, chart: str) -> float:
        """Messages per second on average; of gauges and TPS, which have limits, the peak."""
        if chart in self.peaks:
            return self.peaks[chart]
        return self.sums[chart] * 1000 / max(self.covered_ms, 1)


def measured(node_id: str, samples: Iterable[Sample]) -> list[Measured]:
    """Seconds as measurements."""
    return [
        Measured(
            node_id=node_id,
            at_ms=sample.at_ms,
            covered_ms=1_000,
            **{chart: sample.values.get(chart, 0.0) for chart in CHARTS},
        )
        for sample in samples
    ]


def curves(measurements: Iterable[Measured], grid: Grid) -> dict[str, Curve]:
    """A value for each stretch of the grid and each chart, summed over the nodes; None where no
    node reported.
    """
    stretches: list[dict[str, _Stretch]] = [{} for _ in range(grid.count)]
    for one in measurements:
        index = grid.index(one.at_ms)
        if index is not None:
            stretches[index].setdefault(one.node_id, _Stretch()).add(one)
    return {
        chart: tuple(
            round(sum(node.value(chart) for node in nodes.values()), DIGITS) if nodes else None
            for nodes in stretches
        )
        for chart in CHARTS
    }


def total(all_curves: Iterable[Curve]) -> Curve:
    """The sum of curves of one grid; None where none has a value."""
    return tuple(
        round(sum(known), DIGITS) if (known := [v for v in values if v is not None]) else None
        for values in zip(*all_curves, strict=True)
    )


def total_values(all_values: Iterable[Mapping[str, float]]) -> dict[str, float]:
    """Values summed by name."""
    sums: dict[str, float] = {}
    for values in all_values:
        for name, value in values.items():
            sums[name] = sums.get(name, 0.0) + value
    return sums
