"""Pages of one's own account: sign-in and sign-out, language, password, API keys."""

from __future__ import annotations

from typing import Any

from django import forms
from django.conf import settings
from django.contrib.auth import update_session_auth_hash
from django.http import HttpRequest, HttpResponse
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_GET, require_http_methods, require_POST
from django.views.i18n import set_language

from console.accounts.forms import (
    MAX_PASSWORD,
    ChangeLanguageForm,
    ChangePasswordForm,
    CreateAccessKeyForm,
    DeleteAccessKeyForm,
    DescribeAccessKeysForm,
    ModifyAccessKeyForm,
)
from console.accounts.sign_in import sign_in, sign_out
from console.core.actors import Actor
from console.core.errors import ActionError
from console.core.pages import (
    FORM_STATUS,
    PageRequest,
    actor_from,
    form_data,
    lead_to,
    page,
    perform,
    refused,
    show,
    submit,
)

HOME = "/"
"""Leads those who are signed in to the overview (``console.api.views``)."""


class SignInForm(forms.Form):
    """What the sign-in page asks for."""

    username = forms.CharField(
        label=gettext_lazy("User name"),
        max_length=64,
        widget=forms.TextInput(attrs={"autocomplete": "username", "autofocus": True}),
    )
    password = forms.CharField(
        label=gettext_lazy("Password"),
        max_length=MAX_PASSWORD,
        strip=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "current-password"}),
    )


class PasswordPageForm(ChangePasswordForm):
    """The action's form with the new password typed twice."""

    is_abstract = True
    repeated = forms.CharField(
        label=gettext_lazy("New password again"),
        max_length=MAX_PASSWORD,
        strip=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
    )

    def clean_repeated(self) -> str:
        """Refuse two that differ; a password that is refused by itself is not compared."""
        repeated: str = self.cleaned_data["repeated"]
        if repeated != self.cleaned_data.get("password", repeated):
            raise forms.ValidationError(_("The two new passwords are not the same."))
        return repeated

    def arguments(self, actor: Actor) -> dict[str, Any]:
        """What the action takes."""
        given = super().arguments(actor)
        given.pop("repeated")
        return given


@sensitive_post_parameters("password")
@require_http_methods(["GET", "HEAD", "POST"])
def sign_in_page(request: HttpRequest) -> HttpResponse:
    """Ask for name and password; lead to the page that was wanted."""
    wanted = _local(request.POST.get("next") or request.GET.get("next") or "")
    if actor_from(request):
        return lead_to(request, wanted)
    form = SignInForm(request.POST if request.method == "POST" else None)
    context = {"form": form, "next": wanted}
    if not form.is_bound:
        return show(request, "accounts/sign_in.html", context)
    if not form.is_valid():
        return show(request, "accounts/sign_in.html", context, status=FORM_STATUS)
    try:
        user = sign_in(request, **form.cleaned_data)
    except ActionError as error:
        form.add_error(None, error.message)
        shown = {**context, "refusal": refused(request, error)}
        return show(request, "accounts/sign_in.html", shown, status=FORM_STATUS)
    response = lead_to(request, wanted)
    if user.language:
        _remember_language(response, user.language)
    return response


@require_POST
def sign_out_page(request: HttpRequest) -> HttpResponse:
    """End the session."""
    sign_out(request)
    return lead_to(request, "sign-in")


@require_POST
def choose_language(request: HttpRequest) -> HttpResponse:
    """Switch the language, for this browser and, when signed in, for the user (DECISIONS 17)."""
    actor = actor_from(request)
    form = ChangeLanguageForm(form_data(request))
    if actor and form.is_valid():
        form.perform(actor)
    return set_language(request)


@sensitive_post_parameters()
@require_http_methods(["GET", "HEAD", "POST"])
@page
def password_change(request: PageRequest) -> HttpResponse:
    """Change one's own password; this session goes on, all others end."""
    form = PasswordPageForm(form_data(request))
    template, context = "accounts/password_change.html", {"form": form}
    if request.method != "POST":
        return show(request, template, context)

    def keep_session(user: object) -> str:
        update_session_auth_hash(request, user)  # type: ignore[arg-type]  # change_password returns the user
        return HOME

    return submit(
        request, form, template, context, then=keep_session, done=_("The password is changed.")
    )


@require_GET
@page
def api_key_list(request: PageRequest) -> HttpResponse:
    """One's own API keys."""
    keys = perform(request, DescribeAccessKeysForm, {})
    return show(
        request,
        "accounts/api_key_list.html",
        {"keys": keys},
        part="accounts/_api_key_table.html",
    )


@require_POST
@page
def api_key_create(request: PageRequest) -> HttpResponse:
    """Make a key for oneself, and show its secret: on this one answer, which no cache keeps."""
    created = perform(request, CreateAccessKeyForm, {})
    return show(request, "accounts/api_key_created.html", {"created": created})


@require_POST
@page
def api_key_switch(request: PageRequest, secret_id: str) -> HttpResponse:
    """Enable or disable a key."""
    ModifyAccessKeyForm(form_data(request, secret_id=secret_id)).perform(request.actor)
    return lead_to(request, "api-key-list")


@require_http_methods(["GET", "HEAD", "POST"])
@page
def api_key_delete(request: PageRequest, secret_id: str) -> HttpResponse:
    """Delete a key, asked twice."""
    form = DeleteAccessKeyForm(form_data(request, secret_id=secret_id))
    context = {"form": form, "secret_id": secret_id}
    template = "accounts/api_key_delete.html"
    part = "accounts/_api_key_delete.html"
    if request.method != "POST":
        return show(request, template, context, part=part)
    return submit(
        request,
        form,
        template,
        context,
        part=part,
        then="api-key-list",
        done=_("API key %(id)s is deleted.") % {"id": secret_id},
        changed="keys-changed",
    )


def _local(address: str) -> str:
    """The address when it lies in this console, else its front door (SECURITY C14)."""
    return address if url_has_allowed_host_and_scheme(address, allowed_hosts=None) else HOME


def _remember_language(response: HttpResponse, language: str) -> None:
    response.set_cookie(
        settings.LANGUAGE_COOKIE_NAME,
        language,
        max_age=365 * 86_400,
        secure=settings.SESSION_COOKIE_SECURE,
        httponly=True,
        samesite="Lax",
    )
