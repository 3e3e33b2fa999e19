"""What every page's view is made of: who asks, the page or its part, a form's answer, a refusal.

A view is thin: it reads through an action, shows a template, and lets a form perform an action.

    @page
    def topic_list(request: PageRequest, cluster_id: str) -> HttpResponse:
        topics = perform(request, DescribeTopicListForm, {"InstanceId": cluster_id})
        return show(request, "topics/list.html", {"topics": topics}, part="topics/_table.html")

    @page
    def topic_create(request: PageRequest, cluster_id: str) -> HttpResponse:
        form = CreateTopicForm(form_data(request, instance_id=cluster_id))
        if request.method == "POST":
            return submit(request, form, "topics/create.html", {"form": form}, then=..., done=...)
        return show(request, "topics/create.html", {"form": form})

``@page`` asks for sign-in, and turns every ``ActionError`` that comes out of the view into the
refusal page with the status and code that the API and the command line give.
"""

from __future__ import annotations

import functools
import json
from collections.abc import Callable, Mapping
from typing import Any, Concatenate, ParamSpec
from urllib.parse import urlencode

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, QueryDict
from django.shortcuts import render, resolve_url
from django.urls import reverse
from django.utils.cache import patch_vary_headers
from django_htmx.http import HttpResponseClientRedirect
from django_htmx.middleware import HtmxDetails

from console.core.actors import Actor
from console.core.errors import ActionError
from console.core.forms import ActionForm

P = ParamSpec("P")

FORM_STATUS = 422
"""A refused form; ``base.html`` lets htmx swap this status, and only this one, of the 4xx."""
NOT_THE_FORMS_FAULT = frozenset({401, 403, 404})
"""Statuses whose refusal replaces the form: correcting its fields cannot help."""


class PageRequest(HttpRequest):
    """A request of someone who is signed in, as ``@page`` hands it to the view."""

    actor: Actor
    htmx: HtmxDetails


def actor_from(request: HttpRequest) -> Actor | None:
    """Who asks, with the rights of this moment; None when nobody is signed in.

    ``console.accounts.middleware`` puts the actor there.
    """
    actor: Actor | None = getattr(request, "actor", None)
    return actor or None


def source_ip(request: HttpRequest) -> str:
    """The peer's address. Proxy headers are never believed (SECURITY C14, ASVS 4.1.3)."""
    return str(request.META.get("REMOTE_ADDR") or "")


def page(
    view: Callable[Concatenate[Any, P], HttpResponse],
) -> Callable[Concatenate[HttpRequest, P], HttpResponse]:
    """A view for those who are signed in; the others are led to the sign-in page and back."""

    @functools.wraps(view)
    def guarded(request: HttpRequest, /, *args: P.args, **kwargs: P.kwargs) -> HttpResponse:
        if actor_from(request) is None:
            return _ask_to_sign_in(request)
        try:
            return view(request, *args, **kwargs)
        except ActionError as error:
            return refusal(request, error)

    return guarded


def show(
    request: HttpRequest,
    template: str,
    context: Mapping[str, Any] | None = None,
    *,
    part: str = "",
    status: int = 200,
) -> HttpResponse:
    """The page, or only its part when htmx asks for a swap.

    Args:
        template: The whole page; it includes the very part that is later swapped.
        part: Template of that part; empty when the page has none.
    """
    name = part if part and wants_part(request) else template
    response = render(request, name, dict(context or {}), status=status)
    patch_vary_headers(response, ("HX-Request",))
    return response


def form_data(request: HttpRequest, **fixed: str) -> QueryDict | None:
    """What a POST brought, with the values that the address decides; None for a page not yet sent.

    ``fixed`` wins over what the browser sent, so that a form cannot speak of another cluster than
    its address does.
    """
    if request.method != "POST":
        return None
    data = request.POST.copy()
    for name, value in fixed.items():
        data.setlist(name, [value])
    return data


def perform(request: PageRequest, form: type[ActionForm], parameters: Mapping[str, Any]) -> Any:
    """Run an action with the parameters of the API: how a page reads.

    Raises:
        ActionError: as the action, or for parameters that the form refuses; ``@page`` shows it.
    """
    return form.from_parameters(parameters).perform(request.actor)


def submit(
    request: PageRequest,
    form: ActionForm,
    template: str,
    context: Mapping[str, Any],
    *,
    then: str | Callable[[Any], str],
    part: str = "",
    done: str = "",
    changed: str = "",
) -> HttpResponse:
    """Perform the form's action; lead on when it is done, show the form again when it is refused.

    Args:
        template, context, part: As ``show``, for the form with its errors (status 422).
        then: Where to go: an address or a URL's name, or a function of the action's result.
        done: Notice that the next page shows.
        changed: Live event (``topics-changed``) to which the parts of the page around a dialog
            listen. With it htmx stays there: the dialog closes, the parts fetch themselves.

    Raises:
        ActionError: with a status of ``NOT_THE_FORMS_FAULT``; ``@page`` shows it.
    """
    try:
        result = form.perform(request.actor)
    except ActionError as error:
        return show_refused(request, form, error, template, context, part=part)
    if changed and wants_part(request):
        return _close_dialog(changed, done)
    if done:
        messages.success(request, done)
    return lead_to(request, then(result) if callable(then) else then)


def show_refused(
    request: PageRequest,
    form: ActionForm,
    error: ActionError,
    template: str,
    context: Mapping[str, Any],
    *,
    part: str = "",
) -> HttpResponse:
    """The form again, with what is wrong with it (status 422); ``submit`` and views that answer a
    success in a way of their own end a refusal with it.

    Raises:
        ActionError: ``error``, with a status of ``NOT_THE_FORMS_FAULT``; ``@page`` shows it.
    """
    if error.status in NOT_THE_FORMS_FAULT:
        raise error
    shown = {"form": form, **context, "refusal": refused(request, error)}
    return show(request, template, shown, part=part, status=FORM_STATUS)


def lead_to(request: HttpRequest, to: str) -> HttpResponse:
    """Go to an address or a URL's name; htmx is told to load the page as a whole."""
    url = resolve_url(to)
    return HttpResponseClientRedirect(url) if _is_htmx(request) else HttpResponseRedirect(url)


def toast(response: HttpResponse, text: str, *, level: str = "ok") -> HttpResponse:
    """Let the page that swaps this response show a notice (``static/js/toast.js``)."""
    return trigger(response, {"toast": {"level": level, "text": text}})


def trigger(response: HttpResponse, events: Mapping[str, Any]) -> HttpResponse:
    """Let the page that swaps this response hear events, after those it carries already."""
    carried = json.loads(response.headers.get("HX-Trigger", "{}"))
    response["HX-Trigger"] = json.dumps({**carried, **events})
    return response


def live_event(name: str) -> dict[str, Any]:
    """The event that the parts of a page fetch themselves at, as the live socket sends it."""
    return {f"live:{name}": {"event": name}}


def refused(request: HttpRequest, error: ActionError) -> dict[str, str]:
    """What a page says of a refusal: the API's code and message, and the id to ask about."""
    actor = actor_from(request)
    return {
        "code": error.full_code,
        "message": error.message,
        "request_id": actor.request_id if actor else "",
    }


def refusal(request: HttpRequest, error: ActionError) -> HttpResponse:
    """The refusal as a page of its own; for htmx a notice, which leaves the page as it is."""
    shown = refused(request, error)
    if wants_part(request):
        text = f"{shown['message']} ({shown['code']}, {shown['request_id']})"
        return toast(HttpResponse(status=error.status), text, level="bad")
    return render(request, "errors/refusal.html", {"refusal": shown}, status=error.status)


def csrf_failed(request: HttpRequest, reason: str = "") -> HttpResponse:
    """The page for a form without its token (setting ``CSRF_FAILURE_VIEW``)."""
    return render(request, "errors/403.html", status=403)


def _close_dialog(changed: str, done: str) -> HttpResponse:
    """Order counts: the dialog, from which the events rise, goes last."""
    response = trigger(HttpResponse(status=204), live_event(changed))
    if done:
        toast(response, done)
    return trigger(response, {"dialog-close": {}})


def _ask_to_sign_in(request: HttpRequest) -> HttpResponse:
    """Back to the same page after sign-in; a POST, or a part, leads back to the page around it."""
    back = request.get_full_path() if request.method == "GET" and not _is_htmx(request) else ""
    query = f"?{urlencode({'next': back})}" if back not in ("", "/") else ""
    return lead_to(request, reverse("sign-in") + query)


def _is_htmx(request: HttpRequest) -> bool:
    return bool(getattr(request, "htmx", False))


def wants_part(request: HttpRequest) -> bool:
    """Whether htmx fetches a part into the page that is open."""
    htmx: HtmxDetails | None = getattr(request, "htmx", None)
    return bool(htmx) and not (htmx and (htmx.boosted or htmx.history_restore_request))
