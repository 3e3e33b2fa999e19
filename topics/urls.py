"""Addresses of the topic pages."""

from __future__ import annotations

from django.urls import path

from topics import views

_CLUSTER = "clusters/<str:cluster_id>/"

urlpatterns = [
    path(f"{_CLUSTER}topics/", views.topic_list, name="topic-list"),
    path(f"{_CLUSTER}create-topic/", views.topic_create, name="topic-create"),
    path(f"{_CLUSTER}topics/<str:topic>/", views.topic_detail, name="topic-detail"),
    path(f"{_CLUSTER}topics/<str:topic>/edit/", views.topic_edit, name="topic-edit"),
    path(f"{_CLUSTER}topics/<str:topic>/delete/", views.topic_delete, name="topic-delete"),
    path(f"{_CLUSTER}topics/<str:topic>/publish/", views.topic_publish, name="topic-publish"),
]
