"""Counting many sessions a few at a time."""

from __future__ import annotations

from broker_runtime.broker.clients.client import Session
from broker_runtime.broker.watching.census import COUNTED_AT_ONCE, ROUND_TICKS
from broker_runtime.session.outgoing import Outgoing


async def test_many_sessions_are_counted_a_few_at_each_tick(stage):
    many = COUNTED_AT_ONCE + 300
    sessions = stage.broker._core.sessions.by_client_id
    for number in range(many):
        session = sessions[f"c{number}"] = Session(f"c{number}", "", created_ms=0)
        session.window.admit(Outgoing(None, number + 1, 1, b"", b""))
        session.window.wait(Outgoing(None, number + 1, 1, b"", b""))
    stage.broker.tick()
    assert stage.broker.gauges()["inflight"] == 0, "not counted yet"
    for _ in range(ROUND_TICKS + 7):
        stage.broker.tick()
    assert stage.broker.gauges()["inflight"] == many
    assert stage.broker.gauges()["backlog"] == many
    sessions.clear()
