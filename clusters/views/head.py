"""The head of a cluster's pages as a part of its own, which reloads itself."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import render
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
    """Head and tabs. A page whose cluster is gone leads to the list; one whose cluster came to life
    or is being deleted, ``?state=`` says which it showed, is loaded anew.
    """
    try:
        frame = cluster_frame(request, cluster_id, tab=request.GET.get("tab", "basic"))
    except ResourceNotFound:
        if request.htmx:
            messages.info(request, _("Cluster %(id)s is deleted.") % {"id": cluster_id[:64]})
            return lead_to(request, "cluster-list")
        raise
    was = request.GET.get("state", "")
    if request.htmx and was and (was in UNSETTLED) != (frame["cluster"].state in UNSETTLED):
        return HttpResponseClientRefresh()
    return render(request, "clusters/_head.html", frame)
