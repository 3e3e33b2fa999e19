"""Forms of the message and event queries."""

from __future__ import annotations

from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from clusters.fields import ClusterActionForm
from console.core.actors import Actor
from console.core.errors import UnsupportedOperation
from console.core.fields import limit_field, name_validator
from monitoring.selectors import (
    describe_event,
    describe_message_by_topic,
    describe_message_details,
    describe_trace,
)

LATEST_MS = 4_102_444_800_000
"""The year 2100: a later instant is a slip of units."""
MESSAGE_ID = name_validator(r"[0-9A-Fa-f]{16}", gettext_lazy("a message ID has 16 hex digits."))


def _instant_field(label: Any, *, required: bool) -> forms.IntegerField:
    """Unix milliseconds."""
    return forms.IntegerField(label=label, min_value=0, max_value=LATEST_MS, required=required)


class DescribeMessageByTopicForm(ClusterActionForm):
    """Form of DescribeMessageByTopic."""

    function = staticmethod(describe_message_by_topic)
    topic = forms.CharField(label=gettext_lazy("Topic"), max_length=1024, strip=False)
    start_time = _instant_field(gettext_lazy("Start time"), required=True)
    max_number = forms.IntegerField(
        label=gettext_lazy("Number"), min_value=1, max_value=1024, required=False
    )
    filter_expression = forms.CharField(max_length=4096, required=False)

    def clean_topic(self) -> str:
        """A topic name or filter (MQTT 5.0 §4.7): # whole and last, + whole."""
        topic: str = self.cleaned_data["topic"]
        levels = topic.split("/")
        misplaced = any("#" in level for level in levels[:-1]) or any(
            sign in level and len(level) > 1 for level in levels for sign in "+#"
        )
        if misplaced or "\0" in topic:
            raise ValidationError(_("# must be the whole last level, + a whole level."))
        return topic

    def arguments(self, actor: Actor) -> dict[str, Any]:
        """A jq filter is refused in words rather than ignored."""
        given = super().arguments(actor)
        if given.pop("filter_expression", ""):
            raise UnsupportedOperation(
                _("FilterExpression is not available yet; query without it."),
                field="filter_expression",
            )
        return given


class DescribeMessageDetailsForm(ClusterActionForm):
    """Form of DescribeMessageDetails; ``Subscription`` is taken and not needed: ids are unique."""

    function = staticmethod(describe_message_details)
    message_id = forms.CharField(label=gettext_lazy("Message ID"), validators=[MESSAGE_ID])
    subscription = forms.CharField(max_length=1024, required=False)

    def arguments(self, actor: Actor) -> dict[str, Any]:
        """Without the subscription."""
        given = super().arguments(actor)
        given.pop("subscription", None)
        return {**given, "message_id": given["message_id"].upper()}


class DescribeTraceForm(ClusterActionForm):
    """Form of DescribeTrace."""

    function = staticmethod(describe_trace)
    message_id = forms.CharField(label=gettext_lazy("Message ID"), validators=[MESSAGE_ID])


class DescribeEventForm(ClusterActionForm):
    """Form of DescribeEvent."""

    function = staticmethod(describe_event)
    client_id = forms.CharField(
        label=gettext_lazy("Client ID"), max_length=65_535, required=False, strip=False
    )
    start_time = _instant_field(gettext_lazy("Start time"), required=False)
    end_time = _instant_field(gettext_lazy("End time"), required=False)
    limit = limit_field(1000)
