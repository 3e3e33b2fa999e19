"""Forms of the account actions."""

from __future__ import annotations

import json
from typing import Any, ClassVar

from django import forms
from django.conf import settings
from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from console.accounts.resources import find_key, find_policy, find_sub_user, find_user
from console.accounts.selectors import (
    describe_access_keys,
    describe_rights_policies,
    describe_sub_users,
)
from console.accounts.services.access_keys import (
    create_access_key,
    delete_access_key,
    modify_access_key,
)
from console.accounts.services.rights import (
    attach_rights_policy,
    create_rights_policy,
    delete_rights_policy,
    detach_rights_policy,
)
from console.accounts.services.users import (
    change_language,
    change_password,
    create_sub_user,
    delete_sub_user,
    modify_sub_user,
)
from console.core.actors import Actor
from console.core.fields import name_validator, remark_field
from console.core.forms import ActionForm
from console.core.strict_json import JsonInvalid, strict_loads

MAX_PASSWORD = 128
MAX_DOCUMENT = 6144
USERNAME = name_validator(
    r"[A-Za-z0-9][A-Za-z0-9._@-]{2,63}",
    gettext_lazy('3 to 64 characters: letters, digits, ".", "_", "@" and "-", first no sign.'),
)
POLICY_NAME = name_validator(
    r"[A-Za-z0-9_.+=,@-]{1,64}",
    gettext_lazy('1 to 64 characters: letters, digits and "_", ".", "+", "=", ",", "@", "-".'),
)


def _username_field(*, required: bool = True, new: bool = False) -> forms.CharField:
    return forms.CharField(
        label=gettext_lazy("User name"),
        max_length=64,
        required=required,
        strip=False,
        validators=[USERNAME] if new else [],
    )


def _password_field(label: Any, *, required: bool, autocomplete: str) -> forms.CharField:
    return forms.CharField(
        label=label,
        max_length=MAX_PASSWORD,
        required=required,
        strip=False,
        widget=forms.PasswordInput(attrs={"autocomplete": autocomplete}),
    )


def _policy_name_field(*, new: bool = False) -> forms.CharField:
    return forms.CharField(
        label=gettext_lazy("Policy name"),
        max_length=64,
        strip=False,
        validators=[POLICY_NAME] if new else [],
    )


class PolicyDocumentField(forms.Field):
    """A rights policy, as JSON text or as an object."""

    json_types: ClassVar[tuple[type, ...]] = (str, dict)

    def to_python(self, value: Any) -> Any:
        """The document; its text is read strictly (SECURITY C19)."""
        text = value if isinstance(value, str) else json.dumps(value)
        if len(text) > MAX_DOCUMENT:
            raise ValidationError(
                _("a policy has at most %(most)s characters."), params={"most": MAX_DOCUMENT}
            )
        if not isinstance(value, str) or not value:
            return value
        try:
            return strict_loads(value)
        except JsonInvalid as error:
            raise ValidationError(
                _("this is not JSON: %(why)s."), params={"why": str(error)}
            ) from None


class SubUserForm(ActionForm):
    """Form of an action on one sub-user: ``Username`` becomes the ``user`` argument."""

    is_abstract = True
    username = _username_field()

    def arguments(self, actor: Actor) -> dict[str, Any]:
        """The sub-user, looked up in the actor's account, and the other fields."""
        given = super().arguments(actor)
        return {"user": find_sub_user(actor, given.pop("username")), **given}


class CreateSubUserForm(ActionForm):
    """Form of CreateSubUser."""

    function = staticmethod(create_sub_user)
    username = _username_field(new=True)
    password = _password_field(
        gettext_lazy("Password"), required=False, autocomplete="new-password"
    )
    remark = remark_field()


class DescribeSubUsersForm(ActionForm):
    """Form of DescribeSubUsers."""

    function = staticmethod(describe_sub_users)


class ModifySubUserForm(SubUserForm):
    """Form of ModifySubUser."""

    function = staticmethod(modify_sub_user)
    enabled = forms.BooleanField(label=gettext_lazy("Enabled"), required=False)
    password = _password_field(
        gettext_lazy("Password"), required=False, autocomplete="new-password"
    )
    remark = remark_field()


class DeleteSubUserForm(SubUserForm):
    """Form of DeleteSubUser."""

    function = staticmethod(delete_sub_user)


class CreateRightsPolicyForm(ActionForm):
    """Form of CreateRightsPolicy."""

    function = staticmethod(create_rights_policy)
    policy_name = _policy_name_field(new=True)
    policy_document = PolicyDocumentField(
        label=gettext_lazy("Policy document"), widget=forms.Textarea
    )
    remark = remark_field()


class DescribeRightsPoliciesForm(ActionForm):
    """Form of DescribeRightsPolicies."""

    function = staticmethod(describe_rights_policies)


class DeleteRightsPolicyForm(ActionForm):
    """Form of DeleteRightsPolicy."""

    function = staticmethod(delete_rights_policy)
    policy_name = _policy_name_field()

    def arguments(self, actor: Actor) -> dict[str, Any]:
        """The policy, looked up in the actor's account."""
        return {"policy": find_policy(actor, self.cleaned_data["policy_name"])}


class AttachRightsPolicyForm(SubUserForm):
    """Form of AttachRightsPolicy."""

    function = staticmethod(attach_rights_policy)
    policy_name = _policy_name_field()


class DetachRightsPolicyForm(SubUserForm):
    """Form of DetachRightsPolicy."""

    function = staticmethod(detach_rights_policy)
    policy_name = _policy_name_field()


class UserKeysForm(ActionForm):
    """Form of an action on a user's API keys; without ``Username`` one's own."""

    is_abstract = True
    username = _username_field(required=False)

    def arguments(self, actor: Actor) -> dict[str, Any]:
        """The user, looked up in the actor's account."""
        return {"user": find_user(actor, self.cleaned_data["username"])}


class CreateAccessKeyForm(UserKeysForm):
    """Form of CreateAccessKey."""

    function = staticmethod(create_access_key)


class DescribeAccessKeysForm(UserKeysForm):
    """Form of DescribeAccessKeys."""

    function = staticmethod(describe_access_keys)


class AccessKeyForm(ActionForm):
    """Form of an action on one API key: ``SecretId`` becomes the ``key`` argument."""

    is_abstract = True
    secret_id = forms.CharField(label="SecretId", max_length=64)

    def arguments(self, actor: Actor) -> dict[str, Any]:
        """The key, looked up in the actor's account, and the other fields."""
        given = super().arguments(actor)
        return {"key": find_key(actor, given.pop("secret_id")), **given}


class ModifyAccessKeyForm(AccessKeyForm):
    """Form of ModifyAccessKey."""

    function = staticmethod(modify_access_key)
    enabled = forms.BooleanField(label=gettext_lazy("Enabled"), required=False)

    def clean(self) -> dict[str, Any]:
        """``Enabled`` must be said: an API call without it would disable the key."""
        cleaned: dict[str, Any] = super().clean() or {}
        if self.from_json and not self.was_given("enabled"):
            self.add_error("enabled", ValidationError(_("say true or false."), code="required"))
        return cleaned


class DeleteAccessKeyForm(AccessKeyForm):
    """Form of DeleteAccessKey."""

    function = staticmethod(delete_access_key)


class ChangePasswordForm(ActionForm):
    """Form of ChangePassword."""

    function = staticmethod(change_password)
    current_password = _password_field(
        gettext_lazy("Current password"), required=True, autocomplete="current-password"
    )
    password = _password_field(
        gettext_lazy("New password"), required=True, autocomplete="new-password"
    )


class ChangeLanguageForm(ActionForm):
    """Form of ChangeLanguage."""

    function = staticmethod(change_language)
    language = forms.ChoiceField(label=gettext_lazy("Language"), choices=settings.LANGUAGES)
