"""Loads the forms and payloads of every app, so that all actions are registered before the first
request.
"""

from __future__ import annotations

from importlib import import_module

PARTS = ("services", "selectors", "forms", "payloads")
APPS = ("console.accounts", "clusters", "topics", "authn", "policies", "monitoring")


def load() -> None:
    """Import every part that exists."""
    for app in APPS:
        for part in PARTS:
            name = f"{app}.{part}"
            try:
                import_module(name)
            except ModuleNotFoundError as error:
                if error.name != name:
                    raise
