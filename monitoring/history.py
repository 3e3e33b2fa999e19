"""The last quarter of an hour, second by second, in Valkey: any web process can draw it."""

from __future__ import annotations

import functools

import msgspec
import redis
import redis.asyncio
from django.conf import settings

from monitoring.ingest import Baseline, Sample

SECONDS_KEPT = 900
EXPIRY_S = 3600
BASELINE_EXPIRY_S = 86_400


async def load_baseline(client: redis.asyncio.Redis, node_id: str) -> Baseline | None:
    """The node's last report, by whichever process took it."""
    content = await client.get(_baseline_key(node_id))
    return msgspec.json.decode(content, type=Baseline) if content else None


async def keep(
    client: redis.asyncio.Redis,
    *,
    node_id: str,
    cluster: str,
    baseline: Baseline,
    sample: Sample | None,
) -> None:
    """Store a node's baseline and, when there is one, the second's sample; one round trip."""
    async with client.pipeline(transaction=False) as pipeline:
        pipeline.set(_baseline_key(node_id), msgspec.json.encode(baseline), ex=BASELINE_EXPIRY_S)
        if sample is not None:
            key = _samples_key(cluster)
            pipeline.lpush(key, msgspec.json.encode(sample))
            pipeline.ltrim(key, 0, SECONDS_KEPT - 1)
            pipeline.expire(key, EXPIRY_S)
        await pipeline.execute()


def recent(cluster: str, *, seconds: int) -> list[Sample]:
    """Samples of a cluster, oldest first, of at most this many last reports."""
    entries = _client().lrange(_samples_key(cluster), 0, seconds - 1)
    return [msgspec.json.decode(entry, type=Sample) for entry in reversed(entries)]


def latest(clusters: list[str]) -> dict[str, Sample]:
    """The newest sample of each cluster that has one; one round trip for all."""
    pipeline = _client().pipeline(transaction=False)
    for cluster in clusters:
        pipeline.lindex(_samples_key(cluster), 0)
    entries = pipeline.execute() if clusters else []
    return {
        cluster: msgspec.json.decode(entry, type=Sample)
        for cluster, entry in zip(clusters, entries, strict=True)
        if entry
    }


@functools.cache
def _client() -> redis.Redis:
    return redis.Redis.from_url(settings.ENVIRONMENT.redis_url, socket_timeout=2)


def _samples_key(cluster: str) -> str:
    return f"signalbox:samples:{cluster}"


def _baseline_key(node_id: str) -> str:
    return f"signalbox:baseline:{node_id}"
