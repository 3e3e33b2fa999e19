"""Addresses of sign-in and of one's own account."""

from __future__ import annotations

from django.urls import path

from console.accounts import views

urlpatterns = [
    path("sign-in/", views.sign_in_page, name="sign-in"),
    path("sign-out/", views.sign_out_page, name="sign-out"),
    path("language/", views.choose_language, name="set_language"),
    path("account/password/", views.password_change, name="password-change"),
    path("account/keys/", views.api_key_list, name="api-key-list"),
    path("account/keys/create/", views.api_key_create, name="api-key-create"),
    path("account/keys/<str:secret_id>/switch/", views.api_key_switch, name="api-key-switch"),
    path("account/keys/<str:secret_id>/delete/", views.api_key_delete, name="api-key-delete"),
]
