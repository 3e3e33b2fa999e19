"""F4: after a failed write to the disk the node ends, with a code that says so."""

from __future__ import annotations

import asyncio

from broker_runtime import node as node_module
from broker_runtime.config.options import parse
from broker_runtime.exits import ExitCode
from broker_runtime.node import Node, Secrets
from broker_runtime.storage.base import StorageError, StoreHealth
from broker_runtime.storage.memory import MemoryStore
from tests.control.fakes import free_port


class FailingStore(MemoryStore):
    """Works until told to fail; then cannot even be closed."""

    has_failed = False

    def health(self) -> tuple[StoreHealth, str]:
        if self.has_failed:
            return StoreHealth.FAILED, "fsync: Input/output error"
        return super().health()

    async def close(self) -> None:
        await super().close()
        if self.has_failed:
            raise StorageError("fsync: Input/output error")


async def test_f4_a_store_that_failed_ends_the_node_with_its_own_code(monkeypatch, caplog):
    store = FailingStore()
    monkeypatch.setattr(node_module, "MemoryStore", lambda: store)
    monkeypatch.setattr(node_module, "WATCH_S", 0.01)
    options = parse(["--listen", f"127.0.0.1:{free_port()}", "--allow-anonymous", "--memory"])
    node = Node(options, Secrets())
    running = asyncio.create_task(node.run())

    store.has_failed = True
    code = await asyncio.wait_for(running, 20)

    assert code is ExitCode.STORE
    assert "store_failed" in caplog.text
    assert "store_not_closed" in caplog.text
    assert node.obstacle() == "stopping"
