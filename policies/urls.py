"""Addresses of the policy pages."""

from __future__ import annotations

from django.urls import path

from policies import views

_CLUSTER = "clusters/<str:cluster_id>/"

urlpatterns = [
    path(f"{_CLUSTER}policies/", views.policy_list, name="policy-list"),
    path(f"{_CLUSTER}create-policy/", views.policy_create, name="policy-create"),
    path(f"{_CLUSTER}policies/<int:policy_id>/edit/", views.policy_edit, name="policy-edit"),
    path(f"{_CLUSTER}policies/<int:policy_id>/delete/", views.policy_delete, name="policy-delete"),
]
