"""The stores under test."""

from __future__ import annotations

import pytest

from broker_runtime.storage.local.store import LocalStore
from broker_runtime.storage.memory import MemoryStore
from tests.storage.workbench import Bench


@pytest.fixture(params=["local", "memory"])
async def store(request, tmp_path):
    """An open store of either kind; the contract is the same."""
    kept = (
        LocalStore(tmp_path / "store", node_id="n0") if request.param == "local" else MemoryStore()
    )
    await kept.open()
    yield kept
    await kept.close()


@pytest.fixture
async def local(tmp_path):
    """An open local store in ``tmp_path / "store"``."""
    kept = LocalStore(tmp_path / "store", node_id="n0")
    await kept.open()
    yield kept
    await kept.close()


@pytest.fixture
def bench(tmp_path):
    """An empty journal folder, driven by hand."""
    made = Bench(tmp_path)
    yield made
    made.close()
