"""A will and the note that it was carried out become durable together (SECURITY S14)."""

from __future__ import annotations

import asyncio
import sqlite3

import pytest

from broker_runtime.codec import packets as p
from broker_runtime.storage.local.store import LocalStore
from broker_runtime.storage.records import decode_session
from tests.broker.stage import Stage


class Watching(sqlite3.Connection):
    """Notes after each commit: messages in the log and retained, and whether the will is owed."""

    states: list[tuple[int, int, bool]]

    def execute(self, sql, *parameters):
        result = super().execute(sql, *parameters)
        if sql == "COMMIT":
            self.states.append(self._state())
        return result

    def _state(self):
        (log,) = super().execute("SELECT count(*) FROM log").fetchone()
        (retained,) = super().execute("SELECT count(*) FROM retained").fetchone()
        rows = super().execute(
            "SELECT session.record, progress.record FROM session "
            "JOIN progress ON progress.session = session.id WHERE client_id = 'carl'"
        )
        owed = any(decode_session(*row).will is not None for row in rows)
        return log, retained, owed


async def durably(stage, condition):
    """Let the thread of the store commit what it was given."""
    async with asyncio.timeout(20):
        while not condition():
            stage.broker.tick()
            await asyncio.sleep(0.005)  # another thread writes


@pytest.mark.parametrize("clean", [True, False])
@pytest.mark.parametrize("way", ["lost", "restart"])
async def test_a_will_is_never_durable_without_the_note_that_it_was_carried_out(
    tmp_path, way, clean
):
    class Connection(Watching):
        states = []

    store = LocalStore(tmp_path / "store", node_id="n0", connection_factory=Connection)
    stage = await Stage(store=store).start()
    states = Connection.states

    watcher = stage.connection()
    await watcher.connect("watcher", clean=False)
    await durably(stage, lambda: bool(watcher.transport.received))
    request = p.SubscriptionRequest("will/#", 1)
    await watcher.send(p.Subscribe(packet_id=1, subscriptions=[request]))
    await durably(stage, lambda: any(isinstance(x, p.SubAck) for x in watcher.transport.received))
    will = p.Will(topic="will/x", payload=b"w", qos=1, retain=True)
    carl = stage.connection()
    await carl.connect("carl", clean=clean, will=will)
    await durably(stage, lambda: bool(states) and states[-1] == (0, 0, True))
    if way == "lost":
        await carl.vanish()
    else:
        await stage.crash()
        await store.close()
        await stage.start()
    await durably(stage, lambda: states[-1] == (1, 1, False))
    assert set(states) == {(0, 0, False), (0, 0, True), (1, 1, False)}
    await stage.stop()
