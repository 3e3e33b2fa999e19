"""A node behind real sockets, listening on TCP."""

from __future__ import annotations

import pytest

from tests.listeners.stand import Node


@pytest.fixture
async def node():
    started = await Node().start()
    yield started
    await started.stop()
