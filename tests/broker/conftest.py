from __future__ import annotations

import pytest

from tests.broker.stage import Stage


@pytest.fixture
async def stage():
    """A node that lets everybody do anything."""
    made = await Stage().start()
    yield made
    await made.stop()
