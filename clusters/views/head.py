"""The head of a cluster's pages as a part of its own, which reloads itself."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET

from clusters.frame import cluster_frame
from console.core.errors import ResourceNotFound
from console.core.pages import PageRequest, lead_to, page


@require_GET
@page
def cluster_head(request: PageRequest, cluster_id: str) -> HttpResponse:
    """Head and tabs; leads to the list when the cluster is gone, because its pages are gone too."""
    try:
        frame = cluster_frame(request, cluster_id, tab=request.GET.get("tab", "basic"))
    except ResourceNotFound:
        if request.htmx:
            messages.info(request, _("Cluster %(id)s is deleted.") % {"id": cluster_id[:64]})
            return lead_to(request, "cluster-list")
        raise
    return render(request, "clusters/_head.html", frame)
