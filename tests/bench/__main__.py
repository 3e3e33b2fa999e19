"""``python -m tests.bench``: our broker against others on this machine, as ratios."""

from __future__ import annotations

import argparse
import pstats
import sys
from collections.abc import Sequence
from pathlib import Path

from tests.bench import machine, table
from tests.bench.brokers import BROKERS, MOSQUITTO, Broker
from tests.bench.cores import allow_many_files, end_what_runs_when_told_to_stop
from tests.bench.rounds import CACHE, Plan, Reading, take
from tests.bench.scenarios import BY_NAME, SCENARIOS, Scenario
from tests.bench.start import Failed

PROFILED_FUNCTIONS = 40


def main(words: Sequence[str]) -> int:
    """Run what the command line asks for; the exit status."""
    arguments = _parser().parse_args(words)
    scenarios = [BY_NAME[name] for name in arguments.scenarios] or list(SCENARIOS)
    if arguments.list:
        for scenario in scenarios:
            _say(f"{scenario.name:18}{scenario.title}")
        return 0
    names = arguments.brokers.split(",")
    unknown = [name for name in names if name not in BROKERS]
    if unknown:
        _say(f"no broker is called {unknown[0]!r}; there are: {', '.join(BROKERS)}")
        return 2
    brokers = [BROKERS[name] for name in names]
    allow_many_files()
    end_what_runs_when_told_to_stop()
    if arguments.profile:
        return _profile(arguments, scenarios, brokers)
    plan = _plan(arguments, scenarios, brokers, arguments.rounds)
    try:
        readings = take(plan, _tell)
    except Failed as error:
        _say(str(error))
        return 1
    run = machine.Run(
        about=machine.about(),
        command=machine.command("tests.bench", words),
        rounds=plan.rounds,
        seconds=plan.seconds,
        brokers=names,
        readings=readings,
    )
    if arguments.json:
        machine.keep(run, arguments.json)
    _say_tables(readings, scenarios, brokers)
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument(
        "scenarios", nargs="*", choices=[[], *BY_NAME], metavar="SCENARIO", help="default: all"
    )
    parser.add_argument("--list", action="store_true", help="name the scenarios")
    parser.add_argument(
        "--brokers", default=f"{MOSQUITTO},uvloop,asyncio", help=f"of {', '.join(BROKERS)}"
    )
    parser.add_argument("--rounds", type=int, default=5, help="medians are of so many (default: 5)")
    parser.add_argument("--seconds", type=float, default=3.0, help="measured a round (default: 3)")
    parser.add_argument("--warm-seconds", type=float, default=1.0, help="before (default: 1)")
    parser.add_argument("--json", metavar="FILE", help="write every reading there")
    parser.add_argument(
        "--profile", action="store_true", help="run ours once under cProfile, and name what costs"
    )
    return parser


def _plan(
    arguments: argparse.Namespace,
    scenarios: Sequence[Scenario],
    brokers: Sequence[Broker],
    rounds: int,
    profile: Path | None = None,
) -> Plan:
    return Plan(
        scenarios,
        brokers,
        rounds=rounds,
        seconds=arguments.seconds,
        warm_seconds=arguments.warm_seconds,
        cache=CACHE,
        profile=profile,
    )


def _profile(
    arguments: argparse.Namespace, scenarios: Sequence[Scenario], brokers: Sequence[Broker]
) -> int:
    mine = next((broker for broker in brokers if broker.is_ours), BROKERS["uvloop"])
    for scenario in scenarios:
        path = CACHE / f"{scenario.name}.profile"
        path.unlink(missing_ok=True)
        try:
            take(_plan(arguments, [scenario], [mine], 1, path), _tell)
            statistics = pstats.Stats(str(path), stream=sys.stdout)
        except (Failed, OSError) as error:
            _say(f"{scenario.name}: {error}")
            return 1
        statistics.sort_stats("tottime").print_stats(PROFILED_FUNCTIONS)
    return 0


def _tell(scenario: Scenario, broker: Broker, reading: Reading) -> None:
    if reading.failure:
        told = f"failed: {reading.failure}"
    else:
        figures = (f"{table.figure(m.of(reading.counts))} {m.title}" for m in scenario.measures)
        told = ", ".join(figures)
    _say(f"{scenario.name:18}{broker.name:11}{told}")


def _say_tables(
    readings: Sequence[Reading], scenarios: Sequence[Scenario], brokers: Sequence[Broker]
) -> None:
    peers = [broker for broker in brokers if not broker.is_ours]
    for broker in brokers:
        for peer in peers if broker.is_ours else ():
            kind = "compiled" if broker.is_compiled else "pure"
            floor = kind if peer.name == MOSQUITTO else ""
            rows = table.compare(readings, scenarios, broker.name, peer.name, floor=floor)
            _say(f"\n{broker.title} against {peer.title}\n{table.plain(rows)}")


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
