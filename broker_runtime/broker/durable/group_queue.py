"""Copies of messages that one shared group is owed (``shared_groups``)."""

from __future__ import annotations

from broker_runtime.broker.clients.client import Session
from broker_runtime.session.sequence_queue import SequenceQueue


class GroupQueue:
    """What one group is owed. ``taken``: message number → the member that it is in flight to."""

    __slots__ = ("is_served", "key", "taken", "waiting")

    def __init__(self, key: str) -> None:
        self.key = key
        self.waiting = SequenceQueue()
        self.taken: dict[int, Session] = {}
        self.is_served = False
