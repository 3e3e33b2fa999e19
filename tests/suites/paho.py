"""Eclipse Paho's interoperability tests for MQTT 3.1.1 and 5.0, each against a node of its own."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from tests.node.process import NodeProcess
from tests.suites.verdicts import Verdict

LIMIT_S = 300
LAUNCHER = Path(__file__).with_name("paho_launcher.py")
FILES = {"paho-3.1.1": "client_test.py", "paho-5.0": "client_test5.py"}
AS_IT_EXPECTS = ("--keep-alive-max-s", "60")
"""The suite for 5.0 wants to be told this Server Keep Alive."""


def run(tree: Path, folder: Path) -> Iterator[Verdict]:
    """Every case of both suites."""
    for suite, name in FILES.items():
        home = folder / suite
        home.mkdir()
        results = home / "results.json"
        node = NodeProcess(home)
        try:
            node.start_ready([*node.standalone, *AS_IT_EXPECTS])
            ended = subprocess.run(
                [
                    *(sys.executable, str(LAUNCHER)),
                    *(str(tree / "interoperability" / name), str(node.mqtt_port), str(results)),
                ],
                capture_output=True,
                text=True,
                timeout=LIMIT_S,
                check=False,
            )
        finally:
            node.close()
        if not results.exists():
            yield Verdict(suite, "the suite itself", "failed", ended.stderr[-500:])
            continue
        for case, complaint in json.loads(results.read_text()).items():
            yield Verdict(suite, case, "failed" if complaint else "passed", complaint[:200])
