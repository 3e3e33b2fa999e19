"""What telemetry writes into the database. Blocking: sockets call it in a thread."""

from __future__ import annotations

import datetime
from dataclasses import dataclass

from django.utils import timezone

from clusters.models import Node
from clusters.resources import node_seen, topics_seen
from monitoring.ingest import MinuteTotals
from monitoring.models import MinuteMetric

KEPT_DAYS = 31
"""Minutes older than that are deleted."""


@dataclass(frozen=True, slots=True)
class KnownNode:
    """A node that has a row."""

    node_id: str
    cluster_key: int
    cluster_id: str
    """Public id."""


def node_of(node_id: str) -> KnownNode | None:
    """The node of that id."""
    row = Node.objects.filter(node_id=node_id).first()
    return KnownNode(node_id, row.cluster_id, row.cluster_public_id) if row else None


def greeted(node: KnownNode, revision: int) -> None:
    """A node opened its telemetry and says what it holds; what it lacks is pushed."""
    _touch(node)
    node_seen.send(Node, node_id=node.node_id, revision=revision)


def applied(node: KnownNode, revision: int) -> None:
    """A node says that a revision is in force.

    One that the console knows of, or knows to be behind, is no news: reports may come late. A node
    that fell back has restarted, and says so with its greeting.
    """
    if Node.objects.filter(node_id=node.node_id, applied_revision__lt=revision).exists():
        node_seen.send(Node, node_id=node.node_id, revision=revision)


def took_topics(node: KnownNode, names: tuple[str, ...]) -> None:
    """First-level topics came into being by their first use."""
    topics_seen.send(Node, cluster_public_id=node.cluster_id, names=names)


def write_minute(node: KnownNode, totals: MinuteTotals) -> bool:
    """Write a minute, or what has gathered of it; once more replaces it.

    Returns:
        False when the node has no row any more: its cluster was deleted.
    """
    if not _touch(node):
        return False
    counters, peaks = dict(totals.counters), dict(totals.peaks)
    MinuteMetric.objects.update_or_create(
        cluster_id=node.cluster_key,
        node_id=node.node_id,
        minute=totals.minute,
        began_ms=totals.began_ms,
        defaults={
            "samples": totals.samples,
            "covered_ms": totals.covered_ms,
            "produced": counters.pop("messages_received", 0),
            "consumed": counters.pop("messages_sent", 0),
            "connections": peaks.pop("connections", 0.0),
            "tps": peaks.pop("tps", 0.0),
            "counters": counters,
            "peaks": peaks,
        },
    )
    return True


def trim_minutes(now: datetime.datetime) -> int:
    """Delete the minutes that are too old; returns how many rows."""
    oldest = now - datetime.timedelta(days=KEPT_DAYS)
    deleted, _by_kind = MinuteMetric.objects.filter(minute__lt=oldest.timestamp() // 60).delete()
    return deleted


def _touch(node: KnownNode) -> bool:
    return bool(Node.objects.filter(node_id=node.node_id).update(last_seen_at=timezone.now()))
