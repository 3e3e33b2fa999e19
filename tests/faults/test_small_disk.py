"""A full and a read-only disk, for real (SECURITY F3): nothing acknowledged is lost, the node says
what is wrong, and goes on by itself when there is room."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator

import pytest

from broker_runtime.exits import ExitCode
from tests.faults.load import Load, subscribe_and_leave
from tests.faults.small_disk import SmallDisk
from tests.node.process import NodeProcess, wait_until


@pytest.fixture
def disk(tmp_path) -> Iterator[SmallDisk]:
    made = SmallDisk(tmp_path / "disk")
    yield made
    made.close()


@pytest.fixture
def node(tmp_path, disk) -> Iterator[NodeProcess]:
    """A node, not started, whose data folder is on the disk."""
    made = NodeProcess(tmp_path)
    made.data = tmp_path / "disk" / "data"
    made.launcher = [*disk.enter(), sys.executable]
    yield made
    made.close()


def test_f3_a_disk_that_fills_up_stops_acknowledgements_until_there_is_room(node, disk):
    node.start_ready(node.standalone)
    subscribe_and_leave(node)
    load = Load(node)
    assert load.publish(20) == 20
    disk.fill()
    wait_until(lambda: load.publish(200) < 200, "the disk is full for the store, too")
    wait_until(lambda: node.status("/v1/ready") == 503, "it says that it cannot serve")
    assert node.status("/v1/health") == 503
    assert "database or disk is full" in node.log

    disk.free()
    node.wait_ready()
    assert load.publish(20) == 20
    node.kill()
    node.start_ready(node.standalone)
    load.assert_all_there()


def test_a_node_on_a_full_disk_starts_or_says_why_and_loses_nothing(node, disk):
    node.start_ready(node.standalone)
    subscribe_and_leave(node)
    load = Load(node)
    load.publish(20)
    node.kill()
    disk.fill()
    node.start(node.standalone, wait=False)
    wait_until(
        lambda: node.process.poll() is not None or node.status("/v1/health"),
        "it ended or answers",
    )
    if node.process.poll() is None:
        node.kill()
    else:
        assert node.wait() == ExitCode.DATA
        assert "full" in node.log or "No space left" in node.log

    disk.free()
    node.start_ready(node.standalone)
    load.assert_all_there()


def test_a_read_only_disk_is_named_at_the_start_and_harms_nothing(node, disk):
    node.start_ready(node.standalone)
    subscribe_and_leave(node)
    load = Load(node)
    load.publish(20)
    node.kill()
    wait_until(lambda: remounted(disk, "ro"), "the indexer has ended, too")
    node.start(node.standalone, wait=False)
    assert node.wait() == ExitCode.DATA
    assert "Read-only file system" in node.log
    assert str(node.data) in node.log

    disk.remount("rw")
    node.start_ready(node.standalone)
    load.assert_all_there()


def remounted(disk: SmallDisk, how: str) -> bool:
    try:
        disk.remount(how)
    except subprocess.CalledProcessError:
        return False
    return True
