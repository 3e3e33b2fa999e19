"""Every address of the console, taken from the URLconf: who may open it, and by which method."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver

from tests.cast import make_owner

pytestmark = [pytest.mark.database, pytest.mark.django_db]

OPEN = {"", "healthz", "sign-in/", "sign-out/", "language/"}
"""Addresses for those who are not signed in. Exact: whoever adds one says so here."""


def routes(patterns: list[URLPattern | URLResolver], before: str = "") -> Iterator[str]:
    for pattern in patterns:
        route = before + str(pattern.pattern)
        if isinstance(pattern, URLResolver):
            yield from routes(pattern.url_patterns, route)
        else:
            yield route


ALL = sorted(set(routes(get_resolver().url_patterns)))


def address_of(route: str) -> str:
    """The route with something for each of its parameters."""
    parts = [
        "1" if part.startswith("<int:") else "unknown-1" if part.startswith("<") else part
        for part in route.split("/")
    ]
    return "/" + "/".join(parts)


def test_the_open_addresses_are_there() -> None:
    assert set(ALL) >= OPEN


@pytest.mark.parametrize("method", ["get", "post"])
@pytest.mark.parametrize("route", [route for route in ALL if route not in OPEN])
def test_every_other_address_asks_for_sign_in(route: str, method: str) -> None:
    """SECURITY C7: a page leads there, data answers 401; or the method is not known at all."""
    answer = getattr(Client(), method)(address_of(route))
    if answer.status_code not in (401, 405):
        assert answer.status_code == 302, answer.content[:200]
        assert answer["Location"].startswith("/sign-in/")


@pytest.mark.parametrize("route", [route for route in ALL if route])
def test_no_post_gets_through_without_the_pages_token(route: str) -> None:
    """SECURITY C5; ``POST /`` is the signed API."""
    browser = Client(enforce_csrf_checks=True)
    browser.force_login(make_owner())
    assert browser.post(address_of(route)).status_code in (403, 405)


@pytest.mark.parametrize("method", ["put", "patch", "delete", "trace"])
@pytest.mark.parametrize("route", ALL)
def test_no_address_knows_other_methods(route: str, method: str) -> None:
    """SECURITY C8."""
    browser = Client()
    browser.force_login(make_owner())
    assert getattr(browser, method)(address_of(route)).status_code == 405


@pytest.mark.parametrize("route", ALL)
def test_every_answer_carries_the_headers_of_the_policy(route: str) -> None:
    """SECURITY C23."""
    answer = Client().get(address_of(route))
    assert "default-src 'none'" in answer["Content-Security-Policy"]
    assert "unsafe" not in answer["Content-Security-Policy"]
    assert answer["X-Content-Type-Options"] == "nosniff"
    assert answer["X-Frame-Options"] == "DENY"
    assert answer["Referrer-Policy"] == "same-origin"
    assert answer["Cache-Control"]
