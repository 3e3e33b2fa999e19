"""From readings to a table: medians, ratios to another broker, and whether the floors hold."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass

from tests.bench.rounds import Reading
from tests.bench.scenarios import Measure, Scenario


@dataclass(frozen=True, slots=True)
class Cell:
    """One scenario with one broker.

    Args:
        medians: of each measure of the scenario; empty when no round succeeded.
        others_cpu: CPU of the processes the broker started, as a share of one core.
        with_others: the first measure when their CPU counts as the broker's.
        failures: why rounds failed.
    """

    medians: tuple[float, ...]
    others_cpu: float = 0.0
    with_others: float = 0.0
    failures: tuple[str, ...] = ()


def cell(readings: Sequence[Reading], scenario: Scenario, broker: str) -> Cell:
    """What the rounds of one scenario with one broker come to."""
    mine = [r for r in readings if r.scenario == scenario.name and r.broker == broker]
    good = [r.counts for r in mine if not r.failure]
    failures = tuple(r.failure for r in mine if r.failure)
    if not good:
        return Cell((), failures=failures)
    shares = [c["others_cpu_s"] / c["seconds"] for c in good if "others_cpu_s" in c]
    whole = [
        {**c, "broker_cpu_s": c.get("broker_cpu_s", 0) + c.get("others_cpu_s", 0)} for c in good
    ]
    return Cell(
        tuple(statistics.median(map(measure.of, good)) for measure in scenario.measures),
        statistics.median(shares) if shares else 0.0,
        statistics.median(map(scenario.measures[0].of, whole)),
        failures,
    )


def ratios(mine: Cell, theirs: Cell) -> tuple[float, ...]:
    """Mine to theirs, measure by measure; empty when one of them has none."""
    if not mine.medians or not theirs.medians:
        return ()
    return tuple(
        m / t if t else float("inf") for m, t in zip(mine.medians, theirs.medians, strict=True)
    )


def holds(ratio: float, floor: float, measure: Measure) -> bool:
    """Whether a ratio keeps its floor, which is a ceiling for a cost."""
    return ratio <= floor if measure.is_cost else ratio >= floor


def floor_text(floor: float, measure: Measure) -> str:
    """The floor as a person reads it."""
    return f"{'≤' if measure.is_cost else '≥'} {floor:g}×"


def figure(value: float) -> str:
    """Three digits that count."""
    if value >= 999_500:
        return f"{value / 1e6:.2f} M"
    if value >= 99_950:
        return f"{value / 1e3:.0f} k"
    if value >= 9_995:
        return f"{value / 1e3:.1f} k"
    return f"{value:.0f}" if value >= 100 else f"{value:.3g}"


def plain(rows: Sequence[Sequence[str]]) -> str:
    """Columns of text for a terminal, the first to the left and the others to the right."""
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    lines = []
    for row in rows:
        first, *rest = (
            text.rjust(w) if i else text.ljust(w)
            for i, (text, w) in enumerate(zip(row, widths, strict=True))
        )
        lines.append("  ".join((first, *rest)).rstrip())
    return "\n".join(lines)


def markdown(rows: Sequence[Sequence[str]]) -> str:
    """The same as a table of Markdown."""
    head, *body = rows
    rule = ["---", *("---:" for _ in head[1:])]
    return "\n".join("| " + " | ".join(row) + " |" for row in (head, rule, *body))


def _shown(found: Cell) -> str:
    if found.medians:
        return figure(found.medians[0])
    return "failed" if found.failures else "–"


def compare(
    readings: Sequence[Reading],
    scenarios: Sequence[Scenario],
    mine: str,
    theirs: str,
    *,
    floor: str = "",
) -> list[list[str]]:
    """Rows of one broker against another, a head first.

    Args:
        floor: ``pure`` or ``compiled``: name it in each row, and whether it holds.
    """
    head = ["scenario", theirs, mine, "unit", "ratio", "with indexer", "wall-clock", "indexer core"]
    rows = [head + (["floor", "holds"] if floor else [])]
    for scenario in scenarios:
        measure = scenario.measures[0]
        ours, peer = cell(readings, scenario, mine), cell(readings, scenario, theirs)
        found = ratios(ours, peer)
        row = [
            scenario.title,
            *map(_shown, (peer, ours)),
            measure.title,
            f"{found[0]:.2f}×" if found else "–",
            f"{ours.with_others / peer.medians[0]:.2f}×" if found and ours.others_cpu else "–",
            f"{found[1]:.2f}×" if len(found) > 1 else "–",
            f"{ours.others_cpu:.0%}" if ours.others_cpu else "–",
        ]
        if floor:
            least = float(getattr(scenario, floor))
            verdict = ("yes" if holds(found[0], least, measure) else "NO") if found else "–"
            row += [floor_text(least, measure), verdict]
        rows.append(row)
    return rows
