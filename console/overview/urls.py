"""Addresses of the overview, of the list of clusters and of a cluster's first tab."""

from __future__ import annotations

from django.urls import path

from console.overview.views import cluster, clusters, overview

urlpatterns = [
    path("overview/", overview.overview, name="overview"),
    path("clusters/", clusters.cluster_list, name="cluster-list"),
    path("clusters/<str:cluster_id>/", cluster.cluster_detail, name="cluster-detail"),
    path("clusters/<str:cluster_id>/aside/", cluster.cluster_aside, name="cluster-aside"),
    path("clusters/<str:cluster_id>/latest/", cluster.latest_events, name="cluster-latest-events"),
]
