"""What the web processes share about the nodes, in Valkey: which socket of a node counts, where its
counters stood, and the last quarter of an hour second by second.
"""

from __future__ import annotations

import functools
import logging
from collections.abc import Sequence
from typing import Any, TypeVar

import msgspec
import redis
import redis.asyncio
from django.conf import settings
from redis.backoff import NoBackoff
from redis.retry import Retry

from monitoring.ingest import NodeState, Sample

logger = logging.getLogger(__name__)

SECONDS_KEPT = 900
SAMPLES_EXPIRY_S = 3_600
STATE_EXPIRY_S = 86_400
READ_TIMEOUT_S = 2

T = TypeVar("T")


def connect() -> redis.asyncio.Redis:
    """A client for the event loop; its user closes it."""
    return redis.asyncio.Redis.from_url(settings.ENVIRONMENT.redis_url)


async def claim(
    client: redis.asyncio.Redis, node_id: str, socket: str
) -> tuple[str, NodeState | None]:
    """Make ``socket`` (a channel's name) the one that speaks for a node.

    Returns:
        The socket before it (empty: none) and what is known of the node.
    """
    async with client.pipeline(transaction=True) as pipeline:
        pipeline.set(_socket_key(node_id), socket, ex=STATE_EXPIRY_S, get=True)
        pipeline.get(_state_key(node_id))
        before, state = await pipeline.execute()
    return (before or b"").decode(), _decoded(state, NodeState)


async def speaks_for(client: redis.asyncio.Redis, node_id: str, socket: str) -> bool:
    """Whether no other socket has claimed the node since."""
    return bool(await client.get(_socket_key(node_id)) == socket.encode())


async def keep(
    client: redis.asyncio.Redis,
    *,
    node_id: str,
    socket: str,
    state: NodeState,
    sample: Sample | None,
) -> bool:
    """Store a node's state and, when there is one, the second's sample; all or nothing.

    Returns:
        False, and nothing is stored, when ``socket`` does not speak for the node any more.
    """
    pipeline: Any  # redis' types leave multi() out
    async with client.pipeline(transaction=True) as pipeline:
        await pipeline.watch(_socket_key(node_id))
        if await pipeline.get(_socket_key(node_id)) != socket.encode():
            return False
        pipeline.multi()
        pipeline.expire(_socket_key(node_id), STATE_EXPIRY_S)
        pipeline.set(_state_key(node_id), msgspec.json.encode(state), ex=STATE_EXPIRY_S)
        if sample is not None:
            pipeline.lpush(_samples_key(node_id), msgspec.json.encode(sample))
            pipeline.ltrim(_samples_key(node_id), 0, SECONDS_KEPT - 1)
            pipeline.expire(_samples_key(node_id), SAMPLES_EXPIRY_S)
        try:
            await pipeline.execute()
        except redis.WatchError:
            return False
    return True


def recent(node_ids: Sequence[str], *, count: int) -> dict[str, list[Sample]]:
    """Each node's newest samples, oldest first; one round trip for all.

    Without Valkey there are none: the minutes in the database are shown all the same.
    """
    found: dict[str, list[Sample]] = {node_id: [] for node_id in node_ids}
    if not node_ids:
        return found
    pipeline = _client().pipeline(transaction=False)
    for node_id in node_ids:
        pipeline.lrange(_samples_key(node_id), 0, count - 1)
    try:
        lists = pipeline.execute()
    except redis.RedisError as error:
        logger.warning("samples unreadable reason=%s", error)
        return found
    for node_id, entries in zip(node_ids, lists, strict=True):
        samples = (_decoded(entry, Sample) for entry in reversed(entries))
        found[node_id] = [sample for sample in samples if sample is not None]
    return found


def _client() -> redis.Redis:
    return _client_of(settings.ENVIRONMENT.redis_url)


@functools.cache
def _client_of(url: str) -> redis.Redis:
    """Tries twice at once, so that a page without Valkey comes without waiting."""
    once_more = Retry(NoBackoff(), 1)
    return redis.Redis.from_url(url, socket_timeout=READ_TIMEOUT_S, retry=once_more)


def _decoded(content: bytes | None, kind: type[T]) -> T | None:
    """What is stored; nothing where another version of the product wrote it."""
    if content is None:
        return None
    try:
        return msgspec.json.decode(content, type=kind)
    except (msgspec.DecodeError, UnicodeError) as error:
        logger.warning("%s of another version ignored: %s", kind.__name__, error)
        return None


def _samples_key(node_id: str) -> str:
    return f"signalbox:samples:{node_id}"


def _state_key(node_id: str) -> str:
    return f"signalbox:node-state:{node_id}"


def _socket_key(node_id: str) -> str:
    return f"signalbox:node-socket:{node_id}"
