"""Addresses of the message pages and of one client."""

from __future__ import annotations

from django.urls import path

from monitoring.pages import clients, messages

_CLUSTER = "clusters/<str:cluster_id>/"
_MESSAGE = f"{_CLUSTER}messages/<str:message_id>/"

urlpatterns = [
    path("messages/", messages.message_list, name="message-list"),
    path(f"{_CLUSTER}messages/", messages.cluster_message_list, name="cluster-message-list"),
    path(_MESSAGE, messages.message_detail, name="message-detail"),
    path(f"{_MESSAGE}body/", messages.message_body, name="message-body"),
    path(f"{_CLUSTER}clients/detail/", clients.client_detail, name="client-detail"),
]
