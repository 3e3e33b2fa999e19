"""``python -m tests.suites [--only NAME] [--mirror DIR]``: fetch, run, judge; 1 on a surprise."""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

from tests.suites import mosquitto, paho
from tests.suites.sources import MOSQUITTO, PAHO, CannotFetch, Source, checkout
from tests.suites.verdicts import Verdict, explanations, judge, report

Run = Callable[[Path, Path], Iterator[Verdict]]
SUITES: tuple[tuple[Source, Run], ...] = ((PAHO, paho.run), (MOSQUITTO, mosquitto.run))
CACHE = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "signalbox" / "suites"


def main() -> int:
    """Run the suites asked for."""
    parser = argparse.ArgumentParser(prog="python -m tests.suites", description=__doc__)
    parser.add_argument("--only", choices=[source.name for source, _ in SUITES])
    parser.add_argument("--mirror", type=Path, help="folder with clones named like the suites")
    parser.add_argument("--cache", type=Path, default=CACHE, help="where checkouts are kept")
    asked = parser.parse_args()
    verdicts: list[Verdict] = []
    asked.cache.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="suites-") as folder:
        for source, run in SUITES:
            if asked.only in (None, source.name):
                try:
                    tree = checkout(source, asked.cache, asked.mirror)
                except CannotFetch as error:
                    sys.stderr.write(f"{error}\n")
                    return 2
                for verdict in run(tree, Path(folder)):
                    sys.stderr.write(f"{verdict.outcome:15}{verdict.suite} {verdict.case}\n")
                    verdicts.append(verdict)
    explained = explanations()
    judgement = judge(verdicts, explained)
    sys.stdout.write(report(judgement, explained) + "\n")
    return 0 if judgement.holds else 1


if __name__ == "__main__":
    sys.exit(main())
