"""The first tab of a cluster: its load, its endpoints, what it is and what its clients do."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.http import HttpResponse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_GET

from clusters.forms import DescribeInsPublicEndpointsForm, DescribeInsVPCEndpointsForm
from clusters.frame import cluster_frame
from clusters.tab_parts import read
from clusters.views.creation import UNSETTLED, progress_context
from console.core.pages import PageRequest, page, perform, show
from console.overview.events import shown_event
from console.overview.snippets import snippets_of
from monitoring.forms import DescribeEventForm, DescribeInstanceRealtimeStatsForm
from monitoring.selectors.metrics import RealtimeStats
from policies.forms import DescribeAuthorizationPoliciesForm

RANGES = (
    {"value": "live", "label": gettext_lazy("10 min")},
    {"value": "1h", "label": gettext_lazy("1 h")},
    {"value": "6h", "label": gettext_lazy("6 h")},
    {"value": "24h", "label": gettext_lazy("24 h")},
    {"value": "3d", "label": gettext_lazy("3 d")},
)
SHOWN_EVENTS = 8


@require_GET
@page
def cluster_detail(request: PageRequest, cluster_id: str) -> HttpResponse:
    """The cluster, or how far its creation or deletion is."""
    frame = cluster_frame(request, cluster_id, tab="basic")
    cluster = frame["cluster"]
    if cluster.state in UNSETTLED:
        context = {**frame, **progress_context(request, cluster_id)}
        return show(request, "overview/cluster_unsettled.html", context)
    chosen = request.GET.get("range", "")
    context = {
        **frame,
        **_endpoints(request, cluster_id),
        **_aside(request, frame),
        **_events(request, frame),
        "ranges": RANGES,
        "range": chosen if any(chosen == each["value"] for each in RANGES) else "1h",
    }
    return show(request, "overview/cluster_detail.html", context)


@require_GET
@page
def cluster_aside(request: PageRequest, cluster_id: str) -> HttpResponse:
    """What the cluster is and how much of its specification is used, as a part."""
    frame = cluster_frame(request, cluster_id, tab="basic")
    return show(request, "overview/_cluster_aside.html", {**frame, **_aside(request, frame)})


@require_GET
@page
def latest_events(request: PageRequest, cluster_id: str) -> HttpResponse:
    """What clients did last, as a part."""
    frame = cluster_frame(request, cluster_id, tab="basic")
    return show(request, "overview/_cluster_events.html", {**frame, **_events(request, frame)})


def _endpoints(request: PageRequest, cluster_id: str) -> dict[str, Any]:
    parameters = {"InstanceId": cluster_id}
    private = perform(request, DescribeInsVPCEndpointsForm, parameters)
    public = perform(request, DescribeInsPublicEndpointsForm, parameters).endpoints
    endpoints = (*private, *public)
    plain = next((each for each in endpoints if each.kind == "mqtt-tcp"), None)
    return {"endpoints": endpoints, "snippets": snippets_of(plain)}


def _aside(request: PageRequest, frame: dict[str, Any]) -> dict[str, Any]:
    cluster = frame["cluster"]
    return {
        "tags": list(cluster.tags.all()),
        "limits": _limits(request, frame),
    }


def _limits(request: PageRequest, frame: dict[str, Any]) -> list[dict[str, Any]]:
    """Use against the specification; a use that nobody reports or may read is left out."""
    cluster = frame["cluster"]
    now = _current(request, frame)
    runtime = frame["runtime"]
    connections = runtime.connections if runtime else None
    rows = [
        {"label": _("TPS"), "used": _whole(now.get("tps")), "limit": cluster.tps_limit},
        {"label": _("Connections"), "used": connections, "limit": cluster.max_connections},
        {
            "label": _("Subscriptions"),
            "used": _whole(now.get("subscriptions")),
            "limit": cluster.max_subscriptions,
        },
        {
            "label": _("Topics"),
            "used": frame["details"].topic_count,
            "limit": cluster.max_topics,
        },
    ]
    if frame["may"]["DescribeAuthorizationPolicies"]:
        policies = perform(
            request, DescribeAuthorizationPoliciesForm, {"InstanceId": cluster.public_id}
        )
        rows.append({"label": _("Policies"), "used": len(policies), "limit": cluster.max_policies})
    return rows


def _current(request: PageRequest, frame: dict[str, Any]) -> Mapping[str, float]:
    """Rates and gauges of this second; empty when nobody reports or the reader may not know."""
    if not frame["may"]["DescribeInstanceRealtimeStats"]:
        return {}
    parameters = {"InstanceId": frame["cluster"].public_id, "Charts": ["tps"]}
    stats: RealtimeStats = perform(request, DescribeInstanceRealtimeStatsForm, parameters)
    return stats.current


def _whole(value: float | None) -> int | None:
    return None if value is None else round(value)


def _events(request: PageRequest, frame: dict[str, Any]) -> dict[str, Any]:
    cluster = frame["cluster"]
    if not frame["may"]["DescribeEvent"]:
        return {"events": [], "events_refusal": None}
    parameters = {"InstanceId": cluster.public_id, "Limit": SHOWN_EVENTS}
    found, refusal = read(request, DescribeEventForm, parameters, instead=None)
    events = [shown_event(event) for event in found.events] if found else []
    return {"events": events, "events_refusal": refusal}
