"""Pages of a cluster's authorization policies."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods

from clusters.frame import cluster_frame
from clusters.tab_parts import dialog_context, form_dialog, hide
from console.core.errors import ResourceNotFound
from console.core.listing import Fetched, csv_download, search_text, table_page, wants_csv
from console.core.pages import (
    FORM_STATUS,
    PageRequest,
    form_data,
    page,
    perform,
    show,
    submit,
)
from policies.examples import EXAMPLE_BY_KEY, EXAMPLES
from policies.forms import (
    CreateAuthorizationPolicyForm,
    DeleteAuthorizationPolicyForm,
    DescribeAuthorizationPoliciesForm,
    ModifyAuthorizationPolicyForm,
)
from policies.patterns import VARIABLES
from policies.wording import Said, said

if TYPE_CHECKING:
    from policies.models import AuthorizationPolicy

TAB = "policies"
CHANGED = "policies-changed"
FORM = "policies/form.html"
METHODS = ["GET", "HEAD", "POST"]
ANY_MESSAGE = 3
"""``Retain``: both kinds."""


@dataclass(frozen=True, slots=True)
class Row:
    """A policy as the table shows it; ``place`` counts from 1 in the order of checking."""

    place: int
    policy: AuthorizationPolicy
    said: Said


@require_GET
@page
def policy_list(request: PageRequest, cluster_id: str) -> HttpResponse:
    """The policies in the order in which they are checked (CONTRACT Z7)."""
    policies = _policies(request, cluster_id)
    search = search_text(request)
    rows = [
        Row(place, policy, said(policy))
        for place, policy in enumerate(policies, start=1)
        if search.casefold() in policy.name.casefold()
    ]

    def fetch(offset: int, limit: int) -> Fetched[Row]:
        return rows[offset : offset + limit], len(rows)

    if wants_csv(request):
        return csv_download(f"policies-{cluster_id}", _headings(), map(_cells, rows))
    context = {
        **cluster_frame(request, cluster_id, tab=TAB),
        "page": table_page(request, fetch),
        "search": search,
        "is_empty": not policies,
    }
    return show(request, "policies/list.html", context)


@require_http_methods(METHODS)
@page
def policy_create(request: PageRequest, cluster_id: str) -> HttpResponse:
    """Create a policy: fill in, read what it says, then create it (CONTRACT Z6). An example or
    another policy may fill the form (Z8, Z9).
    """
    data = form_data(request, instance_id=cluster_id)
    policies = _policies(request, cluster_id)
    initial = _initial(request, policies)
    form = CreateAuthorizationPolicyForm(data, initial=initial)
    context = {
        **cluster_frame(request, cluster_id, tab=TAB),
        **_form_context(form),
        "examples": EXAMPLES,
        "chosen": request.GET.get("example", ""),
        "is_new": True,
    }
    if data is None or data.get("step") == "edit":
        return show(request, FORM, context)
    if data.get("step") == "create":
        return submit(
            request,
            form,
            FORM,
            context,
            then=reverse("policy-list", args=[cluster_id]),
            done=_("The policy is created."),
        )
    if not form.is_valid():
        return show(request, FORM, context, status=FORM_STATUS)
    sent = [(name, value) for name in form.fields for value in data.getlist(name)]
    context |= {"sent": sent, "said": said(_Draft.of(form)), "place": len(policies) + 1}
    return show(request, "policies/review.html", context)


@require_http_methods(METHODS)
@page
def policy_edit(request: PageRequest, cluster_id: str, policy_id: int) -> HttpResponse:
    """Change a policy."""
    policy = _policy(_policies(request, cluster_id), policy_id)
    data = form_data(request, instance_id=cluster_id, id=str(policy_id))
    form = ModifyAuthorizationPolicyForm(data, initial=_as_initial(policy))
    hide(form, "id")
    context = {
        **cluster_frame(request, cluster_id, tab=TAB),
        **_form_context(form),
        "policy": policy,
    }
    if data is None:
        return show(request, FORM, context)
    return submit(
        request,
        form,
        FORM,
        context,
        then=reverse("policy-list", args=[cluster_id]),
        done=_("Policy %(name)s is changed.") % {"name": policy.name},
    )


@require_http_methods(METHODS)
@page
def policy_delete(request: PageRequest, cluster_id: str, policy_id: int) -> HttpResponse:
    """Delete a policy, asked twice (CONTRACT Z8, U1)."""
    context = dialog_context(request, cluster_id, tab=TAB, dialog="policies/_delete.html")
    policy = _policy(_policies(request, cluster_id), policy_id)
    return form_dialog(
        request,
        DeleteAuthorizationPolicyForm(
            form_data(request, instance_id=cluster_id, id=str(policy_id))
        ),
        {**context, "policy": policy},
        fixed=("id",),
        then=reverse("policy-list", args=[cluster_id]),
        done=_("Policy %(name)s is deleted.") % {"name": policy.name},
        changed=CHANGED,
    )


@dataclass(frozen=True, slots=True)
class _Draft:
    """What a valid form says, before it is a policy."""

    effect: str
    actions: Sequence[str]
    topics: Sequence[str]
    username: str
    client_id: str
    ip: str
    qos: Sequence[int]
    retain: int

    @classmethod
    def of(cls, form: CreateAuthorizationPolicyForm) -> _Draft:
        given = form.cleaned_data
        return cls(
            effect=given["effect"],
            actions=given["actions"],
            topics=given["topics"],
            username=given["username"],
            client_id=given["client_id"],
            ip=given["ip"],
            qos=[int(qos) for qos in given["qos"]],
            retain=given["retain"],
        )


def _form_context(
    form: CreateAuthorizationPolicyForm | ModifyAuthorizationPolicyForm,
) -> dict[str, Any]:
    hide(form, "instance_id")
    form.fields["topics"].widget.attrs["rows"] = 4
    return {"form": form, "variables": sorted(VARIABLES, key=lambda name: (len(name), name))}


def _policies(request: PageRequest, cluster_id: str) -> list[AuthorizationPolicy]:
    found: list[AuthorizationPolicy] = perform(
        request, DescribeAuthorizationPoliciesForm, {"InstanceId": cluster_id}
    )
    return found


def _policy(policies: list[AuthorizationPolicy], policy_id: int) -> AuthorizationPolicy:
    for policy in policies:
        if policy.pk == policy_id:
            return policy
    raise ResourceNotFound(
        _("There is no authorization policy %(policy)s in this cluster.") % {"policy": policy_id},
        code="ResourceNotFound.AuthorizationPolicy",
        field="id",
    )


def _initial(request: HttpRequest, policies: list[AuthorizationPolicy]) -> dict[str, Any]:
    """What the form holds at first: an example, a copy of another policy, or hardly anything."""
    example = EXAMPLE_BY_KEY.get(request.GET.get("example", ""))
    if example is not None:
        return {
            "policy_name": example.key,
            "effect": example.effect,
            "actions": list(example.actions),
            "topics": "\n".join(example.topics),
            "username": example.username,
            "client_id": example.client_id,
            "ip": example.ip,
            "qos": ["0", "1", "2"],
            "retain": ANY_MESSAGE,
        }
    copied = request.GET.get("copy", "")
    for policy in policies:
        if str(policy.pk) == copied:
            return {**_as_initial(policy), "policy_name": "", "priority": None}
    return {"effect": "allow", "qos": ["0", "1", "2"], "retain": ANY_MESSAGE}


def _as_initial(policy: AuthorizationPolicy) -> dict[str, Any]:
    return {
        "policy_name": policy.name,
        "remark": policy.remark,
        "priority": policy.priority,
        "effect": policy.effect,
        "actions": policy.actions,
        "topics": "\n".join(policy.topics),
        "username": policy.username,
        "client_id": policy.client_id,
        "ip": policy.ip,
        "qos": [str(qos) for qos in policy.qos or (0, 1, 2)],
        "retain": policy.retain,
    }


def _headings() -> Sequence[str]:
    return (
        _("Order"),
        _("Priority"),
        _("Policy name"),
        _("Effect"),
        _("Actions"),
        _("Topics"),
        _("Conditions"),
        _("Description"),
    )


def _cells(row: Row) -> Sequence[object]:
    policy = row.policy
    return (
        row.place,
        policy.priority,
        policy.name,
        policy.get_effect_display(),
        ", ".join(row.said.actions),
        " ".join(policy.topics),
        "; ".join(f"{what} {value}" for what, value in row.said.conditions),
        policy.remark,
    )
