"""Pytest plugin: tests whose program is missing are skipped, and the end says how many and why.

``@pytest.mark.browser`` needs Chromium, ``@pytest.mark.needs("mosquitto_pub")`` that program. With
``SIGNALBOX_REQUIRE_ALL_TESTS=1`` (set by ``.ci/run``) such a test fails instead, and any other
skipped test makes the run fail: there, nothing may stay untested in silence.
"""

from __future__ import annotations

import os
import shutil
from collections import Counter

import pytest

from tests.programs import PROGRAMS

PREFIX = "could not run: "
REQUIRED = os.environ.get("SIGNALBOX_REQUIRE_ALL_TESTS") == "1"


def find_program(name: str) -> str | None:
    """Return the path of a program that tests start, under any of the names it goes by."""
    family = next((names for names in PROGRAMS.values() if name in names), (name,))
    return next(filter(None, map(shutil.which, family)), None)


def package_of(name: str) -> str:
    """Return the Debian package that has a program."""
    return next((package for package, names in PROGRAMS.items() if name in names), name)


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skip a test whose program is not there; fail it where everything is required."""
    needed = [mark.args[0] for mark in item.iter_markers("needs")]
    if item.get_closest_marker("browser"):
        needed.append("chromium")
    for name in needed:
        if find_program(name) is None:
            reason = f"{PREFIX}{name} is not installed (package {package_of(name)})"
            (pytest.fail if REQUIRED else pytest.skip)(reason)


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Where everything is required, a skipped test is a failed run."""
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    if REQUIRED and reporter is not None and reporter.stats.get("skipped"):
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say how many tests could not run, for each reason."""
    reasons = Counter(
        report.longrepr[2].partition(PREFIX)[2]
        for report in terminalreporter.stats.get("skipped", [])
        if isinstance(report.longrepr, tuple) and PREFIX in report.longrepr[2]
    )
    for reason, count in reasons.items():
        tests = "1 test" if count == 1 else f"{count} tests"
        terminalreporter.write_line(f"{tests} could not run: {reason}.", yellow=True)
    skipped = len(terminalreporter.stats.get("skipped", []))
    if REQUIRED and skipped:
        line = f"{skipped} skipped, where every test is required: this run has failed."
        terminalreporter.write_line(line, red=True)
