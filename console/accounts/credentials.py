"""API keys as credentials: sealed at rest, looked up and opened for one check of a signature."""

from __future__ import annotations

import datetime

from django.utils import timezone

from console.accounts.models import ApiKey, User
from console.core.secrets import seal, unseal

LAST_USE_PRECISION = datetime.timedelta(minutes=1)
"""``last_used_at`` is written at most this often, whatever the key's traffic."""


def sealed_secret_key(secret_id: str, secret_key: str) -> bytes:
    """The secret as it is stored, bound to its key's id."""
    return seal(secret_key, row=_row(secret_id))


def find_credential(secret_id: str) -> tuple[ApiKey, str] | None:
    """An enabled key of an active user, and its secret; None when there is none."""
    key = (
        ApiKey.objects.select_related("user__owner")
        .filter(secret_id=secret_id, enabled=True, user__is_active=True)
        .first()
    )
    return (key, unseal(bytes(key.sealed_key), row=_row(secret_id))) if key else None


def note_use(key: ApiKey) -> None:
    """Remember when the key was used, to the minute."""
    now = timezone.now()
    if key.last_used_at is None or now - key.last_used_at >= LAST_USE_PRECISION:
        ApiKey.objects.filter(pk=key.pk).update(last_used_at=now)


def account_owner() -> User | None:
    """The owner of the installation's account, which is the oldest."""
    return User.objects.filter(owner__isnull=True).order_by("pk").first()


def _row(secret_id: str) -> str:
    return f"accounts.apikey:{secret_id}:sealed_key"
