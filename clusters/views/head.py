"""The head of a cluster's pages as a part of its own, which reloads itself."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET
from django_htmx.http import HttpResponseClientRefresh

from clusters.frame import cluster_frame
from clusters.views.creation import UNSETTLED
from console.core.errors import ResourceNotFound
from console.core.pages import PageRequest, lead_to, page


@require_GET
@page
def cluster_head(request: PageRequest, cluster_id: str) -> HttpResponse:
    """Head and tabs. A page whose cluster is gone leads to the list, one whose cluster is being
    deleted to its progress; one whose cluster came to life (``?state=`` is what it showed) is
    loaded anew.
    """
    try:
        frame = cluster_frame(request, cluster_id, tab=request.GET.get("tab", "basic"))
    except ResourceNotFound:
        if request.htmx:
            messages.info(request, _("Cluster %(id)s is deleted.") % {"id": cluster_id[:64]})
            return lead_to(request, "cluster-list")
        raise
    was = request.GET.get("state", "")
    is_settled = frame["cluster"].state not in UNSETTLED
    if request.htmx and was and (was not in UNSETTLED) != is_settled:
        if is_settled:
            return HttpResponseClientRefresh()
        # Loading the dialog's own page anew would win over the answer that leads away from it.
        return lead_to(request, reverse("cluster-detail", args=[cluster_id]))
    return render(request, "clusters/_head.html", frame)
