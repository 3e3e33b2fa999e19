"""Addresses of the user pages."""

from __future__ import annotations

from django.urls import path

from authn import views

_CLUSTER = "clusters/<str:cluster_id>/"

urlpatterns = [
    path(f"{_CLUSTER}users/", views.user_list, name="user-list"),
    path(f"{_CLUSTER}create-user/", views.user_create, name="user-create"),
    path(f"{_CLUSTER}users/<str:username>/edit/", views.user_edit, name="user-edit"),
    path(f"{_CLUSTER}users/<str:username>/delete/", views.user_delete, name="user-delete"),
    path(f"{_CLUSTER}users/<str:username>/password/", views.user_password, name="user-password"),
]
