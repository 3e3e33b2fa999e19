"""Forms of the topic actions."""

from __future__ import annotations

import base64
import binascii
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from clusters.fields import ClusterActionForm
from console.core.actors import Actor
from console.core.fields import (
    FiltersField,
    limit_field,
    name_validator,
    offset_field,
    remark_field,
)
from topics.selectors import describe_topic, describe_topic_list
from topics.services import create_topic, delete_topic, modify_topic, publish_message

TOPIC_NAME = name_validator(
    r"[A-Za-z0-9_-]{3,100}",
    gettext_lazy('3 to 100 characters: only letters, digits, "-" and "_".'),
)


def _topic_field() -> forms.CharField:
    """A first-level topic's name (CONTRACT T4)."""
    return forms.CharField(
        label=gettext_lazy("Topic"),
        min_length=3,
        max_length=100,
        validators=[TOPIC_NAME],
        strip=False,
    )


class CreateTopicForm(ClusterActionForm):
    """Form of CreateTopic."""

    function = staticmethod(create_topic)
    topic = _topic_field()
    remark = remark_field()


class ModifyTopicForm(ClusterActionForm):
    """Form of ModifyTopic."""

    function = staticmethod(modify_topic)
    topic = _topic_field()
    remark = remark_field()


class DeleteTopicForm(ClusterActionForm):
    """Form of DeleteTopic."""

    function = staticmethod(delete_topic)
    topic = _topic_field()


class DescribeTopicForm(ClusterActionForm):
    """Form of DescribeTopic."""

    function = staticmethod(describe_topic)
    topic = _topic_field()


class DescribeTopicListForm(ClusterActionForm):
    """Form of DescribeTopicList."""

    function = staticmethod(describe_topic_list)
    filters = FiltersField("TopicName", label=gettext_lazy("Filters"))
    offset = offset_field()
    limit = limit_field(100)


class PublishMessageForm(ClusterActionForm):
    """Form of PublishMessage: to a topic or to a client, text or base64."""

    function = staticmethod(publish_message)
    target_topic = forms.CharField(
        label=gettext_lazy("Topic"), max_length=1024, required=False, strip=False
    )
    target_client_id = forms.CharField(
        label=gettext_lazy("Client ID"), max_length=1024, required=False, strip=False
    )
    payload = forms.CharField(
        label=gettext_lazy("Message body"), widget=forms.Textarea, strip=False
    )
    encoding = forms.ChoiceField(
        label=gettext_lazy("Encoding"),
        choices=(("plain", gettext_lazy("Text")), ("base64", "Base64")),
        required=False,
    )
    qos = forms.IntegerField(label="QoS", min_value=0, max_value=2, required=False)
    retain = forms.BooleanField(label=gettext_lazy("Retained"), required=False)

    def clean(self) -> dict[str, Any]:
        """Exactly one target; the payload as bytes; only a topic can retain."""
        cleaned: dict[str, Any] = super().clean() or {}
        to_topic, to_client = cleaned.get("target_topic"), cleaned.get("target_client_id")
        if bool(to_topic) == bool(to_client):
            self.add_error(
                "target_topic",
                ValidationError(
                    _("give either a topic or a client ID."), code="" if to_topic else "required"
                ),
            )
        if to_topic and any(sign in to_topic for sign in "+#\0"):
            self.add_error("target_topic", _("a topic to publish to has no + and no #."))
        if to_client and cleaned.get("retain"):
            self.add_error("retain", _("only a message to a topic can be retained."))
        if "payload" in cleaned:
            self._decode_payload(cleaned)
        return cleaned

    def arguments(self, actor: Actor) -> dict[str, Any]:
        """Without ``encoding``, which the payload no longer needs; an absent QoS is 1."""
        given = super().arguments(actor)
        given.pop("encoding", None)
        if given.get("qos") is None:
            given.pop("qos", None)
        return given

    def _decode_payload(self, cleaned: dict[str, Any]) -> None:
        text: str = cleaned["payload"]
        if cleaned.get("encoding") != "base64":
            cleaned["payload"] = text.encode()
            return
        try:
            cleaned["payload"] = base64.b64decode(text, validate=True)
        except (binascii.Error, ValueError):
            self.add_error("payload", _("this is not base64."))
