"""Pages of a cluster's users: what MQTT clients sign in with."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from django.http import HttpResponse
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_GET, require_http_methods

from authn.forms import (
    CreateUserForm,
    DeleteUserForm,
    DescribeUserForm,
    DescribeUserListForm,
    ModifyUserForm,
    ViewUserPasswordsForm,
)
from authn.selectors import UserPage
from clusters.frame import cluster_frame
from clusters.tab_parts import (
    TEMPLATE,
    dialog_context,
    form_dialog,
    hide,
    show_dialog,
    table_parameters,
)
from console.core.errors import ActionError
from console.core.forms import FORMS
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
    live_event,
    page,
    perform,
    show,
    show_refused,
    trigger,
    wants_part,
)

if TYPE_CHECKING:
    from authn.models import MqttUser

TAB = "users"
CHANGED = "users-changed"
METHODS = ["GET", "HEAD", "POST"]


@require_GET
@page
def user_list(request: PageRequest, cluster_id: str) -> HttpResponse:
    """The users of a cluster (CONTRACT A5); no password is in the page (SECURITY C11)."""
    search = search_text(request)

    def fetch(offset: int, limit: int) -> Fetched[MqttUser]:
        parameters = table_parameters(cluster_id, offset, limit, search=search, by="Username")
        found: UserPage = perform(request, DescribeUserListForm, parameters)
        return found.users, found.total

    if wants_csv(request):
        return csv_download(f"users-{cluster_id}", _headings(), map(_cells, every_row(fetch)))
    frame = cluster_frame(request, cluster_id, tab=TAB)
    context = {**frame, "page": table_page(request, fetch), "search": search}
    context["everything_refused"] = _is_everything_refused(request, context)
    return show(request, "authn/list.html", context)


@sensitive_post_parameters("password")
@require_http_methods(METHODS)
@page
def user_create(request: PageRequest, cluster_id: str) -> HttpResponse:
    """Create a user; then show the password, to those who may see it (CONTRACT A4, A6)."""
    context = dialog_context(request, cluster_id, tab=TAB, dialog="authn/_create.html")
    form = CreateUserForm(form_data(request, instance_id=cluster_id))
    hide(form, "instance_id")
    context["form"] = form
    if request.method != "POST":
        return show_dialog(request, context)
    try:
        user: MqttUser = form.perform(request.actor)
    except ActionError as error:
        return show_refused(request, form, error, TEMPLATE, context, part=context["dialog"])
    if not wants_part(request):
        after = "user-password" if context["may"]["ViewUserPasswords"] else "user-list"
        names = [cluster_id, user.username] if after == "user-password" else [cluster_id]
        return lead_to(request, reverse(after, args=names))
    context |= {"username": user.username, "is_new": True, "dialog": "authn/_password.html"}
    if context["may"]["ViewUserPasswords"]:
        context["password"] = _password(request, cluster_id, user.username)
    context["everything_refused"] = _is_everything_refused(request, context)
    return trigger(show_dialog(request, context), live_event(CHANGED))


@require_http_methods(METHODS)
@page
def user_edit(request: PageRequest, cluster_id: str, username: str) -> HttpResponse:
    """Change the description."""
    context = dialog_context(request, cluster_id, tab=TAB, dialog="authn/_edit.html")
    user = _user(request, cluster_id, username)
    data = form_data(request, instance_id=cluster_id, username=username)
    return form_dialog(
        request,
        ModifyUserForm(data, initial={"remark": user.remark}),
        {**context, "user_shown": user},
        fixed=("username",),
        then=reverse("user-list", args=[cluster_id]),
        done=_("The description is changed."),
        changed=CHANGED,
    )


@require_http_methods(METHODS)
@page
def user_delete(request: PageRequest, cluster_id: str, username: str) -> HttpResponse:
    """Delete a user, asked twice (CONTRACT U1)."""
    context = dialog_context(request, cluster_id, tab=TAB, dialog="authn/_delete.html")
    user = _user(request, cluster_id, username)
    return form_dialog(
        request,
        DeleteUserForm(form_data(request, instance_id=cluster_id, username=username)),
        {**context, "user_shown": user},
        fixed=("username",),
        then=reverse("user-list", args=[cluster_id]),
        done=_("User %(name)s is deleted.") % {"name": username},
        changed=CHANGED,
    )


@require_GET
@page
def user_password(request: PageRequest, cluster_id: str, username: str) -> HttpResponse:
    """The password of one user, on this answer only, which no cache keeps; the view is audited
    (CONTRACT A6, SECURITY C11).
    """
    context = dialog_context(request, cluster_id, tab=TAB, dialog="authn/_password.html")
    context["username"] = _user(request, cluster_id, username).username
    context["password"] = _password(request, cluster_id, username)
    response = show_dialog(request, context)
    response["Cache-Control"] = "no-store"
    return response


def _user(request: PageRequest, cluster_id: str, username: str) -> MqttUser:
    parameters = {"InstanceId": cluster_id, "Username": username}
    user: MqttUser = perform(request, DescribeUserForm, parameters)
    return user


def _password(request: PageRequest, cluster_id: str, username: str) -> str:
    parameters = {"InstanceId": cluster_id, "Usernames": [username]}
    found: dict[str, str] = perform(request, ViewUserPasswordsForm, parameters)
    return found.get(username, "")


def _is_everything_refused(request: PageRequest, context: dict[str, Any]) -> bool:
    """Whether clients are refused because no policy exists (CONTRACT A7), as far as the reader may
    know. The policies are another app's: their action is found by its name, as the API finds it.
    """
    cluster = context["cluster"]
    if not cluster.authorization_enabled or not context["may"]["DescribeAuthorizationPolicies"]:
        return False
    form = FORMS["DescribeAuthorizationPolicies"]
    return not perform(request, form, {"InstanceId": cluster.public_id})


def _headings() -> Sequence[str]:
    return _("Username"), _("Description"), _("Created"), _("Last updated")


def _cells(user: MqttUser) -> Sequence[object]:
    return (
        user.username,
        user.remark,
        user.created_at.isoformat(timespec="seconds"),
        user.modified_at.isoformat(timespec="seconds"),
    )
