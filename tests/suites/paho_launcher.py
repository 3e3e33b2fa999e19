"""Runs inside the process of one Paho suite: ``paho_launcher.py SUITE.py PORT RESULTS.json``.

The suites call ``unittest.main()`` and print; this makes them tell their results as JSON too.
"""

from __future__ import annotations

import functools
import json
import runpy
import sys
import unittest
from pathlib import Path
from typing import Any


class Results(unittest.TextTestResult):
    """Notes every case by name."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.told: dict[str, str] = {}

    def _tell(self, test: unittest.TestCase, what: str) -> None:
        self.told[test.id().rpartition(".")[2]] = what

    def addSuccess(self, test: unittest.TestCase) -> None:
        super().addSuccess(test)
        self._tell(test, "")

    def addFailure(self, test: unittest.TestCase, err: Any) -> None:
        super().addFailure(test, err)
        self._tell(test, f"{err[0].__name__}: {err[1]}")

    def addError(self, test: unittest.TestCase, err: Any) -> None:
        super().addError(test, err)
        self._tell(test, f"{err[0].__name__}: {err[1]}")


def main(suite: Path, port: str, results: Path) -> None:
    """Run the suite as its own ``__main__`` and write case → complaint, empty when it passed."""
    runner = unittest.TextTestRunner(resultclass=Results, verbosity=2)
    program = functools.partial(unittest.TestProgram, argv=[suite.name], testRunner=runner)
    ended: list[unittest.TestProgram] = []
    unittest.main = lambda: ended.append(program(exit=False))  # type: ignore[assignment,misc]
    sys.path.insert(0, str(suite.parent))
    sys.argv = [suite.name, "-p", port]  # its host is localhost; its own -h shows the help
    runpy.run_path(str(suite), run_name="__main__")
    told = ended[0].result
    assert isinstance(told, Results), "the runner makes Results"
    results.write_text(json.dumps(told.told))


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2], Path(sys.argv[3]))
