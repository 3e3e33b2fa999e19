"""The first page after sign-in: all clusters at a glance, and what to do next."""

from __future__ import annotations

from typing import Any

from django.http import HttpResponse
from django.views.decorators.http import require_GET

from clusters.forms import (
    DescribeInstanceJobsForm,
    DescribeInstanceListForm,
    DescribeInstanceTotalsForm,
)
from clusters.selectors import InstancePage, InstanceTotals
from console.core.pages import PageRequest, page, perform, show
from console.core.templatetags.signalbox import CLUSTER_STATES
from console.overview.figures import UNKNOWN, kpis, may_create, stats_of, use_of
from console.overview.jobs import shown_job

SHOWN_CLUSTERS = 6
SHOWN_JOBS = 8


@require_GET
@page
def overview(request: PageRequest) -> HttpResponse:
    """All clusters counted, the newest of them, their states and the newest jobs."""
    totals: InstanceTotals = perform(request, DescribeInstanceTotalsForm, {})
    newest: InstancePage = perform(request, DescribeInstanceListForm, {"Limit": SHOWN_CLUSTERS})
    jobs = perform(request, DescribeInstanceJobsForm, {"Limit": SHOWN_JOBS})
    stats = stats_of(request, totals.clusters)
    names = {cluster.public_id: cluster.name for cluster in totals.clusters}
    context: dict[str, Any] = {
        "totals": totals,
        "may_create": may_create(request.actor),
        "kpis": kpis(totals, stats.total),
        "clusters": [
            {
                "cluster": item.cluster,
                "use": use_of(
                    item.cluster,
                    stats.clusters.get(item.cluster.public_id, UNKNOWN),
                    topic_count=item.topic_count,
                ),
            }
            for item in newest.items
        ],
        "states": [
            {"value": state, "count": totals.states[state]}
            for state in CLUSTER_STATES
            if state in totals.states
        ],
        "jobs": [shown_job(job, names.get(job.subject, "")) for job in jobs],
    }
    return show(request, "overview/overview.html", context)
