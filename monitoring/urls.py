"""URLs of the monitoring."""

from __future__ import annotations

from django.urls import URLPattern, path

from monitoring import views

urlpatterns: list[URLPattern] = [
    path("clusters/<str:cluster_id>/metrics.json", views.cluster_metrics, name="cluster-metrics"),
]
