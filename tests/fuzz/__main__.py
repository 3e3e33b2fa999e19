"""``python -m tests.fuzz decoder|session [--seconds N] [--keep DIR]``: search for a bad input.

Needs atheris (``pip install atheris``), which finds its way by the lines an input reaches. An input
that makes a target raise is printed in Base64, kept as ``DIR/crash-*`` and ends the search with 77;
put it into ``<target>.corpus`` and it is an ordinary failing test.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["broker_runtime"]):
    from tests.fuzz import corpus
    from tests.fuzz.targets import TARGETS


def main() -> None:
    """Search until the time is over."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("target", choices=TARGETS)
    parser.add_argument("--seconds", type=int, default=300)
    parser.add_argument("--keep", type=Path, help="where inputs that reach new lines are kept")
    asked = parser.parse_args()
    keep = asked.keep or Path(tempfile.mkdtemp(prefix="fuzz-"))
    keep.mkdir(parents=True, exist_ok=True)
    for number, known in enumerate(corpus.inputs(asked.target)):
        (keep / f"known-{number}").write_bytes(known)
    options = [
        f"-max_total_time={asked.seconds}",
        "-max_len=600",
        "-timeout=20",
        "-rss_limit_mb=2048",
    ]
    options += [f"-artifact_prefix={keep}/", str(keep)]
    atheris.Setup([sys.argv[0], *options], TARGETS[asked.target])
    atheris.Fuzz()


if __name__ == "__main__":
    main()
