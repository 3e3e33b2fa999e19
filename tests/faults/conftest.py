"""Where no disk may be mounted, what needs one is left out, and the head of the report says so."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.faults.small_disk import namespace
from tests.node.process import NodeProcess

collect_ignore = [] if namespace() else ["test_small_disk.py"]


def pytest_report_header() -> str:
    """Whether the tests with a disk of their own run."""
    return "small disk: " + ("mounted in a namespace" if namespace() else "not allowed here")


@pytest.fixture
def node(tmp_path: Path) -> Iterator[NodeProcess]:
    """A node that was not started."""
    made = NodeProcess(tmp_path)
    yield made
    made.close()
