"""Forms of the user actions."""

from __future__ import annotations

from typing import Any, ClassVar

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from authn.selectors import describe_user, describe_user_list, view_user_passwords
from authn.services import create_user, delete_user, modify_user
from clusters.fields import ClusterActionForm
from console.core.fields import (
    FiltersField,
    limit_field,
    name_validator,
    offset_field,
    refuse_zeros,
    remark_field,
)

USERNAME = name_validator(
    r"[A-Za-z0-9_-]{1,32}",
    gettext_lazy('1 to 32 characters: only letters, digits, "-" and "_".'),
)
PASSWORD = name_validator(
    r"[A-Za-z0-9_-]{1,64}",
    gettext_lazy('1 to 64 characters: only letters, digits, "-" and "_".'),
)


def _username_field() -> forms.CharField:
    """A username (CONTRACT A4)."""
    return forms.CharField(
        label=gettext_lazy("Username"), max_length=32, validators=[USERNAME], strip=False
    )


class UsernamesField(forms.Field):
    """A list of usernames; from a page a single one."""

    json_types: ClassVar[tuple[type, ...]] = (list,)

    def to_python(self, value: Any) -> list[str]:
        """At most 100 texts."""
        names = [value] if isinstance(value, str) and value else value or []
        if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
            raise ValidationError(_("a list of usernames is needed."))
        if len(names) > 100:
            raise ValidationError(_("at most 100 usernames."))
        refuse_zeros(*names)
        return names


class CreateUserForm(ClusterActionForm):
    """Form of CreateUser."""

    function = staticmethod(create_user)
    username = _username_field()
    password = forms.CharField(
        label=gettext_lazy("Password"),
        max_length=64,
        required=False,
        validators=[PASSWORD],
        strip=False,
        help_text=gettext_lazy("Leave it empty to have one generated."),
    )
    remark = remark_field()


class ModifyUserForm(ClusterActionForm):
    """Form of ModifyUser."""

    function = staticmethod(modify_user)
    username = _username_field()
    remark = remark_field()


class DeleteUserForm(ClusterActionForm):
    """Form of DeleteUser."""

    function = staticmethod(delete_user)
    username = _username_field()


class DescribeUserForm(ClusterActionForm):
    """Form of DescribeUser (the console's own)."""

    function = staticmethod(describe_user)
    username = _username_field()


class DescribeUserListForm(ClusterActionForm):
    """Form of DescribeUserList."""

    function = staticmethod(describe_user_list)
    filters = FiltersField("Username", label=gettext_lazy("Filters"))
    offset = offset_field()
    limit = limit_field(100)


class ViewUserPasswordsForm(ClusterActionForm):
    """Form of ViewUserPasswords."""

    function = staticmethod(view_user_passwords)
    usernames = UsernamesField(label=gettext_lazy("Usernames"))
