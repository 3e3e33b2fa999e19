"""Forms of the authorization-policy actions."""

from __future__ import annotations

from typing import Any, ClassVar

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from clusters.fields import ClusterActionForm
from console.core.actors import Actor
from console.core.fields import name_validator, remark_field
from policies.models import AuthorizationPolicy
from policies.patterns import MAX_TOPICS, check_address, check_topic_pattern, check_variables
from policies.selectors import describe_authorization_policies
from policies.services import (
    create_authorization_policy,
    delete_authorization_policy,
    modify_authorization_policy,
)

ACTIONS = ("connect", "pub", "sub")
POLICY_NAME = name_validator(
    r"[一-鿿A-Za-z0-9_-]{3,64}",  # Chinese is allowed (CONTRACT Z6)
    gettext_lazy('3 to 64 characters: Chinese, letters, digits, "-" and "_".'),
)


class CommaSeparatedField(forms.CharField):
    """A comma-separated list; from a page it may be several lines or a multiple selection."""

    json_types: ClassVar[tuple[type, ...]] = (str,)
    widget = forms.Textarea

    def to_python(self, value: Any) -> list[str]:  # type: ignore[override]  # a list, not a text
        """Parts without surrounding space; empty parts and repetitions vanish."""
        text = ",".join(value) if isinstance(value, list) else value or ""
        parts = (part.strip() for part in str(text).replace("\n", ",").split(","))
        return list(dict.fromkeys(part for part in parts if part))

    def run_validators(self, value: Any) -> None:
        """Each part by itself."""
        for part in value:
            super().run_validators(part)


def _check_action(text: str) -> None:
    if text not in ACTIONS:
        raise ValidationError(
            _("%(action)s is not an action; known: %(known)s."),
            params={"action": text[:20], "known": ", ".join(ACTIONS)},
        )


def _check_qos(text: str) -> None:
    if text not in ("0", "1", "2"):
        raise ValidationError(_("%(qos)s is not a QoS; known: 0, 1, 2."), params={"qos": text[:20]})


class _PolicyFields(ClusterActionForm):
    """What a policy says, for creating and for changing."""

    is_abstract = True

    api_names: ClassVar[dict[str, str]] = {"topics": "Resources"}

    policy_name = forms.CharField(
        label=gettext_lazy("Policy name"), max_length=64, validators=[POLICY_NAME], strip=False
    )
    policy_version = forms.IntegerField(min_value=1, max_value=1, required=False)
    priority = forms.IntegerField(
        label=gettext_lazy("Priority"), min_value=1, max_value=1_000_000, required=False
    )
    effect = forms.ChoiceField(
        label=gettext_lazy("Effect"), choices=AuthorizationPolicy.Effect.choices
    )
    actions = CommaSeparatedField(
        label=gettext_lazy("Actions"),
        validators=[_check_action],
        widget=forms.CheckboxSelectMultiple(
            choices=(
                ("connect", gettext_lazy("Connect")),
                ("pub", gettext_lazy("Publish")),
                ("sub", gettext_lazy("Subscribe")),
            )
        ),
    )
    topics = CommaSeparatedField(
        label=gettext_lazy("Topics"), required=False, validators=[check_topic_pattern]
    )
    username = forms.CharField(
        label=gettext_lazy("Username"),
        max_length=256,
        required=False,
        strip=False,
        validators=[check_variables],
    )
    client_id = forms.CharField(
        label=gettext_lazy("Client ID"),
        max_length=256,
        required=False,
        strip=False,
        validators=[check_variables],
    )
    ip = forms.CharField(
        label=gettext_lazy("IP or CIDR"), max_length=64, required=False, validators=[check_address]
    )
    qos = CommaSeparatedField(
        label="QoS",
        required=False,
        validators=[_check_qos],
        widget=forms.CheckboxSelectMultiple(choices=(("0", "0"), ("1", "1"), ("2", "2"))),
    )
    retain = forms.TypedChoiceField(
        label=gettext_lazy("Retained messages"),
        choices=AuthorizationPolicy.Retain.choices,
        coerce=int,
        required=False,
        empty_value="",
    )
    retain.json_types = (int,)  # type: ignore[attr-defined]  # the API sends a number
    remark = remark_field()

    def clean_retain(self) -> int:
        """Both kinds of messages when nothing is said."""
        return int(self.cleaned_data["retain"] or AuthorizationPolicy.Retain.ANY)

    def clean_topics(self) -> list[str]:
        """A bounded number of patterns."""
        topics: list[str] = self.cleaned_data["topics"]
        if len(topics) > MAX_TOPICS:
            raise ValidationError(_("at most %(most)s topics."), params={"most": MAX_TOPICS})
        return topics

    def arguments(self, actor: Actor) -> dict[str, Any]:
        """QoS as numbers; the syntax version, of which there is one, and absent values left out."""
        given = super().arguments(actor)
        given.pop("policy_version", None)
        if given.get("priority") is None:
            given.pop("priority", None)
        if "qos" in given:
            given["qos"] = sorted(int(text) for text in given["qos"])
        return given


class CreateAuthorizationPolicyForm(_PolicyFields):
    """Form of CreateAuthorizationPolicy."""

    function = staticmethod(create_authorization_policy)


class ModifyAuthorizationPolicyForm(_PolicyFields):
    """Form of ModifyAuthorizationPolicy: only what is given changes."""

    function = staticmethod(modify_authorization_policy)
    id = forms.IntegerField(min_value=1)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.from_page_required = ("policy_name", "effect", "actions")

    def full_clean(self) -> None:
        """From JSON nothing but the ids is required."""
        for name in self.from_page_required:
            self.fields[name].required = not self.from_json or name in self.data
        super().full_clean()


class DeleteAuthorizationPolicyForm(ClusterActionForm):
    """Form of DeleteAuthorizationPolicy."""

    function = staticmethod(delete_authorization_policy)
    id = forms.IntegerField(min_value=1)


class DescribeAuthorizationPoliciesForm(ClusterActionForm):
    """Form of DescribeAuthorizationPolicies."""

    function = staticmethod(describe_authorization_policies)
