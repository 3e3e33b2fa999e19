"""The socket on which runtimes report (``broker_runtime.contract.reports``)."""

from __future__ import annotations

import hmac
import logging
import time

import redis.asyncio
from channels.db import database_sync_to_async
from channels.generic.websocket import AsyncWebsocketConsumer
from django.conf import settings

from clusters.models import Node
from console.core.events import cluster_group
from monitoring import history, records
from monitoring.ingest import (
    CONTRACT_HEADER,
    CONTRACT_VERSION,
    Applied,
    Baseline,
    ClientEvents,
    Hello,
    MetricsReport,
    MinuteTotals,
    Report,
    ReportUnreadable,
    TopicsCreated,
    decode_report,
    sample_of,
)

logger = logging.getLogger(__name__)

UNAUTHORISED = 4401
UNREADABLE = 4400
MINUTE_MS = 60_000
EVENTS_EVERY_S = 1.0
"""Pages of a cluster hear of its clients at most this often."""


class NodeTelemetry(AsyncWebsocketConsumer):
    """One node. Reports come at about one a second; each is dealt with before the next is read."""

    async def connect(self) -> None:
        """Accept a peer with a token; whose it is, its ``Hello`` says."""
        headers = dict(self.scope["headers"])
        self.token = headers.get(b"authorization", b"").removeprefix(b"Bearer ").decode("latin-1")
        version = headers.get(CONTRACT_HEADER.lower().encode(), b"")
        self.node: Node | None = None
        self.baseline: Baseline | None = None
        self.totals: MinuteTotals | None = None
        self.events_told_at = 0.0
        self.valkey = redis.asyncio.Redis.from_url(settings.ENVIRONMENT.redis_url)
        if not self.token or version != str(CONTRACT_VERSION).encode():
            await self.close(UNAUTHORISED)
            return
        await self.accept()

    async def disconnect(self, code: int) -> None:
        """Write what has gathered of the minute; pages show that the runtime is away."""
        await self._write_minute()
        if self.node is not None:
            await self._tell({"event": "cluster-changed"})
        await self.valkey.aclose()

    async def receive(self, text_data: str | None = None, bytes_data: bytes | None = None) -> None:
        """One report."""
        try:
            report = decode_report(text_data if text_data is not None else bytes_data or b"")
        except ReportUnreadable as error:
            logger.warning("telemetry unreadable node=%s reason=%s", self.node, error)
            await self.close(UNREADABLE)
            return
        if self.node is None:
            await self._greet(report)
        else:
            await self._take(self.node, report)

    async def _greet(self, report: Report) -> None:
        if not isinstance(report, Hello) or not self._owns_token(report.node_id):
            await self.close(UNAUTHORISED)
            return
        node = await database_sync_to_async(records.node_of)(report.node_id)
        if node is None or node.cluster_public_id != report.cluster_id:
            await self.close(UNAUTHORISED)
            return
        self.node = node
        self.baseline = await history.load_baseline(self.valkey, node.node_id)
        await database_sync_to_async(records.saw)(node.node_id, report.revision)
        await self._tell({"event": "cluster-changed"})

    def _owns_token(self, node_id: str) -> bool:
        expected = settings.KEYRING.telemetry_token(node_id)
        return hmac.compare_digest(expected.encode(), self.token.encode())

    async def _take(self, node: Node, report: Report) -> None:
        if isinstance(report, MetricsReport):
            await self._take_metrics(node, report)
        elif isinstance(report, ClientEvents):
            await self._take_events()
        elif isinstance(report, TopicsCreated):
            await database_sync_to_async(records.took_topics)(node.cluster_public_id, report.names)
        elif isinstance(report, Applied):
            await database_sync_to_async(records.saw)(node.node_id, report.revision)

    async def _take_metrics(self, node: Node, report: MetricsReport) -> None:
        sample, increases, self.baseline = sample_of(report, self.baseline)
        await history.keep(
            self.valkey,
            node_id=node.node_id,
            cluster=node.cluster_public_id,
            baseline=self.baseline,
            sample=sample,
        )
        if sample is None:
            return
        minute_ms = sample.at_ms - sample.at_ms % MINUTE_MS
        if self.totals is None or self.totals.minute_ms != minute_ms:
            await self._write_minute()
            self.totals = MinuteTotals(minute_ms)
        self.totals.add(sample, increases)
        await self._tell(
            {
                "event": "sample",
                "cluster": node.cluster_public_id,
                "at_ms": sample.at_ms,
                "values": sample.values,
            }
        )

    async def _take_events(self) -> None:
        """Tell the pages; what happened they fetch themselves. Too soon after the last: later."""
        if time.monotonic() - self.events_told_at < EVENTS_EVERY_S:
            return
        self.events_told_at = time.monotonic()
        await self._tell({"event": "clients-changed"})

    async def _write_minute(self) -> None:
        totals, self.totals = self.totals, None
        if totals is not None and self.node is not None:
            await database_sync_to_async(records.write_minute)(self.node, totals)

    async def _tell(self, message: dict[str, object]) -> None:
        assert self.node is not None, "only a known node has pages"
        group = cluster_group(self.node.cluster_public_id)
        await self.channel_layer.group_send(group, {"type": "live.event", "message": message})
