"""What is measured: the table of scenarios, how each is driven, and the floor it has to keep."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

Counts = Mapping[str, float]
"""What the generator counted, the seconds it took and the CPU seconds of the broker."""


@dataclass(frozen=True, slots=True)
class Measure:
    """One figure of a reading.

    Args:
        of: the figure, from what the generator counted.
        is_cost: whether less is better.
    """

    title: str
    of: Callable[[Counts], float]
    is_cost: bool = False


DELIVERIES = (
    Measure("per broker CPU-second", lambda c: c["received"] / c["broker_cpu_s"]),
    Measure("per second", lambda c: c["received"] / c["seconds"]),
)
ACKNOWLEDGEMENTS = (
    Measure("per broker CPU-second", lambda c: c["acknowledged"] / c["broker_cpu_s"]),
    Measure("per second", lambda c: c["acknowledged"] / c["seconds"]),
)
CONNECTS = (
    Measure("per broker CPU-second", lambda c: c["connects"] / c["broker_cpu_s"]),
    Measure("per second", lambda c: c["connects"] / c["seconds"]),
)
CPU_SHARE = (
    Measure("% of a core", lambda c: 100 * c["broker_cpu_s"] / c["seconds"], is_cost=True),
)
MEDIAN_LATENCY = (Measure("µs p50", lambda c: c["p50_us"], is_cost=True),)
MEMORY = (
    Measure(
        "bytes a connection",
        lambda c: (c["resident_after_bytes"] - c["resident_before_bytes"]) / c["connections"],
        is_cost=True,
    ),
)


@dataclass(frozen=True, slots=True)
class Scenario:
    """One row of the table.

    Args:
        measures: the first is the one that the floors are of.
        pure: the ratio to Mosquitto that pure Python keeps: at least, or for a cost at most.
        compiled: the same of the compiled build.
        options: of the generator, without their dash.
        persistent: whether Mosquitto keeps its sessions on disk too.
        extra_limit_s: time for what comes before the traffic.
    """

    name: str
    title: str
    measures: tuple[Measure, ...]
    pure: float
    compiled: float
    options: Mapping[str, object] = field(default_factory=dict)
    persistent: bool = False
    extra_limit_s: float = 30.0

    @property
    def is_timed(self) -> bool:
        """Whether it runs for the seconds that were asked for; else it takes what it takes."""
        return self.measures is not MEMORY


def _wild(name: str, title: str, topics: int, pure: float, compiled: float) -> Scenario:
    options = {"shape": "wild", "subscribers": 10, "filters": 100_000, "topics": topics}
    return Scenario(name, title, DELIVERIES, pure, compiled, options, extra_limit_s=90)


SCENARIOS: tuple[Scenario, ...] = (
    Scenario(
        "qos0_1to1", "QoS 0 1→1, pipelined", DELIVERIES, 4, 5, {"qos": 0, "outstanding": 4000}
    ),
    Scenario(
        "qos0_1to1_single",
        "QoS 0 1→1, one message per send",
        DELIVERIES,
        1.3,
        1.4,
        {"qos": 0, "outstanding": 4000, "batch": 1},
    ),
    Scenario(
        "paced20k", "20,000 msg/s paced singly: CPU used", CPU_SHARE, 1.1, 1.0, {"rate": 20_000}
    ),
    Scenario(
        "fanin100",
        "fan-in 100→1 QoS 0",
        DELIVERIES,
        4,
        6,
        {"shape": "in", "publishers": 100, "outstanding": 4000},
    ),
    Scenario(
        "fanout500",
        "fan-out 1→500 QoS 0, bursts",
        DELIVERIES,
        8,
        10,
        {"subscribers": 500, "outstanding": 20, "batch": 4},
    ),
    Scenario(
        "fanout500_single",
        "fan-out 1→500 QoS 0, one at a time",
        DELIVERIES,
        1.3,
        1.3,
        {"subscribers": 500, "outstanding": 1, "batch": 1},
    ),
    Scenario("qos1_1to1", "QoS 1 1→1, window 100", DELIVERIES, 4, 7, {"qos": 1, "window": 100}),
    Scenario(
        "qos1_100pairs",
        "QoS 1 100 pairs",
        DELIVERIES,
        3,
        4,
        {"shape": "pairs", "publishers": 100, "qos": 1, "window": 20, "outstanding": 40},
    ),
    Scenario("qos2_1to1", "QoS 2 1→1", DELIVERIES, 5, 9, {"qos": 2, "window": 100}),
    Scenario(
        "qos1_persistent",
        "QoS 1 to a persistent session, window 100",
        ACKNOWLEDGEMENTS,
        1.5,
        1.5,
        {"qos": 1, "window": 100, "persistent": 1},
        persistent=True,
    ),
    Scenario("latency2k", "p50 latency at 2,000 msg/s", MEDIAN_LATENCY, 1.1, 1.0, {"rate": 2_000}),
    Scenario(
        "connects", "CONNECT/s, tcp, no authentication", CONNECTS, 1, 1.2, {"shape": "connects"}
    ),
    Scenario(
        "idle9500",
        "bytes per idle connection, 9,500 of them",
        MEMORY,
        2,
        2,
        {"shape": "idle", "connections": 9_500},
        extra_limit_s=90,
    ),
    _wild("wild100k", "100,000 wildcard filters: topics never seen", 0, 2, 4),
    _wild("wild100k_seen", "100,000 wildcard filters: topics seen", 1_000, 10, 20),
)
BY_NAME = {scenario.name: scenario for scenario in SCENARIOS}
