"""The parts of a view: the page or its part, a form's answer, a refusal."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from django import forms
from django.contrib.messages.storage.fallback import FallbackStorage
from django.http import HttpRequest, HttpResponse
from django.test import RequestFactory
from django_htmx.middleware import HtmxMiddleware

from console.core.actions import REGISTRY, account_resource, action
from console.core.actors import Actor, system_actor
from console.core.errors import (
    ActionError,
    LimitExceeded,
    ResourceNotFound,
    ResourceUnavailable,
    UnauthorizedOperation,
)
from console.core.forms import FORMS, ActionForm
from console.core.pages import form_data, page, refusal, show, source_ip, submit, toast

pytestmark = pytest.mark.django_db

SYSTEM = system_actor("100000000001")
PAGE, PART = "errors/400.html", "components/banner.html"
HTMX: dict[str, Any] = {"HTTP_HX_REQUEST": "true"}


def request(method: str = "GET", *, actor: Actor | None = SYSTEM, **given: Any) -> Any:
    """A request as the middleware hands it to a view."""
    values: dict[str, str] = given.pop("data", {})
    built: Any = getattr(RequestFactory(), method.lower())("/topics/?page=2", values, **given)
    HtmxMiddleware(lambda request: HttpResponse())(built)
    built.actor, built.session = actor, {}
    built._messages = FallbackStorage(built)
    return built


@pytest.fixture
def thing_form() -> Iterator[type[ActionForm]]:
    actions, known = dict(REGISTRY), dict(FORMS)

    @action("DescribeThing", resource=account_resource, kind="read")
    def describe_thing(actor: Actor, *, name: str) -> str:
        if name in REFUSALS:
            raise REFUSALS[name]
        return name

    class DescribeThingForm(ActionForm):
        function = staticmethod(describe_thing)
        name = forms.CharField(max_length=20)

    yield DescribeThingForm
    REGISTRY.clear()
    REGISTRY.update(actions)
    FORMS.clear()
    FORMS.update(known)


REFUSALS: dict[str, ActionError] = {
    "full": LimitExceeded("It is full."),
    "away": ResourceUnavailable("It is away."),
    "forbidden": UnauthorizedOperation("You may not."),
    "unknown": ResourceNotFound("It is not there."),
}


def test_a_browser_gets_the_page_and_htmx_its_part() -> None:
    context = {"text": "only here", "message": "only here"}
    whole = show(request(), PAGE, context, part=PART)
    part = show(request(**HTMX), PAGE, context, part=PART)
    assert "<html" in whole.text
    assert "<html" not in part.text
    assert "only here" in part.text
    assert "HX-Request" in whole["Vary"] == part["Vary"]


@pytest.mark.parametrize("header", ["HTTP_HX_BOOSTED", "HTTP_HX_HISTORY_RESTORE_REQUEST"])
def test_htmx_gets_the_page_when_it_asks_for_a_page(header: str) -> None:
    asked: dict[str, Any] = {**HTMX, header: "true"}
    assert "<html" in show(request(**asked), PAGE, part=PART).text


def test_a_page_without_a_part_is_a_page_for_htmx_too() -> None:
    assert "<html" in show(request(**HTMX), PAGE).text


def test_what_the_address_says_wins_over_what_the_browser_sent() -> None:
    """SECURITY C7."""
    sent = request("POST", data={"instance_id": "mqtt-other", "name": "x"})
    data = form_data(sent, instance_id="mqtt-mine")
    assert data
    assert (data.getlist("instance_id"), data["name"]) == (["mqtt-mine"], "x")
    assert form_data(request()) is None


def send(form: type[ActionForm], name: str, **given: Any) -> HttpResponse:
    changed = given.pop("changed", "")
    return submit(
        request("POST", **given),
        form({"name": name}),
        PAGE,
        {},
        then=lambda result: f"/things/{result}/",
        part=PART,
        done="It is done.",
        changed=changed,
    )


def test_a_done_form_leads_on_by_its_result(thing_form: type[ActionForm]) -> None:
    answer = send(thing_form, "x")
    assert (answer.status_code, answer["Location"]) == (302, "/things/x/")


def test_htmx_is_led_on_as_a_page(thing_form: type[ActionForm]) -> None:
    answer = send(thing_form, "x", **HTMX)
    assert (answer.status_code, answer["HX-Redirect"]) == (200, "/things/x/")
    assert not answer.has_header("Location")


def test_a_dialog_closes_after_its_page_was_told(thing_form: type[ActionForm]) -> None:
    answer = send(thing_form, "x", changed="things-changed", **HTMX)
    events = json.loads(answer["HX-Trigger"])
    assert answer.status_code == 204
    assert list(events) == ["live:things-changed", "toast", "dialog-close"]
    assert events["toast"] == {"level": "ok", "text": "It is done."}


def test_without_scripts_the_same_form_leads_on(thing_form: type[ActionForm]) -> None:
    assert send(thing_form, "x", changed="things-changed")["Location"] == "/things/x/"


@pytest.mark.parametrize("name", ["", "x" * 21, "full", "away"])
def test_a_refused_form_comes_back_with_422(thing_form: type[ActionForm], name: str) -> None:
    for given in ({}, HTMX):
        assert send(thing_form, name, **given).status_code == 422


@pytest.mark.parametrize(("name", "status"), [("forbidden", 403), ("unknown", 404)])
def test_what_no_field_can_mend_is_a_refusal_of_its_own(
    thing_form: type[ActionForm], name: str, status: int
) -> None:
    """SECURITY C7, C8."""

    @page
    def view(request: Any) -> HttpResponse:
        return submit(request, thing_form({"name": name}), PAGE, {}, then="/")

    assert view(request("POST")).status_code == status


@pytest.mark.parametrize("name", sorted(REFUSALS))
def test_a_refusal_shows_code_message_and_request_id(name: str) -> None:
    """The same three as in the API and on the command line."""
    error = REFUSALS[name]
    whole, part = refusal(request(), error), refusal(request(**HTMX), error)
    assert whole.status_code == part.status_code == error.status
    notice = json.loads(part["HX-Trigger"])["toast"]["text"]
    for text in (error.full_code, error.message, SYSTEM.request_id):
        assert text in whole.text
        assert text in notice
    assert part.content == b""


def test_a_refusal_is_text_and_never_markup() -> None:
    """SECURITY C1."""
    error = ResourceNotFound("<img src=x onerror=alert(1)>")
    assert "<img" not in refusal(request(), error).text
    assert "&lt;img" in refusal(request(), error).text


def test_notices_add_to_what_a_response_triggers_already() -> None:
    response = HttpResponse()
    response["HX-Trigger"] = json.dumps({"live:x": {}})
    events = json.loads(toast(response, "好", level="warn")["HX-Trigger"])
    assert events == {"live:x": {}, "toast": {"level": "warn", "text": "好"}}
    assert response["HX-Trigger"].isascii()


@pytest.mark.parametrize(
    ("method", "given", "header", "to"),
    [
        ("GET", {}, "Location", "/sign-in/?next=%2Ftopics%2F%3Fpage%3D2"),
        ("POST", {}, "Location", "/sign-in/"),
        ("GET", HTMX, "HX-Redirect", "/sign-in/"),
    ],
)
def test_who_is_not_signed_in_is_led_to_sign_in(
    method: str, given: dict[str, Any], header: str, to: str
) -> None:
    @page
    def view(request: Any) -> HttpResponse:
        raise AssertionError("never called")

    assert view(request(method, actor=None, **given))[header] == to


def test_the_address_of_a_caller_is_the_peers_and_no_header_changes_it() -> None:
    """SECURITY C14."""
    forged = request(REMOTE_ADDR="192.0.2.1", HTTP_X_FORWARDED_FOR="198.51.100.1")
    assert source_ip(forged) == "192.0.2.1"
    assert source_ip(HttpRequest()) == ""
