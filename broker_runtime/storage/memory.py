"""``MemoryStore``: the contract of ``DurableStore`` without a disk, for tests and for a node
without ``--data``."""

from __future__ import annotations

import asyncio
from bisect import bisect_right
from collections.abc import Sequence
from operator import attrgetter

from broker_runtime.storage.base import (
    Done,
    Fenced,
    SessionRecord,
    StorageError,
    StoredMessage,
    StoreHealth,
    Unavailable,
)
from broker_runtime.storage.records import decode_session, encode_session

PAGE_BYTES = 4 * 1024 * 1024

_seq = attrgetter("seq")


class MemoryStore:
    """See ``base.DurableStore``. What it keeps lives as long as the object, across ``close``."""

    def __init__(self) -> None:
        self._loop: asyncio.AbstractEventLoop | None = None
        self._is_open = False
        self._sessions: dict[str, tuple[int, bytes, bytes]] = {}
        self._received: dict[tuple[str, int], StoredMessage] = {}
        self._log: list[StoredMessage] = []
        self._retained: dict[str, StoredMessage] = {}
        self._owed: set[tuple[int, str]] = set()
        self._last_seq = 0

    async def open(self) -> None:
        """See ``base.DurableStore.open``."""
        self._loop = asyncio.get_running_loop()
        self._is_open = True

    async def close(self) -> None:
        """See ``base.DurableStore.close``; returns after every ``done`` was called."""
        self._is_open = False
        await asyncio.sleep(0)

    def health(self) -> tuple[StoreHealth, str]:
        """See ``base.DurableStore.health``."""
        if self._is_open:
            return StoreHealth.OK, ""
        return StoreHealth.DEGRADED, "the store is not open"

    def load_sessions(self) -> list[SessionRecord]:
        """See ``base.SessionStore.load_sessions``."""
        return [decode_session(fixed, progress) for _, fixed, progress in self._sessions.values()]

    def save_session(self, record: SessionRecord, done: Done | None) -> None:
        """See ``base.SessionStore.save_session``."""
        if self._may_write(done, record.client_id, record.epoch):
            self._sessions[record.client_id] = (record.epoch, *encode_session(record))
            self._settle(done, None)

    def delete_session(self, client_id: str, epoch: int, done: Done | None) -> None:
        """See ``base.SessionStore.delete_session``."""
        if self._may_write(done, client_id, epoch):
            self._sessions.pop(client_id, None)
            for key in [key for key in self._received if key[0] == client_id]:
                del self._received[key]
            self._settle(done, None)

    def put_received(
        self, client_id: str, epoch: int, packet_id: int, message: StoredMessage, done: Done
    ) -> None:
        """See ``base.SessionStore.put_received``."""
        if self._may_write(done, client_id, epoch, must_exist=True):
            self._received.setdefault((client_id, packet_id), message)
            self._last_seq = max(self._last_seq, message.seq)
            self._settle(done, None)

    def release_received(
        self, client_id: str, epoch: int, packet_id: int, log: StoredMessage | None, done: Done
    ) -> None:
        """See ``base.SessionStore.release_received``."""
        if not self._may_write(done, client_id, epoch, must_exist=True):
            return
        kept = self._received.pop((client_id, packet_id), None)
        if kept is not None and log is not None:
            self._add_to_log(log)
        self._settle(done, None)

    def load_received(self) -> list[tuple[str, int, StoredMessage]]:
        """See ``base.SessionStore.load_received``."""
        found = [(owner, pid, message) for (owner, pid), message in self._received.items()]
        return sorted(found, key=lambda entry: entry[2].seq)

    def append(self, message: StoredMessage, done: Done) -> None:
        """See ``base.MessageStore.append``."""
        self.append_all([message], done)

    def append_all(self, messages: list[StoredMessage], done: Done) -> None:
        """See ``base.MessageStore.append_all``."""
        if not self._may_write(done):
            return
        last = self._log[-1].seq if self._log else -1
        if messages[0].seq <= last:
            error = StorageError(f"cannot be kept: {messages[0].seq} is not after {last}")
            self._settle(done, error)
            return
        for message in messages:
            self._add_to_log(message)
        self._settle(done, None)

    def owe(self, copies: Sequence[tuple[int, str]], done: Done | None) -> None:
        """See ``base.MessageStore.owe``."""
        if self._may_write(done):
            self._owed.update(copies)
            self._settle(done, None)

    def settle_owed(self, copies: Sequence[tuple[int, str]], done: Done | None) -> None:
        """See ``base.MessageStore.settle_owed``."""
        if self._may_write(done):
            self._owed.difference_update(copies)
            self._settle(done, None)

    def load_owed(self) -> list[tuple[int, str]]:
        """See ``base.MessageStore.load_owed``."""
        return sorted(self._owed)

    async def fetch(self, seqs: Sequence[int]) -> list[StoredMessage]:
        """See ``base.MessageStore.fetch``."""
        if not self._is_open:
            raise Unavailable("the store is not open")
        wanted = set(seqs)
        return [message for message in self._log if message.seq in wanted]

    async def replay(self, after_seq: int, limit: int) -> list[StoredMessage]:
        """See ``base.MessageStore.replay``."""
        if not self._is_open:
            raise Unavailable("the store is not open")
        start = bisect_right(self._log, after_seq, key=_seq)
        page: list[StoredMessage] = []
        size_bytes = 0
        for message in self._log[start : start + limit]:
            page.append(message)
            size_bytes += len(message.payload)
            if size_bytes >= PAGE_BYTES:
                break
        return page

    def trim(self, up_to_seq: int) -> None:
        """See ``base.MessageStore.trim``."""
        if self._may_write(None):
            self._last_seq = max(self._last_seq, up_to_seq)
            del self._log[: bisect_right(self._log, up_to_seq, key=_seq)]

    def retain(self, message: StoredMessage, done: Done | None) -> None:
        """See ``base.MessageStore.retain``."""
        if not self._may_write(done):
            return
        if message.payload:
            self._retained[message.topic] = message
        else:
            self._retained.pop(message.topic, None)
        self._last_seq = max(self._last_seq, message.seq)
        self._settle(done, None)

    def load_retained(self) -> list[StoredMessage]:
        """See ``base.MessageStore.load_retained``."""
        return list(self._retained.values())

    def last_seq(self) -> int:
        """See ``base.MessageStore.last_seq``."""
        return self._last_seq

    def _add_to_log(self, message: StoredMessage) -> None:
        self._log.append(message)
        self._last_seq = max(self._last_seq, message.seq)

    def _may_write(
        self, done: Done | None, client_id: str = "", epoch: int = 0, *, must_exist: bool = False
    ) -> bool:
        """Whether the store is open and the lease, if there is one, still held; settles ``done`` if
        not."""
        if self._loop is None:
            raise StorageError("the store is not open: await open() first")
        kept = self._sessions.get(client_id)
        if not self._is_open:
            self._settle(done, Unavailable("the store is closed"))
        elif kept is not None and kept[0] > epoch:
            self._settle(
                done, Fenced(f"session {client_id!r}: epoch {epoch} was taken over by {kept[0]}")
            )
        elif kept is None and must_exist:
            self._settle(done, Fenced("the session is not kept any more"))
        else:
            return True
        return False

    def _settle(self, done: Done | None, outcome: Exception | None) -> None:
        assert self._loop is not None, "checked by _may_write"
        if done is not None:
            self._loop.call_soon(done, outcome)
