"""The frames: navigation, error pages that need nothing, and pages that work as plain HTML."""

from __future__ import annotations

import json
import re

import pytest
from django.http import HttpResponse
from django.template.loader import render_to_string
from django.test import RequestFactory
from django.urls import path

from console.core.middleware import CONTENT_SECURITY_POLICY
from console.core.templatetags.navigation import navigation


def _page(_request: object, **_kwargs: object) -> HttpResponse:
    return HttpResponse()


urlpatterns = [
    path("", _page, name="overview"),
    path("clusters/", _page, name="cluster-list"),
    path("clusters/<str:cluster_id>/topics/", _page, name="topic-list"),
]


def _entries(at: str) -> list[dict[str, object]]:
    groups = navigation({"request": RequestFactory().get(at)})["groups"]  # type: ignore[arg-type]  # only .get is used
    return [entry for group in groups for entry in group["entries"]]


@pytest.mark.urls(__name__)
def test_only_pages_that_exist_are_in_the_navigation() -> None:
    assert [entry["address"] for entry in _entries("/")] == ["/", "/clusters/"]


@pytest.mark.urls(__name__)
@pytest.mark.parametrize(
    ("at", "opened"),
    [
        ("/", ["/"]),
        ("/clusters/", ["/clusters/"]),
        ("/clusters/mqtt-x/topics/", ["/clusters/"]),
        ("/clusters-of-others/", []),
    ],
)
def test_the_entry_of_the_open_page_is_marked(at: str, opened: list[str]) -> None:
    assert [entry["address"] for entry in _entries(at) if entry["is_open"]] == opened


@pytest.mark.parametrize("code", [400, 403, 404, 500])
def test_an_error_page_needs_neither_request_nor_database(code: int) -> None:
    html = render_to_string(f"errors/{code}.html")

    assert f'<span class="error-code">{code}</span>' in html
    assert html.count("<h1>") == 1


def test_htmx_is_told_to_evaluate_nothing_and_to_swap_refused_forms() -> None:
    """SECURITY: HTMX"""
    html = render_to_string("components/head.html")
    match = re.search(r"name=\"htmx-config\" content='([^']+)'", html)
    assert match
    config = json.loads(match[1])

    assert config["allowEval"] is False
    assert config["allowScriptTags"] is False
    assert config["includeIndicatorStyles"] is False
    assert config["selfRequestsOnly"] is True
    assert config["historyCacheSize"] == 0
    answers = {rule["code"]: rule["swap"] for rule in config["responseHandling"]}
    assert answers["422"] is True
    assert list(answers).index("422") < list(answers).index("[45]..")


def test_the_policy_that_the_pages_are_written_for_allows_nothing_inline() -> None:
    assert "unsafe" not in CONTENT_SECURITY_POLICY
