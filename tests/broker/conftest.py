"""A stage for every scenario."""

from __future__ import annotations

import pytest

from tests.broker.held_store import HeldStore
from tests.broker.stage import Stage


@pytest.fixture
async def stage():
    """A node that lets everybody do anything."""
    made = await Stage().start()
    yield made
    await made.stop()


@pytest.fixture
async def held():
    stage = await Stage(store=HeldStore()).start()
    yield stage
    stage.store.is_held = stage.store.broken = False
    await stage.store.commit()
    await stage.stop()
