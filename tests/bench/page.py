"""``python -m tests.bench.page RUN.json``: docs/performance.md from a run of the benchmark."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

import msgspec

from tests.bench import machine, table
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
would do and depends little on what else the machine does. *Wall-clock* is the ratio of messages per
second. Our message log is indexed by a second process, which may lag behind; it shares the broker's
core here. *Indexer core* is its share of that core while messages flow, *with indexer* the ratio
when its CPU time counts as the broker's. Floors are of *ratio*.

Run by an administrator, brokers and generator go before whatever else the machine does, so that
other work disturbs little; in the soak they do not, and on a busy machine it sends less than it
should (the line says how much).

A load of small messages in bursts favours a broker that answers many packets with one write. Where
messages come one at a time, nearly all the time is the kernel's, and brokers hardly differ: read
both kinds of rows. Mosquitto 2.1 and later was not measured.
"""


SOAK = """\
20,000 messages a second over 30 pairs of QoS 0, 1 and 2, MQTT 3.1.1 and 5.0, every tenth subscriber
with a persistent session; memory is sampled every 5 s and judged after the first third.
"""
BYSTANDERS = """\
A pair of clients passes 1,000 messages a second while others misbehave: latency, and how many times
that of a calm broker.
"""


def main(words: Sequence[str]) -> int:
    """Write the page; the exit status."""
    if not words:
        sys.stderr.write("usage: python -m tests.bench.page RUN.json...\n")
        return 2
    PAGE.write_text(page([machine.kept(word) for word in words]))
    return 0


def page(runs: Sequence[machine.AnyRun]) -> str:
    """The whole page: comparisons (of parts of the table each), then what else was run."""
    comparisons = [run for run in runs if isinstance(run, Run)]
    parts = [_head(comparisons), KEPT]
    parts += _tables(joined(comparisons))
    for run in runs:
        if isinstance(run, machine.SoakRun):
            lines = "".join(f"- {line}\n" for line in run.lines)
            parts.append(f"## Soak\n\n{SOAK.rstrip()} {_command(run)}\n\n{lines}")
        elif isinstance(run, machine.BystandersRun):
            table_of = table.markdown(run.rows)
            parts.append(f"## Bystanders\n\n{BYSTANDERS.rstrip()} {_command(run)}\n\n{table_of}\n")
    return "\n".join(parts)


def joined(runs: Sequence[Run]) -> Run:
    """Several runs with the same options as one."""
    first = runs[0]
    return msgspec.structs.replace(
        first,
        brokers=list(dict.fromkeys(name for run in runs for name in run.brokers)),
        readings=[reading for run in runs for reading in run.readings],
    )


def _command(run: machine.AnyRun) -> str:
    return f"(`{run.command}`)"


def _head(runs: Sequence[Run]) -> str:
    about = runs[0].about
    versions = ", ".join(f"{name} {version}" for name, version in about.versions.items())
    commands = "".join(f"    {run.command}\n" for run in runs)
    return f"""\
# Performance

Measured on {about.date}: {about.cpu}, {about.cores} cores, {about.memory_bytes / 2**30:.0f} GiB,
{about.system}; {versions}. Other machines give other figures: look at the ratios. Each figure is
the median of its rounds. This page is made by `python -m tests.bench.page` from what these wrote:

{commands}"""


def _tables(run: Run) -> list[str]:
    measured = {reading.scenario for reading in run.readings}
    scenarios = [scenario for scenario in SCENARIOS if scenario.name in measured]
    parts = []
    ours = [BROKERS[name] for name in run.brokers if BROKERS[name].is_ours]
    for peer in (BROKERS[name] for name in run.brokers if not BROKERS[name].is_ours):
        parts.append(f"## Against {peer.title}\n")
        for broker in ours:
            kind = "compiled" if broker.is_compiled else "pure"
            floor = kind if peer.name == MOSQUITTO else ""
            rows = table.compare(run.readings, scenarios, broker.name, peer.name, floor=floor)
            rows[0][1:3] = [peer.title, "Signalbox"]
            parts.append(f"### {broker.title}\n\n{table.markdown(rows)}\n")
    return parts + _failures(run, scenarios)


def _failures(run: Run, scenarios: Sequence[Scenario]) -> list[str]:
    lines = []
    for scenario in scenarios:
        for name in run.brokers:
            for reason in sorted(set(table.cell(run.readings, scenario, name).failures)):
                told = " ".join(reason.split())
                lines.append(f"- {BROKERS[name].title}, {scenario.title}: {told}")
    return ["## What failed\n", "\n".join(lines) + "\n"] if lines else []


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
