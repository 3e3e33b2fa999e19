"""Addresses of the client list and of its orders; one client's page is ``monitoring``'s."""

from __future__ import annotations

from django.urls import path

from clusters.views import clients

_CLUSTER = "clusters/<str:cluster_id>/"

urlpatterns = [
    path(f"{_CLUSTER}clients/", clients.client_list, name="client-list"),
    path(f"{_CLUSTER}clients/kick/", clients.client_kick, name="client-kick"),
]
