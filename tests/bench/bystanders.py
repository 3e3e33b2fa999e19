"""``python -m tests.bench.bystanders``: what others' excesses cost two clients that do no harm."""

from __future__ import annotations

import argparse
import statistics
import sys
from collections.abc import Mapping, Sequence

import psutil

from tests.bench import generator, machine, table
from tests.bench.brokers import BROKERS, MOSQUITTO, Broker, running
from tests.bench.cores import allow_many_files, end_what_runs_when_told_to_stop, two_cores
from tests.bench.rounds import CACHE
from tests.bench.scenarios import MEDIAN_LATENCY, Scenario
from tests.bench.start import Failed

CALM = "calm"
DISTURBANCES: Mapping[str, Mapping[str, object]] = {
    CALM: {},
    "a subscriber has stopped reading": {"deaf": 1, "floods": 1, "flood-rate": 20_000},
    "a publisher floods": {"floods": 1},
    "a publisher floods one who does not read": {"deaf": 1, "floods": 1},
}
PAIR = {"rate": 1_000}
Figures = tuple[float, float, float]
"""Latency p50 and p99 of the pair in µs, and resident memory of the broker at the end in MB."""


def main(words: Sequence[str]) -> int:
    """Measure each disturbance with each broker, and print the ratios to calm."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.bystanders", description=__doc__)
    parser.add_argument("--brokers", default=f"{MOSQUITTO},uvloop", help=f"of {', '.join(BROKERS)}")
    parser.add_argument("--rounds", type=int, default=3, help="medians are of so many (default: 3)")
    parser.add_argument("--seconds", type=float, default=3.0)
    parser.add_argument("--json", metavar="FILE", help="write the table there")
    arguments = parser.parse_args(words)
    allow_many_files()
    end_what_runs_when_told_to_stop()
    brokers = [BROKERS[name] for name in arguments.brokers.split(",")]
    found: dict[tuple[str, str], Figures] = {}
    for what in DISTURBANCES:
        for broker in brokers:
            try:
                rounds = [_read(broker, what, arguments.seconds) for _ in range(arguments.rounds)]
            except Failed as error:
                sys.stdout.write(f"{what}, {broker.title}: failed: {error}\n")
                continue
            p50, p99, memory = map(statistics.median, zip(*rounds, strict=True))
            found[what, broker.name] = (p50, p99, memory)
    lines = rows(found, brokers)
    sys.stdout.write(table.plain(lines) + "\n")
    if arguments.json:
        command = machine.command("tests.bench.bystanders", words)
        run = machine.BystandersRun(about=machine.about(), command=command, rows=lines)
        machine.keep(run, arguments.json)
    return 0 if len(found) == len(brokers) * len(DISTURBANCES) else 1


def rows(found: Mapping[tuple[str, str], Figures], brokers: Sequence[Broker]) -> list[list[str]]:
    """A table: each disturbance with each broker, and how much slower than calm it is."""
    head = ["disturbance", "broker", "p50 µs", "to calm", "p99 µs", "to calm", "memory MB"]
    lines = [head]
    for what in DISTURBANCES:
        for broker in brokers:
            figures, calm = found.get((what, broker.name)), found.get((CALM, broker.name))
            if figures is None or calm is None:
                lines.append([what, broker.name, "failed", "", "", "", ""])
                continue
            p50, p99, memory = figures
            lines.append(
                [
                    *(what, broker.name, f"{p50:.0f}", f"{p50 / calm[0]:.1f}×"),
                    *(f"{p99:.0f}", f"{p99 / calm[1]:.1f}×", f"{memory:.0f}"),
                ]
            )
    return lines


def _read(broker: Broker, what: str, seconds: float) -> Figures:
    broker_core, generator_core = two_cores()
    options = {**PAIR, **DISTURBANCES[what], "seconds": seconds, "warm-seconds": 1}
    scenario = Scenario("bystanders", what, MEDIAN_LATENCY, 1.1, 1.0, options)
    with running(broker, scenario, core=broker_core, cache=CACHE) as node:
        counted = generator.drive(
            generator.build(CACHE),
            options,
            core=generator_core,
            port=node.port,
            pids=node.pids,
            limit_s=seconds + scenario.extra_limit_s,
        )
        memory = psutil.Process(node.pids[0]).memory_info().rss / 1e6
    return float(str(counted["p50_us"])), float(str(counted["p99_us"])), memory


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
