"""Reads of metrics: the last second, the last minutes second by second, the last days by minute."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.db.models import F, Max, Sum
from django.utils.translation import gettext as _

from clusters.models import Cluster, Node
from clusters.resources import cluster_resource, resource_of
from console.core.actions import account_resource, action
from console.core.actors import Actor
from console.core.rights import Resource
from monitoring import history
from monitoring.ingest import MINUTE_MS, Sample
from monitoring.models import MinuteMetric
from monitoring.series import (
    CHARTS,
    LIVE,
    SPANS,
    SPARKLINE,
    Curve,
    Grid,
    Measured,
    curves,
    measured,
    total,
    total_values,
)

CURRENT_MAX_AGE_MS = 10_000
"""What a node reported longer ago is not current any more: it is away."""
_SECONDS_WITHOUT_ROW = 120
"""The minute that is not over has no row yet, nor the one whose end is just being written."""
_SPARKLINE_MINUTES = SPARKLINE.step_ms // MINUTE_MS


@dataclass(frozen=True, slots=True)
class Series:
    """One line of a chart; ``key`` is its name in a live sample."""

    key: str
    name: str
    values: Curve


@dataclass(frozen=True, slots=True, kw_only=True)
class Chart:
    """What a chart shows; without times nothing was ever measured."""

    from_ms: int
    until_ms: int
    times_ms: tuple[int, ...]
    series: tuple[Series, ...]
    unit: str
    limit: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RealtimeStats:
    """What a cluster does."""

    cluster: Cluster
    at_ms: int | None
    """Instant of the newest report; None when there is no current one."""
    current: Mapping[str, float]
    """Rates per second and gauges by name (``ingest.RATES``, ``GAUGES``), summed over the nodes;
    empty when no node reports.
    """
    charts: Mapping[str, Chart]


@dataclass(frozen=True, slots=True, kw_only=True)
class ClusterStats:
    """What one cluster of a list does."""

    at_ms: int | None
    current: Mapping[str, float]
    curves: Mapping[str, Curve]
    """Chart → the last 24 hours in 48 points; None where nothing was reported."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RealtimeStatsList:
    """What several clusters do, each and together."""

    clusters: Mapping[str, ClusterStats]
    """By public id; only those whose stats the actor may read."""
    total: ClusterStats


@action("DescribeInstanceRealtimeStats", resource=cluster_resource, kind="read")
def describe_instance_realtime_stats(
    actor: Actor,
    *,
    cluster: Cluster,
    span: str = "1h",
    charts: Sequence[str] = CHARTS,
) -> RealtimeStats:
    """What a cluster does now, and how that came about (CONTRACT section 16).

    Args:
        span: ``live`` (10 minutes by 2 s), ``1h``, ``6h``, ``24h`` (by the minute) or ``3d`` (by
            3 minutes).
        charts: Some of ``produced``, ``consumed``, ``connections`` and ``tps``.
    """
    now_ms = _now_ms()
    nodes = list(cluster.nodes.values_list("node_id", flat=True))
    grid = Grid.ending(SPANS[span], now_ms)
    seconds = history.SECONDS_KEPT if span == LIVE else _SECONDS_WITHOUT_ROW
    samples = history.recent(nodes, count=seconds)
    found = [one for node_id in nodes for one in measured(node_id, samples[node_id])]
    if span != LIVE:
        found = _minutes(cluster, grid.from_ms, found)
    lines = curves(found, grid)
    at_ms, current = _current(samples.values(), now_ms)
    return RealtimeStats(
        cluster=cluster,
        at_ms=at_ms,
        current=current,
        charts={name: _chart(name, cluster, grid, now_ms, lines[name]) for name in charts},
    )


def _measurable(actor: Actor, parameters: Mapping[str, Any]) -> Resource:
    """What the list is authorised on: the account, or else the first cluster whose stats the actor
    may read, so that rights on single clusters give a list of these.
    """
    account = account_resource(actor, parameters)
    if actor.may("mqtt:DescribeInstanceRealtimeStatsList", account):
        return account
    visible = _visible(actor, parameters.get("instance_ids"))
    return resource_of(visible[0]) if visible else account


@action("DescribeInstanceRealtimeStatsList", resource=_measurable, kind="read")
def describe_instance_realtime_stats_list(
    actor: Actor, *, instance_ids: Sequence[str] | None = None
) -> RealtimeStatsList:
    """What the actor's clusters do now, each with the curve of its day, and all of them together;
    a handful of queries for any number of clusters.

    Args:
        instance_ids: Public ids; all clusters when absent. Those that the actor may not measure,
            and those that are none of the account, are left out.
    """
    now_ms = _now_ms()
    grid = Grid.ending(SPARKLINE, now_ms)
    clusters = _visible(actor, instance_ids)
    nodes = dict(
        Node.objects.filter(cluster__in=clusters).values_list("node_id", "cluster_public_id")
    )
    rows = _half_hours(clusters, grid.from_ms)
    samples: dict[str, list[list[Sample]]] = defaultdict(list)
    for node_id, newest in history.recent(list(nodes), count=1).items():
        samples[nodes[node_id]].append(newest)
    found: dict[str, ClusterStats] = {}
    for cluster in clusters:
        at_ms, current = _current(samples[cluster.public_id], now_ms)
        lines = curves(rows[cluster.pk], grid)
        found[cluster.public_id] = ClusterStats(at_ms=at_ms, current=current, curves=lines)
    return RealtimeStatsList(clusters=found, total=_together(found.values()))


def _visible(actor: Actor, instance_ids: Sequence[str] | None) -> list[Cluster]:
    mine = Cluster.objects.filter(account_uin=actor.account_uin).prefetch_related("tags")
    if instance_ids is not None:
        mine = mine.filter(public_id__in=instance_ids)
    return [
        cluster
        for cluster in mine
        if actor.may("mqtt:DescribeInstanceRealtimeStatsList", resource_of(cluster))
        and actor.may("mqtt:DescribeInstanceRealtimeStats", resource_of(cluster))
    ]


def _now_ms() -> int:
    return time.time_ns() // 1_000_000


def _current(
    samples: Iterable[Sequence[Sample]], now_ms: int
) -> tuple[int | None, dict[str, float]]:
    """The newest of each node's samples, added up, unless it is too old; and when it was."""
    newest = [
        of_node[-1]
        for of_node in samples
        if of_node and now_ms - of_node[-1].at_ms <= CURRENT_MAX_AGE_MS
    ]
    at_ms = max((sample.at_ms for sample in newest), default=None)
    return at_ms, total_values(sample.values for sample in newest)


def _minutes(cluster: Cluster, from_ms: int, seconds: Sequence[Measured]) -> list[Measured]:
    """The minutes' rows, and the seconds of those minutes that have none yet."""
    rows = [
        Measured(
            node_id=node_id,
            at_ms=minute * MINUTE_MS,
            covered_ms=covered_ms,
            produced=produced,
            consumed=consumed,
            connections=connections,
            tps=tps,
        )
        for node_id, minute, covered_ms, produced, consumed, connections, tps in (
            MinuteMetric.objects.filter(cluster=cluster, minute__gte=from_ms // MINUTE_MS)
            .order_by()
            .values_list("node_id", "minute", "covered_ms", *CHARTS)
        )
    ]
    written = {(row.node_id, row.at_ms) for row in rows}
    later = [s for s in seconds if (s.node_id, s.at_ms - s.at_ms % MINUTE_MS) not in written]
    return [*rows, *later]


def _half_hours(clusters: Sequence[Cluster], from_ms: int) -> dict[int, list[Measured]]:
    """The minutes' rows gathered to the points of a sparkline, by the cluster's primary key."""
    found: dict[int, list[Measured]] = defaultdict(list)
    rows = (
        MinuteMetric.objects.filter(cluster__in=clusters, minute__gte=from_ms // MINUTE_MS)
        .order_by()
        .values("cluster_id", "node_id", stretch=F("minute") / _SPARKLINE_MINUTES)
        .annotate(
            time_ms=Sum("covered_ms"),
            sent_in=Sum("produced"),
            sent_out=Sum("consumed"),
            most=Max("connections"),
            fastest=Max("tps"),
        )
    )
    for row in rows:
        found[row["cluster_id"]].append(
            Measured(
                node_id=row["node_id"],
                at_ms=int(row["stretch"]) * SPARKLINE.step_ms,
                covered_ms=row["time_ms"],
                produced=row["sent_in"],
                consumed=row["sent_out"],
                connections=row["most"],
                tps=row["fastest"],
            )
        )
    return found


def _chart(name: str, cluster: Cluster, grid: Grid, now_ms: int, line: Curve) -> Chart:
    times_ms = grid.times_ms
    if line[-1] is None:  # the stretch has only begun
        line, times_ms = line[:-1], times_ms[:-1]
    if all(value is None for value in line):
        line, times_ms = (), ()
    return Chart(
        from_ms=grid.from_ms,
        until_ms=now_ms,
        times_ms=times_ms,
        series=(Series(name, _names()[name], line),),
        unit="" if name == "connections" else _("per second"),
        limit=float(cluster.tps_limit) if name == "tps" else None,
    )


def _names() -> dict[str, str]:
    return {
        "produced": _("Published"),
        "consumed": _("Delivered"),
        "connections": _("Online clients"),
        "tps": _("TPS"),
    }


def _together(each: Iterable[ClusterStats]) -> ClusterStats:
    found = list(each)
    instants = [stats.at_ms for stats in found if stats.at_ms is not None]
    return ClusterStats(
        at_ms=max(instants, default=None),
        current=total_values(stats.current for stats in found),
        curves={chart: total(stats.curves[chart] for stats in found) for chart in CHARTS},
    )
