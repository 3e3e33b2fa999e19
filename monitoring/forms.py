"""Forms of the reads of metrics, messages and events."""

from __future__ import annotations

from typing import Any, ClassVar

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from clusters.fields import ClusterActionForm
from console.core.actors import Actor
from console.core.errors import UnsupportedOperation
from console.core.fields import limit_field, name_validator
from console.core.forms import ActionForm
from monitoring.selectors.messages import (
    describe_event,
    describe_message_by_topic,
    describe_message_details,
    describe_trace,
)
from monitoring.selectors.metrics import (
    describe_instance_realtime_stats,
    describe_instance_realtime_stats_list,
)
from monitoring.series import CHARTS, SPANS

LATEST_MS = 4_102_444_800_000
"""The year 2100: a later instant is a slip of units."""
MOST_CLUSTERS = 100
"""Clusters whose metrics are read at once, when they are named."""
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


class DescribeInstanceRealtimeStatsForm(ClusterActionForm):
    """Form of DescribeInstanceRealtimeStats."""

    function = staticmethod(describe_instance_realtime_stats)
    api_names: ClassVar[dict[str, str]] = {"span": "Range"}
    span = forms.ChoiceField(
        label=gettext_lazy("Range"), choices=[(name, name) for name in SPANS], required=False
    )
    charts = forms.MultipleChoiceField(
        label=gettext_lazy("Charts"), choices=[(name, name) for name in CHARTS], required=False
    )

    def arguments(self, actor: Actor) -> dict[str, Any]:
        """Without what was given empty: the action then decides."""
        given = super().arguments(actor)
        return {name: value for name, value in given.items() if value}


class InstanceIdsField(forms.Field):
    """A list of cluster ids."""

    json_types: ClassVar[tuple[type, ...]] = (list,)

    def to_python(self, value: Any) -> list[str] | None:
        """Read the list; None when none was given."""
        if value is None:
            return None
        if not all(isinstance(item, str) and len(item) <= 64 for item in value):
            raise ValidationError(_("each entry is the ID of a cluster."))
        if len(value) > MOST_CLUSTERS:
            raise ValidationError(_("at most %(most)s clusters."), params={"most": MOST_CLUSTERS})
        return list(value)


class DescribeInstanceRealtimeStatsListForm(ActionForm):
    """Form of DescribeInstanceRealtimeStatsList."""

    function = staticmethod(describe_instance_realtime_stats_list)
    instance_ids = InstanceIdsField(label=gettext_lazy("Clusters"), required=False)
