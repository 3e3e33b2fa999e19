"""Changes of accounts: users, rights policies, API keys, the owner's first start."""

from __future__ import annotations

from console.accounts.services import access_keys, owner, rights, users

__all__ = ["access_keys", "owner", "rights", "users"]
