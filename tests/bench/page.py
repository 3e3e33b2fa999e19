"""``python -m tests.bench.page RUN.json``: docs/performance.md from a run of the benchmark."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

import msgspec

from tests.bench import table
from tests.bench.brokers import BROKERS, MOSQUITTO
from tests.bench.machine import Run
from tests.bench.scenarios import SCENARIOS, Scenario

PAGE = Path(__file__).parents[2] / "docs" / "performance.md"
KEPT = """\
## How it is measured

`make bench` starts each broker anew for each reading, in turn, on one core; the load generator (one
thread of C, `tests/bench/generator.c`) has the other. A figure is the median of the rounds. The
loop is closed: a publisher sends while fewer messages than its window are under way, so nothing is
lost (a reading in which a message does not arrive counts as failed) and every broker always has
input. Rows that say *paced* or *latency* send one message at a time at fixed instants.

- **Signalbox** is a node as a console runs it, except that it serves clients without a username:
  ten authorization policies (one with a variable), a limit of messages per second that is counted
  and never reached, metrics, message log and traces, on disk.
- **Mosquitto** does none of this: no access control, no persistence (but for the row of the
  persistent session, where it acknowledges before it stores), no log, no limits of queues,
  TCP_NODELAY.
- **amqtt** has its plugin for anonymous clients alone, and no log.

*Ratio* is of messages per second of CPU time of the broker's process: it says what a full core
would do and depends little on what else the machine does. *Wall-clock ratio* is of messages per
second. Our message log is indexed by a second process; it shares the broker's core here, and the
column *indexer core* is its share of it. The ratio does not count it, the wall-clock ratio does.

A load of small messages in bursts favours a broker that answers many packets with one write. Where
messages come one at a time, nearly all the time is the kernel's, and brokers hardly differ: read
both kinds of rows. Mosquitto 2.1 and later was not measured.
"""


def main(words: Sequence[str]) -> int:
    """Write the page; the exit status."""
    if len(words) != 1:
        sys.stderr.write("usage: python -m tests.bench.page RUN.json\n")
        return 2
    run = msgspec.json.decode(Path(words[0]).read_bytes(), type=Run)
    PAGE.write_text(page(run))
    return 0


def page(run: Run) -> str:
    """The whole page."""
    about = run.about
    versions = ", ".join(f"{name} {version}" for name, version in about.versions.items())
    measured = {reading.scenario for reading in run.readings}
    scenarios = [scenario for scenario in SCENARIOS if scenario.name in measured]
    head = f"""\
# Performance

Measured on {about.date}: {about.cpu}, {about.cores} cores, {about.memory_bytes / 2**30:.0f} GiB,
{about.system}; {versions}.
Command: `{run.command}` (medians of {run.rounds} rounds of {run.seconds:g} s). Other machines give
other figures; the ratios are what to look at. Made from a run by `python -m tests.bench.page`.
"""
    parts = [head, KEPT]
    ours = [BROKERS[name] for name in run.brokers if BROKERS[name].is_ours]
    for peer in (BROKERS[name] for name in run.brokers if not BROKERS[name].is_ours):
        parts.append(f"## Against {peer.title}\n")
        if peer.name == MOSQUITTO:
            parts.append("Floors are what a release must keep.\n")
        for broker in ours:
            kind = "compiled" if broker.is_compiled else "pure"
            floor = kind if peer.name == MOSQUITTO else ""
            rows = table.compare(run.readings, scenarios, broker.name, peer.name, floor=floor)
            rows[0][1:3] = [peer.title, "Signalbox"]
            parts.append(f"### {broker.title}\n\n{table.markdown(rows)}\n")
    parts += _failures(run, scenarios)
    return "\n".join(parts)


def _failures(run: Run, scenarios: Sequence[Scenario]) -> list[str]:
    lines = []
    for scenario in scenarios:
        for name in run.brokers:
            for reason in sorted(set(table.cell(run.readings, scenario, name).failures)):
                lines.append(f"- {BROKERS[name].title}, {scenario.title}: {reason}")
    return ["## What failed\n", "\n".join(lines) + "\n"] if lines else []


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
