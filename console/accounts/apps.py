"""Django app of the accounts."""

from __future__ import annotations

from django.apps import AppConfig


class AccountsConfig(AppConfig):
    """Users, rights, API keys."""

    name = "console.accounts"
    label = "accounts"
    default_auto_field = "django.db.models.BigAutoField"
