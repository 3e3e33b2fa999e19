"""Pages of a cluster's topics and of the test message."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django import forms
from django.http import HttpResponse
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_GET, require_http_methods

from clusters.frame import cluster_frame
from clusters.tab_parts import (
    TEMPLATE,
    dialog_context,
    form_dialog,
    hide,
    show_dialog,
    table_parameters,
)
from console.core.actors import Actor
from console.core.errors import ActionError
from console.core.listing import (
    Fetched,
    csv_download,
    every_row,
    search_text,
    table_page,
    wants_csv,
)
from console.core.pages import (
    PageRequest,
    form_data,
    lead_to,
    page,
    perform,
    show,
    show_refused,
    wants_part,
)
from topics.forms import (
    CreateTopicForm,
    DeleteTopicForm,
    DescribeTopicForm,
    DescribeTopicListForm,
    ModifyTopicForm,
    PublishMessageForm,
)
from topics.selectors import TopicPage, TopicView
from topics.services import CONSOLE_MESSAGE_BYTES

TAB = "topics"
CHANGED = "topics-changed"
METHODS = ["GET", "HEAD", "POST"]


class TestMessageForm(PublishMessageForm):
    """The action's form as the page asks it: the first level stands, the rest is typed."""

    is_abstract = True

    below = forms.CharField(
        label=gettext_lazy("Topic"), max_length=900, required=False, strip=False
    )
    qos = forms.IntegerField(
        label="QoS",
        min_value=0,
        max_value=2,
        initial=1,
        widget=forms.RadioSelect(choices=(("0", "0"), ("1", "1"), ("2", "2"))),
    )
    encoding = forms.ChoiceField(
        label=gettext_lazy("Encoding"),
        choices=(("plain", gettext_lazy("Text")), ("base64", "Base64")),
        initial="plain",
        widget=forms.RadioSelect,
    )
    payload = forms.CharField(
        label=gettext_lazy("Message body"), widget=forms.Textarea(attrs={"rows": 6}), strip=False
    )

    def clean_payload(self) -> str:
        """Browsers send the line breaks of a text box as CR LF; what was typed has LF."""
        text: str = self.cleaned_data["payload"]
        return text.replace("\r\n", "\n")

    def add_error(self, field: str | None, error: Any) -> None:
        """What is wrong with the whole topic stands at the part of it that was typed."""
        super().add_error("below" if field == "target_topic" else field, error)

    def arguments(self, actor: Actor) -> dict[str, Any]:
        """What the action takes."""
        given = super().arguments(actor)
        given.pop("below", None)
        return given


@require_GET
@page
def topic_list(request: PageRequest, cluster_id: str) -> HttpResponse:
    """The topics of a cluster (CONTRACT section 7)."""
    search = search_text(request)
    totals: list[TopicPage] = []

    def fetch(offset: int, limit: int) -> Fetched[TopicView]:
        parameters = table_parameters(cluster_id, offset, limit, search=search, by="TopicName")
        found: TopicPage = perform(request, DescribeTopicListForm, parameters)
        totals.append(found)
        return found.topics, found.total

    if wants_csv(request):
        return csv_download(f"topics-{cluster_id}", _headings(), map(_cells, every_row(fetch)))
    frame = cluster_frame(request, cluster_id, tab=TAB)
    table = table_page(request, fetch)
    context = {**frame, "page": table, "search": search, "totals": totals[-1]}
    context["activity_unknown"] = any(view.activity is None for view in table.object_list)
    return show(request, "topics/list.html", context)


@require_GET
@page
def topic_detail(request: PageRequest, cluster_id: str, topic: str) -> HttpResponse:
    """One topic (CONTRACT T7)."""
    frame = cluster_frame(request, cluster_id, tab=TAB)
    view = perform(request, DescribeTopicForm, {"InstanceId": cluster_id, "Topic": topic})
    return show(request, "topics/detail.html", {**frame, "view": view, "topic": view.topic})


@require_http_methods(METHODS)
@page
def topic_create(request: PageRequest, cluster_id: str) -> HttpResponse:
    """Create a topic; says how many there may still be (CONTRACT T3–T6)."""
    context = dialog_context(request, cluster_id, tab=TAB, dialog="topics/_create.html")
    if context["may"]["DescribeTopicList"]:
        parameters = {"InstanceId": cluster_id, "Limit": 1}
        context["totals"] = perform(request, DescribeTopicListForm, parameters)
    return form_dialog(
        request,
        CreateTopicForm(form_data(request, instance_id=cluster_id)),
        context,
        then=reverse("topic-list", args=[cluster_id]),
        done=_("The topic is created."),
        changed=CHANGED,
    )


@require_http_methods(METHODS)
@page
def topic_edit(request: PageRequest, cluster_id: str, topic: str) -> HttpResponse:
    """Change the description (CONTRACT T11)."""
    context = dialog_context(request, cluster_id, tab=TAB, dialog="topics/_edit.html")
    found = perform(request, DescribeTopicForm, {"InstanceId": cluster_id, "Topic": topic}).topic
    data = form_data(request, instance_id=cluster_id, topic=topic)
    return form_dialog(
        request,
        ModifyTopicForm(data, initial={"remark": found.remark}),
        {**context, "topic": found},
        fixed=("topic",),
        then=reverse("topic-list", args=[cluster_id]),
        done=_("The description is changed."),
        changed=CHANGED,
    )


@require_http_methods(METHODS)
@page
def topic_delete(request: PageRequest, cluster_id: str, topic: str) -> HttpResponse:
    """Delete a topic, asked twice (CONTRACT T13, U1)."""
    context = dialog_context(request, cluster_id, tab=TAB, dialog="topics/_delete.html")
    found = perform(request, DescribeTopicForm, {"InstanceId": cluster_id, "Topic": topic}).topic
    return form_dialog(
        request,
        DeleteTopicForm(form_data(request, instance_id=cluster_id, topic=topic)),
        {**context, "topic": found},
        fixed=("topic",),
        then=reverse("topic-list", args=[cluster_id]),
        done=_("Topic %(name)s is deleted.") % {"name": topic},
        changed=CHANGED,
    )


@require_http_methods(METHODS)
@page
def topic_publish(request: PageRequest, cluster_id: str, topic: str) -> HttpResponse:
    """Send a test message, then lead to it (CONTRACT T9, T10)."""
    context = dialog_context(request, cluster_id, tab=TAB, dialog="topics/_publish.html")
    perform(request, DescribeTopicForm, {"InstanceId": cluster_id, "Topic": topic})
    data = form_data(request, instance_id=cluster_id, target_client_id="")
    if data is not None:
        below = data.get("below", "")
        data["target_topic"] = f"{topic}/{below}" if below else topic
    form = TestMessageForm(data)
    hide(form, "instance_id", "target_topic", "target_client_id")
    context |= {"form": form, "topic_name": topic, "most_bytes": CONSOLE_MESSAGE_BYTES}
    if data is None:
        return show_dialog(request, context)
    try:
        published = form.perform(request.actor)
    except ActionError as error:
        return show_refused(request, form, error, TEMPLATE, context, part=context["dialog"])
    if not wants_part(request):
        return lead_to(request, reverse("message-detail", args=[cluster_id, published.message_id]))
    context |= {"published": published, "sent_to": form.cleaned_data["target_topic"]}
    return show(request, TEMPLATE, context, part="topics/_published.html")


def _headings() -> Sequence[str]:
    return (
        _("Topic"),
        _("Description"),
        _("Online subscriptions"),
        _("Subscriber clients"),
        _("Created by its first use"),
        _("Created"),
    )


def _cells(view: TopicView) -> Sequence[object]:
    activity = view.activity
    return (
        view.topic.name,
        view.topic.remark,
        activity.online_subscriptions if activity else "",
        activity.online_subscriber_clients if activity else "",
        _("yes") if view.topic.auto_created else _("no"),
        view.topic.created_at.isoformat(timespec="seconds"),
    )
