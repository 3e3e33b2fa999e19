"""A file that may not grow (RLIMIT_FSIZE): a write that fails in the middle, anywhere (SECURITY F3,
F4). The limit is put on a node that runs, and taken away again."""

from __future__ import annotations

import resource

import pytest

from broker_runtime.exits import ExitCode
from tests.faults.load import Load, subscribe_and_leave
from tests.node.process import NodeProcess, wait_until

NO_LIMIT = resource.RLIM_INFINITY


@pytest.mark.parametrize("beyond_bytes", [1, 4_096, 100_000])
def test_f3_f4_a_write_that_fails_halfway_loses_nothing_acknowledged(
    node: NodeProcess, beyond_bytes
):
    node.start_ready(node.standalone)
    subscribe_and_leave(node)
    load = Load(node)
    assert load.publish(10) == 10
    assert node.process is not None
    log = node.data / "store" / "store.sqlite3-wal"
    limit = (log.stat().st_size + beyond_bytes, NO_LIMIT)
    resource.prlimit(node.process.pid, resource.RLIMIT_FSIZE, limit)
    wait_until(lambda: load.publish(200) < 200, "the store cannot be written")

    if "health=failed" in node.log:  # a COMMIT that fails is final: the node ends by itself
        assert node.wait() == ExitCode.STORE
        node.start_ready(node.standalone)
    else:
        resource.prlimit(node.process.pid, resource.RLIMIT_FSIZE, (NO_LIMIT, NO_LIMIT))
        node.wait_ready()
    assert load.publish(10) == 10
    node.kill()
    node.start_ready(node.standalone)
    load.assert_all_there()
