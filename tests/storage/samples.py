"""Messages and sessions for the storage tests, and a way to await a ``done``."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from broker_runtime.storage.base import SessionRecord, StoredMessage, SubscriptionRecord, WillRecord

NOW_MS = 1_760_000_000_000
"""An instant inside an hour, so that neighbours fall into the same partition."""
FIRST_SEQ = NOW_MS * 1000


def message(seq: int = FIRST_SEQ, **changes) -> StoredMessage:
    fields: dict[str, Any] = {
        "shard": 0,
        "seq": seq,
        "topic": "plant/7/temperature",
        "payload": b"21.5",
        "qos": 1,
        "retain": False,
        "client_id": "sensor-7",
        "username": "alice",
        "address": "192.0.2.7:50123",
        "stored_ms": seq // 1000,
    }
    return StoredMessage(**(fields | changes))


def session(client_id: str = "reader", epoch: int = 1, **changes) -> SessionRecord:
    fields: dict[str, Any] = {
        "client_id": client_id,
        "username": "bob",
        "address": "192.0.2.8:50124",
        "protocol_version": 5,
        "keep_alive_s": 60,
        "clean_start": False,
        "expiry_s": 3600,
        "created_ms": NOW_MS,
        "connected_ms": NOW_MS,
        "disconnected_ms": 0,
        "connected": True,
        "epoch": epoch,
        "subscriptions": {"plant/#": SubscriptionRecord(qos=1, no_local=True, identifier=3)},
        "will": WillRecord("plant/gone", b"bye", 1, False, delay_s=5, properties=b"\x01\x01"),
    }
    return SessionRecord(**(fields | changes))


def contents(stored: StoredMessage) -> tuple[object, ...]:
    """Every field, for comparison (a message compares by identity)."""
    return tuple(getattr(stored, name) for name in StoredMessage.__struct_fields__)


async def outcome(write: Callable[..., None], *args: object) -> Exception | None:
    """Call a write of a store and return what its ``done`` was given."""
    answer: asyncio.Future[Exception | None] = asyncio.get_running_loop().create_future()
    write(*args, answer.set_result)
    return await answer


async def keep(write: Callable[..., None], *args: object) -> None:
    """Call a write that must be kept."""
    assert await outcome(write, *args) is None
