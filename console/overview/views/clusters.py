"""The list of clusters, with their present use."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from urllib.parse import parse_qsl, urlencode

from django.http import HttpResponse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET

from clusters.forms import DescribeInstanceListForm, DescribeInstanceTotalsForm
from clusters.frame import Abilities
from clusters.resources import resource_of
from clusters.selectors import InstancePage, InstanceSummary, InstanceTotals
from console.core.listing import (
    Fetched,
    csv_download,
    every_row,
    search_text,
    table_page,
    wants_csv,
)
from console.core.pages import PageRequest, page, perform, show
from console.core.templatetags.signalbox import CLUSTER_STATES
from console.overview.figures import UNKNOWN, kpis, may_create, stats_of, use_of
from monitoring.selectors.metrics import RealtimeStatsList

MOST_FILTER_VALUES = 10
"""As many values as one filter of DescribeInstanceList takes."""


@require_GET
@page
def cluster_list(request: PageRequest) -> HttpResponse:
    """Clusters that match the search and the filters of the address; as a table or as CSV."""
    filters = _filters(request)

    def fetch(offset: int, limit: int) -> Fetched[InstanceSummary]:
        found: InstancePage = perform(
            request, DescribeInstanceListForm, {**filters, "Offset": offset, "Limit": limit}
        )
        return found.items, found.total

    if wants_csv(request):
        return _csv(request, list(every_row(fetch)))
    totals: InstanceTotals = perform(request, DescribeInstanceTotalsForm, {})
    stats = stats_of(request, totals.clusters)
    shown = table_page(request, fetch)
    context = {
        "page": shown,
        "rows": [_row(request, item, stats) for item in shown.object_list],
        "totals": totals,
        "kpis": kpis(totals, stats.total),
        "search": search_text(request),
        "is_filtered": bool(filters),
        "may_create": may_create(request.actor),
        "states": _state_choices(request, totals),
        "tags": _tag_choices(request, totals),
    }
    return show(request, "overview/cluster_list.html", context)


def _filters(request: PageRequest) -> dict[str, Any]:
    """The address's search, states and tags as parameters of DescribeInstanceList."""
    found: list[dict[str, Any]] = []
    if text := search_text(request):
        found.append({"Name": "Keyword", "Values": [text]})
    states = [state for state in request.GET.getlist("state") if state in CLUSTER_STATES]
    if states:
        found.append({"Name": "InstanceStatus", "Values": states[:MOST_FILTER_VALUES]})
    tags: dict[str, list[str]] = {}
    for key, value in _chosen_tags(request):
        tags.setdefault(key, []).append(value)
    parameters: dict[str, Any] = {"Filters": found} if found else {}
    if tags:
        parameters["TagFilters"] = [
            {"TagKey": key, "TagValues": values[:MOST_FILTER_VALUES]}
            for key, values in tags.items()
        ]
    return parameters


def _chosen_tags(request: PageRequest) -> list[tuple[str, str]]:
    """``?tag=key%3Dvalue``: one tag in each, written as a query so that no sign is special."""
    return [
        pair
        for text in request.GET.getlist("tag")
        for pair in parse_qsl(text, keep_blank_values=True)[:1]
        if pair[0]
    ]


def _state_choices(request: PageRequest, totals: InstanceTotals) -> list[dict[str, Any]]:
    chosen = request.GET.getlist("state")
    return [
        {"value": state, "label": label, "count": totals.states[state], "is_on": state in chosen}
        for state, (_level, label) in CLUSTER_STATES.items()
        if state in totals.states or state in chosen
    ]


def _tag_choices(request: PageRequest, totals: InstanceTotals) -> list[dict[str, Any]]:
    chosen = _chosen_tags(request)
    known = dict.fromkeys([*totals.tags, *chosen])
    return [
        {"value": urlencode([pair]), "key": pair[0], "text": pair[1], "is_on": pair in chosen}
        for pair in known
    ]


def _row(request: PageRequest, item: InstanceSummary, stats: RealtimeStatsList) -> dict[str, Any]:
    cluster = item.cluster
    own = stats.clusters.get(cluster.public_id, UNKNOWN)
    return {
        "cluster": cluster,
        "tags": list(cluster.tags.all()),
        "use": use_of(cluster, own, topic_count=item.topic_count),
        "curve": own.curves.get("tps", ()),
        "may": Abilities(request.actor, resource_of(cluster)),
    }


def _csv(request: PageRequest, items: Sequence[InstanceSummary]) -> HttpResponse:
    stats = stats_of(request, [item.cluster for item in items])
    return csv_download("clusters", _headings(), [_cells(item, stats) for item in items])


def _headings() -> list[str]:
    return [
        _("Cluster ID"),
        _("Name"),
        _("Status"),
        _("Edition"),
        _("Specification"),
        _("Region"),
        _("TPS"),
        _("TPS limit"),
        _("Connections"),
        _("Connection limit"),
        _("Topics"),
        _("Topic limit"),
        _("Tags"),
        _("Description"),
        _("Created"),
    ]


def _cells(item: InstanceSummary, stats: RealtimeStatsList) -> list[Any]:
    cluster = item.cluster
    now = stats.clusters.get(cluster.public_id, UNKNOWN).current
    return [
        cluster.public_id,
        cluster.name,
        cluster.state,
        cluster.edition,
        cluster.sku_code,
        cluster.region,
        now.get("tps"),
        cluster.tps_limit,
        now.get("connections"),
        cluster.max_connections,
        item.topic_count,
        cluster.max_topics,
        "; ".join(f"{tag.key}: {tag.value}" for tag in cluster.tags.all()),
        cluster.remark,
        cluster.created_at.isoformat(timespec="seconds"),
    ]
