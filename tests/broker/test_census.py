"""Counting many sessions a few at a time."""

from __future__ import annotations

from broker_runtime.broker import census
from broker_runtime.broker.client import Session
from broker_runtime.session.outgoing import Outgoing


async def test_many_sessions_are_counted_a_few_at_each_tick(stage, monkeypatch):
    monkeypatch.setattr(census, "COUNTED_AT_ONCE", 10)
    sessions = stage.broker._core.sessions.by_client_id
    for number in range(300):
        session = sessions[f"c{number}"] = Session(f"c{number}", "", created_ms=0)
        session.window.admit(Outgoing(None, number + 1, 1, b"", b""))
        session.window.wait(Outgoing(None, number + 1, 1, b"", b""))
    stage.broker.tick()
    assert stage.broker.gauges()["inflight"] == 0, "not counted yet"
    for _ in range(7):
        stage.broker.tick()
    assert stage.broker.gauges()["inflight"] == 300
    assert stage.broker.gauges()["backlog"] == 300
    sessions.clear()
