"""Takes the readings: scenario after scenario, the brokers in turn, round after round."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import msgspec

from tests.bench import generator
from tests.bench.brokers import Broker, running
from tests.bench.cores import two_cores
from tests.bench.scenarios import Counts, Scenario
from tests.bench.start import Failed

FAILURES = 2
"""After so many failures of a broker a scenario is over for it."""
CACHE = Path(__file__).parents[2] / ".signalbox" / "bench"
"""What is built or installed for the benchmark, and the folders of brokers while they run."""


class Reading(msgspec.Struct, frozen=True, kw_only=True):
    """One run of one scenario against one broker.

    Args:
        counts: what the generator counted, and ``broker_cpu_s``, ``others_cpu_s`` (processes that
            the broker started), ``generator_cpu_s``.
        failure: why there are no counts; empty when there are.
    """

    scenario: str
    broker: str
    round: int
    counts: dict[str, float] = {}
    failure: str = ""


@dataclass(frozen=True, slots=True)
class Plan:
    """What to run.

    Args:
        seconds, warm_seconds: of traffic measured, and of traffic before it.
        profile: where our broker's profile goes; only with one broker and one round.
    """

    scenarios: Sequence[Scenario]
    brokers: Sequence[Broker]
    rounds: int
    seconds: float
    warm_seconds: float
    cache: Path
    profile: Path | None = None


def take(plan: Plan, tell: Callable[[Scenario, Broker, Reading], None]) -> list[Reading]:
    """All readings of a plan; a scenario that fails with a broker is one that says why.

    Raises:
        Failed: the load generator cannot be built.
    """
    program = generator.build(plan.cache)
    readings: list[Reading] = []
    for scenario in plan.scenarios:
        for number in range(plan.rounds):
            # Each round begins with another broker: nobody always comes after the same one.
            turn = number % len(plan.brokers)
            for broker in (*plan.brokers[turn:], *plan.brokers[:turn]):
                if has_given_up(readings, scenario, broker):
                    continue
                try:
                    counts = _read(plan, program, scenario, broker)
                    failure = ""
                except Failed as error:
                    counts, failure = {}, str(error)
                reading = Reading(
                    scenario=scenario.name,
                    broker=broker.name,
                    round=number,
                    counts=counts,
                    failure=failure,
                )
                tell(scenario, broker, reading)
                readings.append(reading)
    return readings


def has_given_up(readings: Sequence[Reading], scenario: Scenario, broker: Broker) -> bool:
    """Whether a broker failed a scenario twice: then it is not asked again."""
    failures = [
        reading
        for reading in readings
        if reading.failure and (reading.scenario, reading.broker) == (scenario.name, broker.name)
    ]
    return len(failures) >= FAILURES


def _read(plan: Plan, program: Path, scenario: Scenario, broker: Broker) -> dict[str, float]:
    broker_core, generator_core = two_cores()
    options = dict(scenario.options)
    if scenario.is_timed:
        options |= {"seconds": plan.seconds, "warm-seconds": plan.warm_seconds}
    with running(
        broker, scenario, core=broker_core, cache=plan.cache, profile=plan.profile
    ) as node:
        counted = generator.drive(
            program,
            options,
            core=generator_core,
            port=node.port,
            pids=node.pids,
            limit_s=plan.seconds + plan.warm_seconds + scenario.extra_limit_s,
        )
    counts = sorted_cpu(counted)
    check(counts)
    return counts


def sorted_cpu(counted: dict[str, object]) -> dict[str, float]:
    """The generator's counts, the CPU seconds of the broker apart from those of its helpers."""
    cpu_s = cast(list[float], counted.pop("cpu_s", []))
    counts = cast(dict[str, float], dict(counted))
    if cpu_s:
        counts["broker_cpu_s"] = cpu_s[0]
        counts["others_cpu_s"] = sum(cpu_s[1:])
    return counts


def check(counts: Counts) -> None:
    """Refuse a reading in which messages got lost: its rate means nothing.

    Raises:
        Failed: how many of how many.
    """
    if counts.get("lost", 0) > 0:
        raise Failed(f"{counts['lost']:.0f} messages never arrived")
