"""Addresses of the pages of one cluster."""

from __future__ import annotations

from django.urls import path

from clusters.views import changes, creation, head

urlpatterns = [
    path("clusters/create/", creation.cluster_create, name="cluster-create"),
    path("clusters/<str:cluster_id>/head/", head.cluster_head, name="cluster-head"),
    path("clusters/<str:cluster_id>/progress/", creation.cluster_progress, name="cluster-progress"),
    path("clusters/<str:cluster_id>/retry/", creation.cluster_retry, name="cluster-retry"),
    path("clusters/<str:cluster_id>/edit/", changes.cluster_edit, name="cluster-edit"),
    path("clusters/<str:cluster_id>/tags/", changes.cluster_tags, name="cluster-tags"),
    path("clusters/<str:cluster_id>/resize/", changes.cluster_resize, name="cluster-resize"),
    path("clusters/<str:cluster_id>/delete/", changes.cluster_delete, name="cluster-delete"),
]
