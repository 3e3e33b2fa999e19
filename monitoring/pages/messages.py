"""Message query, one message, and its trace (CONTRACT section 18)."""

from __future__ import annotations

import time
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlencode

from django import forms
from django.conf import settings
from django.core.exceptions import ValidationError
from django.http import HttpResponse, HttpResponseRedirect, QueryDict
from django.urls import reverse
from django.utils import timezone
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_GET

from clusters.forms import DescribeInstanceForm, DescribeInstanceListForm
from clusters.frame import cluster_frame
from clusters.gateway import Message, MessageList, MessageSummary, Trace
from clusters.selectors import InstancePage
from clusters.tab_parts import OBSTACLES, hide, read
from console.core.errors import ActionError, ResourceNotFound
from console.core.listing import Fetched, csv_download, page_size, table_page, wants_csv
from console.core.pages import (
    FORM_STATUS,
    PageRequest,
    page,
    perform,
    refused,
    show,
    show_refused,
)
from monitoring.forms import (
    LATEST_MS,
    DescribeMessageByTopicForm,
    DescribeMessageDetailsForm,
    DescribeTraceForm,
)
from monitoring.wording import told

TAB = "messages"
CLUSTER_COOKIE = "signalbox-cluster"
COOKIE_AGE_S = 180 * 86_400
PRESETS = (
    (5, gettext_lazy("5 min")),
    (30, gettext_lazy("30 min")),
    (60, gettext_lazy("1 h")),
    (360, gettext_lazy("6 h")),
    (1440, gettext_lazy("24 h")),
)
"""Minutes before now."""
USUAL_MINUTES = 30
NUMBERS = (100, 200, 500, 1024)
MOST_LISTED_CLUSTERS = 100


class InstantInput(forms.DateTimeInput):
    """A clock of the browser, to the millisecond, in the reader's time zone."""

    input_type = "datetime-local"

    def __init__(self) -> None:
        super().__init__(attrs={"step": "0.001"})

    def format_value(self, value: Any) -> str:
        """Unix milliseconds as the clock writes them; anything else as it was typed."""
        text = str(value if value is not None else "")
        instant = _instant(text)
        if instant is None:
            return text
        written = timezone.localtime(instant).replace(tzinfo=None)
        return written.isoformat(timespec="milliseconds")


class InstantField(forms.IntegerField):
    """An instant: Unix milliseconds, or what a clock of the reader's time zone shows."""

    widget = InstantInput

    def to_python(self, value: Any) -> int | None:
        """Unix milliseconds."""
        text = str(value or "").strip()
        if not text or text.isdecimal():
            return super().to_python(text)
        try:
            local = datetime.fromisoformat(text)
            if local.tzinfo is None:
                local = timezone.make_aware(local)
            return round(local.timestamp() * 1000)
        except (ValueError, OverflowError):
            raise ValidationError(
                _("%(text)s is not an instant; it is written 2026-10-10T20:26:18.042."),
                params={"text": text[:40]},
            ) from None


class MessageQueryForm(DescribeMessageByTopicForm):
    """The action's form as the page asks it."""

    is_abstract = True

    start_time = InstantField(label=gettext_lazy("From"), min_value=0, max_value=LATEST_MS)
    max_number = forms.IntegerField(
        label=gettext_lazy("Number"),
        min_value=1,
        max_value=NUMBERS[-1],
        widget=forms.Select(choices=[(number, f"{number:,}") for number in NUMBERS]),
    )


@require_GET
@page
def message_list(request: PageRequest) -> HttpResponse:
    """Message search over all clusters, one at a time; the last one chosen is remembered (U6)."""
    parameters = {"Limit": MOST_LISTED_CLUSTERS}
    listed: InstancePage = perform(request, DescribeInstanceListForm, parameters)
    by_id = {item.cluster.public_id: item.cluster for item in listed.items}
    asked = request.GET.get("instance_id", "")
    if asked and asked not in by_id:  # beyond the list, or not the reader's: then it is refused
        details = perform(request, DescribeInstanceForm, {"InstanceId": asked})
        by_id[asked] = details.cluster
    context: dict[str, Any] = {"clusters": list(by_id.values())}
    if not by_id:
        return show(request, "messages/search.html", context)
    remembered = request.COOKIES.get(CLUSTER_COOKIE, "")
    chosen = asked or (remembered if remembered in by_id else next(iter(by_id)))
    context["cluster"] = by_id[chosen]
    response = _answer(request, chosen, "messages/search.html", context)
    _remember(response, chosen)
    return response


@require_GET
@page
def cluster_message_list(request: PageRequest, cluster_id: str) -> HttpResponse:
    """Message query of one cluster (CONTRACT M1)."""
    context = cluster_frame(request, cluster_id, tab=TAB)
    return _answer(request, cluster_id, "messages/tab.html", context)


@require_GET
@page
def message_detail(request: PageRequest, cluster_id: str, message_id: str) -> HttpResponse:
    """One message whole, and what became of it (CONTRACT M4, M5)."""
    parameters = {"InstanceId": cluster_id, "MessageId": message_id}
    context = cluster_frame(request, cluster_id, tab=TAB)
    message: Message | None
    message, obstacle = read(request, DescribeMessageDetailsForm, parameters, instead=None)
    context |= {"message": message, "obstacle": obstacle, "message_id": message_id}
    if message is None:
        return show(request, "messages/detail.html", context)
    context["back"] = _local(request.GET.get("back", "")) or _around(cluster_id, message)
    context["is_console"] = message.client_id.startswith("console:")
    context |= _trace(request, parameters)
    return show(request, "messages/detail.html", context)


@require_GET
@page
def message_body(request: PageRequest, cluster_id: str, message_id: str) -> HttpResponse:
    """The body as a file that no browser opens (SECURITY C3)."""
    message: Message = perform(
        request, DescribeMessageDetailsForm, {"InstanceId": cluster_id, "MessageId": message_id}
    )
    response = HttpResponse(message.payload, content_type="application/octet-stream")
    response["Content-Disposition"] = f'attachment; filename="{message.message_id}.bin"'
    response["Content-Security-Policy"] = "sandbox; default-src 'none'"
    return response


def _answer(
    request: PageRequest, cluster_id: str, template: str, context: dict[str, Any]
) -> HttpResponse:
    """The form and, once asked, what it found."""
    now_ms = time.time_ns() // 1_000_000
    context |= {
        "presets": PRESETS,
        "zone": timezone.get_current_timezone_name(),
        "is_asked": "topic" in request.GET,
    }
    if not context["is_asked"]:
        initial = {"start_time": now_ms - USUAL_MINUTES * 60_000, "max_number": NUMBERS[0]}
        context["form"] = MessageQueryForm(initial=initial)
        return show(request, template, context)
    data = _asked(request.GET, cluster_id, now_ms)
    form = context["form"] = MessageQueryForm(data)
    hide(form, "instance_id")
    if not form.is_valid():
        return show(request, template, context, status=FORM_STATUS)
    canonical = _canonical(request, form)
    if canonical:
        return HttpResponseRedirect(canonical)
    try:
        found: MessageList = form.perform(request.actor)
    except ActionError as error:
        if error.status not in OBSTACLES:
            return show_refused(request, form, error, template, context)
        context["refusal"] = refused(request, error)
        return show(request, template, {**context, "obstacle": error})
    return _found(request, cluster_id, template, context, found)


def _found(
    request: PageRequest,
    cluster_id: str,
    template: str,
    context: dict[str, Any],
    found: MessageList,
) -> HttpResponse:
    messages = found.messages

    def fetch(offset: int, limit: int) -> Fetched[MessageSummary]:
        return messages[offset : offset + limit], len(messages)

    if wants_csv(request):
        return csv_download(f"messages-{cluster_id}", _headings(), map(_cells, messages))
    context |= {
        "page": table_page(request, fetch),
        "found_from": context["form"].cleaned_data["start_time"],
        "may_go_on": not found.complete
        or len(messages) == context["form"].cleaned_data["max_number"],
        "is_cut": not found.complete,
        "next_ms": messages[-1].stored_ms if messages else 0,
    }
    return show(request, template, context)


def _asked(query: QueryDict, cluster_id: str, now_ms: int) -> QueryDict:
    """What the address asks; a preset, or no instant at all, counts back from now."""
    data = query.copy()
    data["instance_id"] = cluster_id
    data.setdefault("max_number", str(NUMBERS[0]))
    minutes = query.get("last", "")
    known = {str(preset): preset for preset, _label in PRESETS}
    if minutes in known or "start_time" not in query:
        data["start_time"] = str(now_ms - known.get(minutes, USUAL_MINUTES) * 60_000)
    return data


def _canonical(request: PageRequest, form: MessageQueryForm) -> str:
    """The address that means the same for every reader and at any time: the instant in Unix
    milliseconds; empty when this is it.
    """
    start_ms = str(form.cleaned_data["start_time"])
    if request.GET.get("start_time") == start_ms and "last" not in request.GET:
        return ""
    query = {
        "topic": form.cleaned_data["topic"],
        "start_time": start_ms,
        "max_number": form.cleaned_data["max_number"],
        "page_size": page_size(request),
    }
    if "instance_id" in request.GET:
        query["instance_id"] = form.cleaned_data["instance_id"]
    return f"{request.path}?{urlencode(query)}"


def _trace(request: PageRequest, parameters: dict[str, str]) -> dict[str, Any]:
    """The trace for the template; when it cannot be read, why."""
    client = request.GET.get("client", "")
    trace: Trace
    try:
        trace = perform(request, DescribeTraceForm, parameters)
    except ResourceNotFound:
        trace = Trace(steps=())
    except ActionError as error:
        return {"trace_obstacle": error}
    words = told(trace)
    matching = [entry for entry in words.deliveries if client in ("", entry.client_id)]

    def fetch(offset: int, limit: int) -> Fetched[Any]:
        return matching[offset : offset + limit], len(matching)

    return {"told": words, "page": table_page(request, fetch), "client": client}


def _around(cluster_id: str, message: Message) -> str:
    """The search that finds the message first."""
    query = urlencode({"topic": message.topic, "start_time": message.stored_ms})
    return f"{reverse('cluster-message-list', args=[cluster_id])}?{query}"


def _local(address: str) -> str:
    """The address when it lies in this console, else none (SECURITY C14)."""
    return address if url_has_allowed_host_and_scheme(address, allowed_hosts=None) else ""


def _instant(text: str) -> datetime | None:
    if not (text.isascii() and text.isdecimal() and len(text) < 16) or int(text) > LATEST_MS:
        return None
    return datetime.fromtimestamp(int(text) / 1000, UTC)


def _remember(response: HttpResponse, cluster_id: str) -> None:
    response.set_cookie(
        CLUSTER_COOKIE,
        cluster_id,
        max_age=COOKIE_AGE_S,
        secure=settings.SESSION_COOKIE_SECURE,
        httponly=True,
        samesite="Lax",
    )


def _headings() -> Sequence[str]:
    return (
        _("Message ID"),
        _("Client ID"),
        _("Topic"),
        "QoS",
        _("Retained"),
        _("Stored"),
        _("Bytes"),
    )


def _cells(message: MessageSummary) -> Sequence[object]:
    stored = timezone.localtime(datetime.fromtimestamp(message.stored_ms / 1000, UTC))
    return (
        message.message_id,
        message.client_id,
        message.topic,
        message.qos,
        _("yes") if message.retain else _("no"),
        stored.isoformat(timespec="milliseconds"),
        message.payload_bytes,
    )
