"""The socket on which runtimes report (``broker_runtime.contract.reports``)."""

from __future__ import annotations

import asyncio
import hmac
import logging

import msgspec
from channels.generic.websocket import AsyncWebsocketConsumer
from django.conf import settings

from console.core.events import cluster_group
from console.core.threads import in_thread
from monitoring import history, records
from monitoring.ingest import (
    CONTRACT_HEADER,
    CONTRACT_VERSION,
    NODE_HEADER,
    Applied,
    ClientEvents,
    Hello,
    MetricsReport,
    NodeState,
    Report,
    ReportUnreadable,
    Taken,
    TopicsCreated,
    advance,
    decode_report,
)
from monitoring.throttle import Throttle

logger = logging.getLogger(__name__)

UNREADABLE = 4400
UNAUTHORISED = 4401
TOO_SLOW = 4408
REPLACED = 4409
FAILED = 1011
HELLO_WITHIN_S = 10.0
EVENTS_EVERY_S = 1.0
"""Pages of a cluster hear of its clients at most this often."""


class NodeTelemetry(AsyncWebsocketConsumer):
    """One node. Each report is dealt with before the next is looked at, and then confirmed.

    What cannot be written is not confirmed: the socket ends, and the node sends it again on the
    next. A node's newest socket counts; what an older one still brings is refused by Valkey.
    """

    async def connect(self) -> None:
        """Accept a peer that proves which node it is; nobody else gets a socket."""
        self.node_id = _proven_node(dict(self.scope["headers"]))
        self.node: records.KnownNode | None = None
        self.state: NodeState | None = None
        self.taken = 0
        self.is_over = False
        if not self.node_id:
            await self.close()
            return
        self.valkey = history.connect()
        self.clients_changed = Throttle(self._tell_clients_changed, every_s=EVENTS_EVERY_S)
        await self.accept()
        self.patience = asyncio.create_task(self._lose_patience())

    async def disconnect(self, code: int) -> None:
        """Write what has gathered of the minute; pages show that the runtime is away."""
        self.is_over = True
        if not self.node_id:
            return
        self.patience.cancel()
        try:
            await self._take_leave()
        except Exception:
            logger.exception("telemetry_leave_failed node=%s", self.node_id)
        finally:
            await self.valkey.aclose()

    async def receive(self, text_data: str | None = None, bytes_data: bytes | None = None) -> None:
        """One report."""
        if self.is_over:
            return
        try:
            report = decode_report(text_data if text_data is not None else bytes_data or b"")
            code = await (self._greet(report) if self.node is None else self._take(report))
        except ReportUnreadable as error:
            await self._end(UNREADABLE, str(error))
        except Exception:
            logger.exception("telemetry_not_taken node=%s", self.node_id)
            await self._end(FAILED, "a report could not be written; it comes again")
        else:
            await self._confirm(code)

    async def node_replaced(self, event: dict[str, object]) -> None:
        """Another socket speaks for the node."""
        await self._end(REPLACED, "the node opened another socket")

    async def _confirm(self, code: int) -> None:
        if code:
            await self._end(code, "refused")
            return
        self.taken += 1
        await self.send(msgspec.json.encode(Taken(count=self.taken)).decode())

    async def _end(self, code: int, reason: str) -> None:
        if not self.is_over:
            self.is_over = True
            logger.warning("telemetry_ended node=%s code=%s reason=%s", self.node_id, code, reason)
            await self.close(code)

    async def _lose_patience(self) -> None:
        await asyncio.sleep(HELLO_WITHIN_S)
        await self._end(TOO_SLOW, f"no hello within {HELLO_WITHIN_S:g} s")

    async def _greet(self, report: Report) -> int:
        """Returns the code to close with; 0 when the node is known."""
        if not isinstance(report, Hello) or report.node_id != self.node_id:
            return UNAUTHORISED
        node = await in_thread(records.node_of, self.node_id)
        if node is None or node.cluster_id != report.cluster_id:
            return UNAUTHORISED
        self.patience.cancel()
        before, self.state = await history.claim(self.valkey, node.node_id, self.channel_name)
        if before:
            await self.channel_layer.send(before, {"type": "node.replaced"})
        self.node = node
        await in_thread(records.greeted, node, report.revision)
        await self._tell({"event": "cluster-changed"})
        return 0

    async def _take(self, report: Report) -> int:
        """Returns the code to close with; 0 when the report is dealt with."""
        assert self.node is not None, "greeted before"
        if isinstance(report, MetricsReport):
            return await self._take_metrics(self.node, report)
        if isinstance(report, ClientEvents):
            await self.clients_changed.occur()
        elif isinstance(report, TopicsCreated):
            await in_thread(records.took_topics, self.node, report.names)
        elif isinstance(report, Applied):
            await in_thread(records.applied, self.node, report.revision)
        else:
            return UNREADABLE
        return 0

    async def _take_metrics(self, node: records.KnownNode, report: MetricsReport) -> int:
        step = advance(report, self.state)
        if step.finished is not None and not await in_thread(
            records.write_minute, node, step.finished
        ):
            return UNAUTHORISED
        is_kept = await history.keep(
            self.valkey,
            node_id=node.node_id,
            socket=self.channel_name,
            state=step.state,
            sample=step.sample,
        )
        if not is_kept:
            return REPLACED
        self.state = step.state
        if step.sample is not None:
            await self._tell(
                {
                    "event": "sample",
                    "cluster": node.cluster_id,
                    "at_ms": step.sample.at_ms,
                    "values": step.sample.values,
                }
            )
        return 0

    async def _take_leave(self) -> None:
        """Only the newest socket speaks for the node, in leaving as well."""
        if self.node is None:
            return
        if not await history.speaks_for(self.valkey, self.node.node_id, self.channel_name):
            return
        await self.clients_changed.flush()
        await self._tell({"event": "cluster-changed"})
        totals = self.state.totals if self.state else None
        if totals is not None:
            await in_thread(records.write_minute, self.node, totals)

    async def _tell_clients_changed(self) -> None:
        """What happened the pages fetch themselves."""
        await self._tell({"event": "clients-changed"})

    async def _tell(self, message: dict[str, object]) -> None:
        """To the cluster's pages. A channel layer that is down costs a log line, no report."""
        assert self.node is not None, "only a known node has pages"
        group = cluster_group(self.node.cluster_id)
        try:
            await self.channel_layer.group_send(group, {"type": "live.event", "message": message})
        except Exception:
            logger.exception("live_event_lost group=%s event=%s", group, message["event"])


def _proven_node(headers: dict[bytes, bytes]) -> str:
    """Id of the node whose token came with the handshake; empty when none did."""
    if headers.get(CONTRACT_HEADER.lower().encode()) != str(CONTRACT_VERSION).encode():
        return ""
    node_id = headers.get(NODE_HEADER.lower().encode(), b"").decode("latin-1")
    expected = f"Bearer {settings.KEYRING.telemetry_token(node_id)}".encode()
    shown = headers.get(b"authorization", b"")
    return node_id if node_id and hmac.compare_digest(expected, shown) else ""
