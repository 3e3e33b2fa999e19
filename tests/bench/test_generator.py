"""The load generator against a real node of ours: every shape of traffic, for a moment."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.bench import generator
from tests.bench.brokers import BROKERS, running
from tests.bench.cores import two_cores
from tests.bench.scenarios import BY_NAME, Scenario
from tests.bench.start import Failed

MOMENT = {"seconds": 0.1, "warm-seconds": 0.1}
SMALL = {
    "qos0_1to1": {},
    "paced20k": {"rate": 1_000},
    "fanin100": {"publishers": 5},
    "fanout500": {"subscribers": 5},
    "qos1_100pairs": {"publishers": 5},
    "qos2_1to1": {"version": 5},
    "qos1_persistent": {},
    "wild100k": {"filters": 300},
    "connects": {"parallel": 5},
    "idle9500": {"connections": 20},
}


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The generator, compiled."""
    return generator.build(tmp_path_factory.mktemp("cache"))


def drive(program: Path, folder: Path, scenario: Scenario, **changes: object) -> dict[str, object]:
    _broker_core, core = two_cores()
    with running(BROKERS["asyncio"], scenario, core=core, cache=folder) as node:
        options = {**scenario.options, **MOMENT, **changes}
        if not scenario.is_timed:
            options = {**scenario.options, **changes}
        return generator.drive(
            program, options, core=core, port=node.port, pids=node.pids, limit_s=60
        )


@pytest.mark.needs("cc")
@pytest.mark.parametrize("name", SMALL)
def test_each_shape_of_traffic_arrives_whole(program: Path, tmp_path: Path, name: str):
    scenario = BY_NAME[name]
    counted = drive(program, tmp_path, scenario, **SMALL[name])
    assert counted.get("lost", 0) == 0
    main = {"connects": "connects", "idle9500": "connections"}.get(name, "received")
    assert float(str(counted[main])) > 0
    assert all(measure.of(flat(counted)) >= 0 for measure in scenario.measures)


def flat(counted: dict[str, object]) -> dict[str, float]:
    found = {name: float(str(value)) for name, value in counted.items() if name != "cpu_s"}
    return {**found, "broker_cpu_s": 1.0}


@pytest.mark.needs("cc")
def test_a_generator_that_cannot_connect_says_so(program: Path):
    with pytest.raises(Failed, match="cannot connect to port 1"):
        generator.drive(program, {}, core=two_cores()[0], port=1, pids=[], limit_s=10)


@pytest.mark.needs("cc")
def test_a_program_is_compiled_once_for_each_source(program: Path):
    before = program.stat().st_mtime_ns
    assert generator.build(program.parent) == program
    assert program.stat().st_mtime_ns == before
