"""The folder of a node: in use or not, and its removal."""

from __future__ import annotations

import dataclasses
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from broker_runtime import data_folder
from clusters import node_folder

NODE = "mqtt-abcd1234-n0"
HOLD_THE_LOCK = """
import fcntl, sys
file = open(sys.argv[1], "w")
fcntl.lockf(file, fcntl.LOCK_EX)
print("held", flush=True)
sys.stdin.read()
"""


@pytest.fixture
def home(settings: Any, tmp_path: Path) -> Path:
    """A home of this test's."""
    settings.ENVIRONMENT = dataclasses.replace(settings.ENVIRONMENT, home=tmp_path)
    return tmp_path


@pytest.mark.parametrize(
    "node_id", ["", "..", "mqtt-abcd1234-n0/../..", "/etc", "mqtt-ABCD1234-n0"]
)
def test_only_a_node_id_names_a_folder(node_id: str, home: Path) -> None:
    with pytest.raises(ValueError, match="not a node id"):
        node_folder.remove(node_id)


def test_a_folder_goes_with_everything_in_it(home: Path) -> None:
    folder = home / "nodes" / NODE
    (folder / "log").mkdir(parents=True)
    (folder / "log" / "0001").write_bytes(b"messages")
    (home / "nodes" / "mqtt-other123-n0").mkdir()
    node_folder.remove(NODE)
    assert [path.name for path in (home / "nodes").iterdir()] == ["mqtt-other123-n0"]


def test_a_folder_that_is_gone_already_is_fine(home: Path) -> None:
    node_folder.remove(NODE)
    assert not node_folder.is_in_use(NODE)


def test_a_folder_is_in_use_as_long_as_a_process_holds_its_lock(home: Path) -> None:
    folder = home / "nodes" / NODE
    folder.mkdir(parents=True)
    with subprocess.Popen(
        [sys.executable, "-c", HOLD_THE_LOCK, str(folder / node_folder.LOCK)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"held\n"
        assert node_folder.is_in_use(NODE)
        holder.kill()
        holder.wait()
        assert not node_folder.is_in_use(NODE)


def test_the_lock_is_the_one_that_runtimes_hold() -> None:
    assert node_folder.LOCK == data_folder.LOCK
