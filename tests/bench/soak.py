"""``python -m tests.bench.soak``: ten minutes at 20,000 messages a second; is memory flat?"""

from __future__ import annotations

import argparse
import statistics
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import psutil

from tests.bench import generator, machine
from tests.bench.brokers import BROKERS, Running, running
from tests.bench.cores import allow_many_files, end_what_runs_when_told_to_stop, two_cores
from tests.bench.rounds import CACHE
from tests.bench.scenarios import CPU_SHARE, Scenario
from tests.bench.start import Failed

SCENARIO = Scenario(
    "soak",
    "20,000 msg/s over 30 pairs of QoS 0, 1 and 2, MQTT 3.1.1 and 5.0, some sessions persistent",
    CPU_SHARE,
    1.1,
    1.0,
    {"shape": "pairs", "publishers": 30, "mixed": 1, "rate": 20_000, "relaxed": 1},
)
SAMPLE_S = 5.0
WARM_UP = 0.3
"""This share of the samples is not judged: caches fill, files are opened."""
FLAT_GROWTH = 0.05
FLAT_BYTES = 8_000_000
"""Memory is flat when the line through its samples rises by less than one of these."""
MB = 1e6


@dataclass(frozen=True, slots=True)
class Sample:
    """What was seen at one instant; bytes, and seconds since the start."""

    at_s: float
    broker_bytes: int
    indexer_bytes: int
    disk_bytes: int


def growth(points: Sequence[tuple[float, float]]) -> float:
    """By how much the straight line through the points rises from the first to the last."""
    if len(points) < 2:
        return 0.0
    slope = statistics.linear_regression(*zip(*points, strict=True)).slope
    return slope * (points[-1][0] - points[0][0])


def is_flat(points: Sequence[tuple[float, float]]) -> bool:
    """Whether the rise is less than noise."""
    typical = statistics.median(value for _at, value in points)
    return growth(points) <= max(typical * FLAT_GROWTH, FLAT_BYTES)


def after_warm_up(samples: Sequence[Sample]) -> Sequence[Sample]:
    """The samples that are judged."""
    return samples[int(len(samples) * WARM_UP) :]


def main(words: Sequence[str]) -> int:
    """Run it; the exit status is 1 when memory grows or messages get lost."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.soak", description=__doc__)
    parser.add_argument("--minutes", type=float, default=10.0)
    names = [name for name, broker in BROKERS.items() if broker.is_ours]
    parser.add_argument("--broker", choices=names, default="uvloop")
    parser.add_argument("--json", metavar="FILE", help="write what it came to there")
    arguments = parser.parse_args(words)
    allow_many_files()
    end_what_runs_when_told_to_stop()
    try:
        samples, counted = _run(arguments.broker, arguments.minutes * 60)
    except Failed as error:
        _say(f"failed: {error}")
        return 1
    lines, is_good = judge(samples, counted)
    _say("\n".join(lines))
    if arguments.json:
        command = machine.command("tests.bench.soak", words)
        machine.keep(
            machine.SoakRun(about=machine.about(), command=command, lines=lines), arguments.json
        )
    return 0 if is_good else 1


def _run(name: str, seconds: float) -> tuple[list[Sample], dict[str, object]]:
    broker_core, generator_core = two_cores()
    program = generator.build(CACHE)
    options = {**SCENARIO.options, "seconds": seconds, "warm-seconds": 1}
    with (
        ThreadPoolExecutor(1) as pool,  # ends last: without a broker the traffic ends too
        running(BROKERS[name], SCENARIO, core=broker_core, cache=CACHE, has_priority=False) as node,
    ):
        traffic = pool.submit(
            generator.drive,
            program,
            options,
            core=generator_core,
            port=node.port,
            pids=node.pids,
            limit_s=seconds + SCENARIO.extra_limit_s,
            has_priority=False,
        )
        samples = []
        for sample in _samples(node, traffic):
            samples.append(sample)
            _say(
                f"{sample.at_s:6.0f} s  broker {sample.broker_bytes / MB:7.1f} MB"
                f"  indexer {sample.indexer_bytes / MB:7.1f} MB"
                f"  disk {sample.disk_bytes / MB:9.1f} MB"
            )
        return samples, traffic.result()


def _samples(node: Running, traffic: Future[dict[str, object]]) -> Iterator[Sample]:
    begun_s = time.monotonic()
    while not traffic.done():
        time.sleep(SAMPLE_S)
        broker, *others = (psutil.Process(pid).memory_info().rss for pid in node.pids)
        yield Sample(time.monotonic() - begun_s, broker, sum(others), _disk_bytes(node.folder))


def _disk_bytes(folder: Path) -> int:
    """Files may vanish while they are looked at."""
    total = 0
    for path in folder.rglob("*"):
        try:
            total += path.stat().st_blocks * 512
        except FileNotFoundError:
            continue
    return total


def judge(samples: Sequence[Sample], counted: Mapping[str, object]) -> tuple[list[str], bool]:
    """What it came to, in sentences, and whether that is good."""
    judged = after_warm_up(samples)
    sent, seconds = float(str(counted["sent"])), float(str(counted["seconds"]))
    lines = [
        f"{sent / seconds:,.0f} msg/s sent for {seconds:.0f} s, {counted['lost']} lost,"
        f" {counted['late']} not sent in time; latency p50 {counted['p50_us']} µs,"
        f" p99 {counted['p99_us']} µs"
    ]
    if len(judged) < 2:
        return [*lines, "too short to say anything of memory"], False
    is_good = not counted["lost"]
    memory = {
        "broker": [(sample.at_s, float(sample.broker_bytes)) for sample in judged],
        "indexer": [(sample.at_s, float(sample.indexer_bytes)) for sample in judged],
    }
    for name, points in memory.items():
        is_good = is_good and is_flat(points)
        verdict = "flat" if is_flat(points) else "NOT FLAT"
        length_s = points[-1][0] - points[0][0]
        lines.append(
            f"memory of the {name}: {verdict} (about {points[-1][1] / MB:.0f} MB,"
            f" {growth(points) / MB:+.1f} MB in {length_s:.0f} s)"
        )
    disk = [(sample.at_s, float(sample.disk_bytes)) for sample in judged]
    rate = growth(disk) / (disk[-1][0] - disk[0][0]) / (sent / seconds)
    return [*lines, f"disk: {rate:.0f} bytes a message"], is_good


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
