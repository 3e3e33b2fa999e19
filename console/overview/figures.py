"""Present use of clusters in the words of the pages: meters, tiles and small curves."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from clusters.models import Cluster
from clusters.resources import resource_of
from clusters.selectors import InstanceTotals
from console.core.actions import account_resource
from console.core.actors import Actor
from console.core.pages import PageRequest, perform
from console.core.templatetags.signalbox import number
from monitoring.forms import DescribeInstanceRealtimeStatsListForm
from monitoring.selectors.metrics import ClusterStats, RealtimeStatsList

UNKNOWN = ClusterStats(at_ms=None, current={}, curves={})
_NOTHING = RealtimeStatsList(clusters={}, total=UNKNOWN)


def stats_of(request: PageRequest, clusters: Sequence[Cluster]) -> RealtimeStatsList:
    """What the clusters do now, each and all of the account; empty when the reader may not know."""
    if not any(_may_measure(request.actor, cluster) for cluster in clusters):
        return _NOTHING
    found: RealtimeStatsList = perform(request, DescribeInstanceRealtimeStatsListForm, {})
    return found


def may_create(actor: Actor) -> bool:
    """Whether the reader may create clusters: a page does not offer what the gate would refuse."""
    return actor.may("mqtt:CreateInstance", account_resource(actor, {}))


def use_of(cluster: Cluster, stats: ClusterStats, *, topic_count: int) -> list[dict[str, Any]]:
    """Rows of ``components/meters.html``: use against the specification."""
    now = stats.current
    return [
        {"label": _("TPS"), "used": round(now.get("tps", 0)), "limit": cluster.tps_limit},
        {
            "label": _("Conn"),
            "used": round(now.get("connections", 0)),
            "limit": cluster.max_connections,
        },
        {"label": _("Topics"), "used": topic_count, "limit": cluster.max_topics},
    ]


def kpis(totals: InstanceTotals, stats: ClusterStats) -> list[dict[str, Any]]:
    """Tiles over all clusters, whose stats ``stats`` adds up."""
    running = totals.states.get("RUNNING", 0)
    return [
        {
            "label": _("Clusters"),
            "value": number(len(totals.clusters)),
            "note": ngettext("%(n)d running", "%(n)d running", running) % {"n": running},
        },
        _measured(stats, "connections", _("Online clients")),
        _measured(stats, "produced", _("Published msg/s")),
        _measured(stats, "consumed", _("Delivered msg/s")),
        {
            "label": _("Topics"),
            "value": number(totals.topic_count),
            "note": _("in all clusters"),
        },
    ]


def _measured(stats: ClusterStats, name: str, label: str) -> dict[str, Any]:
    curve = stats.curves.get(name, ())
    peak = max((value for value in curve if value is not None), default=None)
    note = "" if peak is None else _("peak %(n)s") % {"n": _short(peak)}
    return {
        "label": label,
        "value": number(_rounded(stats.current, name)),
        "note": note,
        "curve": curve,
    }


def _rounded(values: Mapping[str, float], name: str) -> float | None:
    """None, shown as a dash, when no runtime reports."""
    value = values.get(name)
    return None if value is None else round(value, 1)


def _short(value: float) -> str:
    """At most four digits: ``36615`` → ``36.6k``; a tile is narrow and its curve wants room."""
    for unit, size in (("M", 1_000_000), ("k", 1000)):
        if value >= 10 * size:
            return f"{value / size:.1f}{unit}"
    return number(round(value))


def _may_measure(actor: Actor, cluster: Cluster) -> bool:
    resource = resource_of(cluster)
    return actor.may("mqtt:DescribeInstanceRealtimeStatsList", resource) and actor.may(
        "mqtt:DescribeInstanceRealtimeStats", resource
    )
