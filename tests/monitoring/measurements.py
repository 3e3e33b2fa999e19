"""Minutes and seconds of clusters as telemetry stores them, around one fixed present."""

from __future__ import annotations

from typing import Any

from asgiref.sync import async_to_sync

from clusters.models import Cluster
from monitoring import history
from monitoring.ingest import Baseline, MinuteTotals, NodeState, Sample
from monitoring.records import KnownNode, write_minute

NOW_MS = 1_700_000_120_000
"""Twenty seconds after a whole minute."""
MINUTE = NOW_MS // 60_000


def known(cluster: Cluster) -> KnownNode:
    return KnownNode(f"{cluster.public_id}-n0", cluster.pk, cluster.public_id)


def minute(cluster: Cluster, ago: int, **numbers: Any) -> None:
    """A minute's row, so many minutes before the present one."""
    totals: dict[str, Any] = {"covered_ms": 60_000, "began_ms": 1, "counters": {}, "peaks": {}}
    values = {**totals, **numbers}
    assert write_minute(known(cluster), MinuteTotals(minute=MINUTE - ago, samples=60, **values))


async def _keep(cluster: Cluster, *samples: Sample) -> None:
    client = history.connect()
    node_id = known(cluster).node_id
    await history.claim(client, node_id, "socket")
    state = NodeState(baseline=Baseline(started_ms=0, at_ms=0, counters={}))
    for sample in samples:
        assert await history.keep(
            client, node_id=node_id, socket="socket", state=state, sample=sample
        )
    await client.aclose()


def second(ago_ms: int, **values: float) -> Sample:
    return Sample(at_ms=NOW_MS - ago_ms, values={"produced": 0.0, **values})


def keep(cluster: Cluster, *samples: Sample) -> None:
    """Samples as the telemetry stores them."""
    async_to_sync(_keep)(cluster, *samples)
