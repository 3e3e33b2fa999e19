"""Puts the actor on every request: whoever is signed in, with the rights of this moment."""

from __future__ import annotations

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse
from django.utils.functional import SimpleLazyObject

from console.accounts.actors import actor_of
from console.accounts.models import User
from console.core.actors import Actor
from console.core.pages import source_ip


def acting_user(
    get_response: Callable[[HttpRequest], HttpResponse],
) -> Callable[[HttpRequest], HttpResponse]:
    """Set ``request.actor``, looked up when first used; false when nobody is signed in."""

    def middleware(request: HttpRequest) -> HttpResponse:
        request.actor = SimpleLazyObject(lambda: _actor(request))  # type: ignore[attr-defined]  # read by console.core.pages.actor_from
        return get_response(request)

    return middleware


def _actor(request: HttpRequest) -> Actor | None:
    user = request.user
    if not isinstance(user, User):
        return None
    return actor_of(user, entrance="page", source_ip=source_ip(request))
