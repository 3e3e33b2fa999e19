"""Readings made up for the tests of the benchmark's own pieces."""

from __future__ import annotations

from tests.bench.rounds import Reading
from tests.bench.scenarios import CPU_SHARE, DELIVERIES, Scenario

THROUGHPUT = Scenario("throughput", "throughput", DELIVERIES, pure=4, compiled=5)
PACED = Scenario("paced", "paced", CPU_SHARE, pure=1.1, compiled=1.0)


def reading(broker: str, received: float, *, round: int = 0, cpu_s: float = 1.0) -> Reading:
    """Two seconds of traffic."""
    counts = {
        "received": received,
        "seconds": 2.0,
        "broker_cpu_s": cpu_s,
        "others_cpu_s": 0.5,
    }
    return Reading(scenario="throughput", broker=broker, round=round, counts=counts)


def failed(broker: str, why: str) -> Reading:
    """A round that came to nothing."""
    return Reading(scenario="throughput", broker=broker, round=0, failure=why)
