"""A store whose writes become durable when the test says so."""

from __future__ import annotations

from broker_runtime.storage.base import StoreHealth, Unavailable
from broker_runtime.storage.memory import MemoryStore
from tests.broker.stage import settle


class HeldStore(MemoryStore):
    """Writes become durable only when the test says so; ``broken`` refuses them."""

    def __init__(self):
        super().__init__()
        self.waiting = []
        self.is_held = False
        self.broken = False

    def _settle(self, done, outcome):
        if done is None:
            return
        if self.broken:
            outcome = Unavailable("disk full")
        if self.is_held:
            self.waiting.append((done, outcome))
        else:
            super()._settle(done, outcome)

    async def commit(self, count=None):
        ready, self.waiting = self.waiting[:count], self.waiting[count:] if count else []
        for done, outcome in ready:
            done(outcome)
        await settle()

    def health(self):
        return (StoreHealth.DEGRADED, "disk full") if self.broken else super().health()


async def durable(stage, client_id="anna", topic_filter="a/#", qos=1):
    peer = await stage.client(client_id, clean=False)
    await peer.subscribe(topic_filter, qos)
    return peer
