"""Addresses of the pages of one cluster."""

from __future__ import annotations

from django.urls import path

from clusters.views import head

urlpatterns = [
    path("clusters/<str:cluster_id>/head/", head.cluster_head, name="cluster-head"),
]
