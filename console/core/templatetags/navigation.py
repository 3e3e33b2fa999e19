"""The side navigation: which pages there are, in which groups, and which one is open."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django import template
from django.http import HttpRequest
from django.template import Context
from django.urls import NoReverseMatch, reverse
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

register = template.Library()


@dataclass(frozen=True, slots=True)
class Page:
    """An entry of the navigation.

    Args:
        label: Its text.
        icon: Name in the sprite.
        url_name: Name of its URL; pages below that path belong to the entry.
    """

    label: Promise
    icon: str
    url_name: str


GROUPS: tuple[tuple[Promise | None, tuple[Page, ...]], ...] = (
    (None, (Page(_("Overview"), "layout-dashboard", "overview"),)),
    (_("Resources"), (Page(_("Clusters"), "server-2", "cluster-list"),)),
    (_("Operate"), (Page(_("Message search"), "message-search", "message-list"),)),
    (_("Govern"), (Page(_("API keys"), "key", "api-key-list"),)),
)
"""LOOK.md, Navigation. An entry is added together with its page."""


@register.inclusion_tag("components/nav.html", takes_context=True)
def navigation(context: Context) -> dict[str, Any]:
    """The navigation of ``base.html``; pages whose URL does not exist are not shown."""
    request: HttpRequest | None = context.get("request")
    path = request.path if request else ""
    groups = []
    for label, pages in GROUPS:
        entries = [
            {"page": page, "address": address, "is_open": _is_open(address, path)}
            for page in pages
            if (address := _address(page.url_name))
        ]
        if entries:
            groups.append({"label": label, "entries": entries})
    return {"groups": groups}


def _is_open(address: str, path: str) -> bool:
    below = address.rstrip("/") + "/"
    return path == address or (address != "/" and path.startswith(below))


def _address(url_name: str) -> str:
    try:
        return reverse(url_name)
    except NoReverseMatch:
        return ""
