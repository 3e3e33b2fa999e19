"""What telemetry writes into the database."""

from __future__ import annotations

import datetime

from django.db import transaction
from django.utils import timezone

from clusters.models import Node
from clusters.resources import node_seen, topics_seen
from console.core.events import announce
from monitoring.ingest import MinuteTotals
from monitoring.models import MinuteMetric


def node_of(node_id: str) -> Node | None:
    """The node of that id with its cluster."""
    return Node.objects.select_related("cluster").filter(node_id=node_id).first()


def saw(node_id: str, revision: int) -> None:
    """A node opened its telemetry, or says which configuration it holds; what it lacks is pushed."""
    now = timezone.now()
    Node.objects.filter(node_id=node_id).update(last_seen_at=now)
    node_seen.send(Node, node_id=node_id, revision=revision)


def took_topics(cluster_public_id: str, names: tuple[str, ...]) -> None:
    """First-level topics came into being by their first use."""
    topics_seen.send(Node, cluster_public_id=cluster_public_id, names=names)


def connection_changed(cluster_public_id: str) -> None:
    """A node came or went: pages show it."""
    announce("cluster-changed", cluster=cluster_public_id)


@transaction.atomic
def write_minute(node: Node, totals: MinuteTotals) -> None:
    """Add what has gathered of a minute to its row; a minute may come in several parts."""
    minute = datetime.datetime.fromtimestamp(totals.minute_ms / 1000, tz=datetime.UTC)
    row, _created = MinuteMetric.objects.select_for_update().get_or_create(
        cluster=node.cluster,
        node_id=node.node_id,
        minute=minute,
        defaults={"samples": 0},
    )
    row.samples += totals.samples
    for name, increase in totals.counters.items():
        row.counters[name] = row.counters.get(name, 0) + increase
    for name, peak in totals.peaks.items():
        row.peaks[name] = max(peak, row.peaks.get(name, 0.0))
    row.save()
    Node.objects.filter(pk=node.pk).update(last_seen_at=timezone.now())
